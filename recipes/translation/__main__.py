"""`python -m recipes.translation` is `rnn-zoo train translation`."""

import sys

from recipes.kit.cli import main

sys.exit(main(["train", "translation", *sys.argv[1:]]))
