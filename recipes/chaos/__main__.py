"""`python -m recipes.chaos` is `rnn-zoo train chaos`."""

import sys

from recipes.kit.cli import main

sys.exit(main(["train", "chaos", *sys.argv[1:]]))
