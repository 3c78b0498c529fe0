"""`python -m recipes.forecasting` is `rnn-zoo train forecasting`."""

import sys

from recipes.kit.cli import main

sys.exit(main(["train", "forecasting", *sys.argv[1:]]))
