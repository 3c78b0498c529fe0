"""`python -m recipes.pixel_rnn` is `rnn-zoo train pixel_rnn`."""

import sys

from recipes.kit.cli import main

sys.exit(main(["train", "pixel_rnn", *sys.argv[1:]]))
