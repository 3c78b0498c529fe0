"""`python -m recipes.series_classification` is `rnn-zoo train series_classification`."""

import sys

from recipes.kit.cli import main

sys.exit(main(["train", "series_classification", *sys.argv[1:]]))
