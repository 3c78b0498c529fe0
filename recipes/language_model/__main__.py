"""`python -m recipes.language_model` is `rnn-zoo train language_model`."""

import sys

from recipes.kit.cli import main

sys.exit(main(["train", "language_model", *sys.argv[1:]]))
