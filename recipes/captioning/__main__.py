"""`python -m recipes.captioning` is `rnn-zoo train captioning`."""

import sys

from recipes.kit.cli import main

sys.exit(main(["train", "captioning", *sys.argv[1:]]))
