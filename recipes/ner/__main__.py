"""`python -m recipes.ner` is `rnn-zoo train ner`."""

import sys

from recipes.kit.cli import main

sys.exit(main(["train", "ner", *sys.argv[1:]]))
