"""`python -m recipes.video` is `rnn-zoo train video`."""

import sys

from recipes.kit.cli import main

sys.exit(main(["train", "video", *sys.argv[1:]]))
