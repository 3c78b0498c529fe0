"""The command line: words in, exit status out, and one line for an error the user can fix."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

HELP = """\
usage: rnn-zoo COMMAND ...

Recurrent networks from data to an exported model.

  rnn-zoo list [--json]                      recipes, models and layers
  rnn-zoo train RECIPE [options]             from data to model, metrics, pictures, SavedModel
  rnn-zoo check RECIPE --data SRC            what is understood of the data; nothing is trained
  rnn-zoo evaluate DIR [--data SRC]          metrics of a trained model, as JSON
  rnn-zoo predict DIR INPUT...               run a trained model: one JSON line per input;
                                             INPUT is text, a file with one text per line, or -
                                             for stdin; for images, sound and series files,
                                             folders and patterns; --format csv, --to FILE
  rnn-zoo compare DIR DIR...                 finished runs side by side, the best first
  rnn-zoo tune RECIPE --trials N [options]   search depth, direction, clipping threshold and more
  rnn-zoo export DIR --format FORMAT         savedmodel, onnx or litert

`rnn-zoo COMMAND --help` explains a command, `rnn-zoo train RECIPE --help` a recipe's options.
"""

_COMMANDS = ("list", "check", "train", "evaluate", "predict", "compare", "tune", "export")
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        Exit status: 0; 2 for an error the user can fix, in one line on stderr; 130 when
        interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        return _dispatch(words)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        message = _user_error(error)
        if message is None:
            raise
        return _fail(message, 2)


def _fail(message: str, status: int) -> int:
    print(f"rnn-zoo: {' '.join(message.split())}", file=sys.stderr)
    return status


def _user_error(error: Exception) -> str | None:
    """The line about an error that the user can fix; None for a fault of ours."""
    from recipes.kit.errors import UserError

    if isinstance(error, UserError):
        return f"error: {error}"
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return "error: out of memory; try a smaller batch, model or input."
    if "No space left on device" in str(error):  # TensorFlow and HDF5 have their own exceptions.
        return "error: the disk is full."
    if isinstance(error, OSError) and error.errno in _NO_SPACE | _NO_WRITE:
        where = f"{error.filename}: " if error.filename else ""
        what = "the disk is full" if error.errno in _NO_SPACE else "cannot be read or written"
        return f"error: {where}{what} ({error.strerror})."
    if isinstance(error, ModuleNotFoundError) and error.name not in ("recipes", "zoo"):
        return (
            f"error: the package {error.name!r} is missing; "
            "the command line needs: pip install 'rnn-zoo[recipes]'."
        )
    return None


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0
    if words[0] == "--version":
        from importlib import metadata

        print(metadata.version("rnn-zoo"))
        return 0
    name, *rest = words
    if name not in _COMMANDS:
        import difflib

        from recipes.kit.errors import UserError

        near = difflib.get_close_matches(name, _COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of: {', '.join(_COMMANDS)}."
        raise UserError(f"unknown command {name!r}; {hint}")
    from recipes.kit import commands
    from recipes.kit.console import warnings_as_notes

    with warnings_as_notes():
        return getattr(commands, f"{name}_command")(rest)


if __name__ == "__main__":
    sys.exit(main())
