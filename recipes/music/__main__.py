"""`python -m recipes.music` is `rnn-zoo train music`."""

import sys

from recipes.kit.cli import main

sys.exit(main(["train", "music", *sys.argv[1:]]))
