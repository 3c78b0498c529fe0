"""`python -m recipes.speech` is `rnn-zoo train speech`."""

import sys

from recipes.kit.cli import main

sys.exit(main(["train", "speech", *sys.argv[1:]]))
