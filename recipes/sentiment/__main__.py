"""`python -m recipes.sentiment` is `rnn-zoo train sentiment`."""

import sys

from recipes.kit.cli import main

sys.exit(main(["train", "sentiment", *sys.argv[1:]]))
