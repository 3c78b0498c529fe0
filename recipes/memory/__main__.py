"""`python -m recipes.memory` is `rnn-zoo train memory`."""

import sys

from recipes.kit.cli import main

sys.exit(main(["train", "memory", *sys.argv[1:]]))
