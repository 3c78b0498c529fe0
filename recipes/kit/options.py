"""Options that recipes share, as frozen dataclasses: the fields are the command line.

A recipe's `Config` inherits from these and adds its own. The comment under a field is its help.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import io
import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import tyro

from recipes.kit.errors import DataError, UserError
from zoo import StackOptions, recurrent_layer

C = TypeVar("C", bound="RunConfig")
T = TypeVar("T")


Cell = Literal[
    "simple", "lstm", "gru", "leaky", "delay", "reservoir", "lmu", "lru", "mingru", "minlstm"
]
"""The names in `zoo.CELLS`, for the command line."""


@dataclass(frozen=True)
class RunConfig:
    """What every recipe takes, however its model is trained."""

    data: str = "embedded"
    """`embedded` (no network), `tfds:NAME`, or the path of your own files."""
    out: Path | None = None
    """Folder to write; by default saved_models/RECIPE."""
    seed: int = 0
    """Seed of the data split, the weights, the batches and the dropout."""

    def __post_init__(self) -> None:
        """Check the values. A recipe adds its own checks after `super().__post_init__()`."""
        self.require(0 <= self.seed < 2**32, "seed", "from 0 to 4294967295")

    def require(self, condition: bool, field: str, expected: str) -> None:
        """Raise a `UserError` about the option of `field` unless `condition` holds."""
        if not condition:
            option = "--" + field.replace("_", "-")
            raise UserError(f"{option} must be {expected}, not {getattr(self, field)!r}.")


@dataclass(frozen=True)
class FitConfig(RunConfig):
    """How a model is trained by gradient descent."""

    epochs: int = 20
    """Most passes over the training data."""
    batch_size: int = 32
    """Examples a step."""
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    """Update rule; sgd has momentum 0.9."""
    learning_rate: float = 1e-3
    """Step size, at its highest."""
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    """Learning rate over time: constant; cosine = up over the first 5 % of the steps, then down to
    zero along a cosine; plateau = halved after every 2 epochs without improvement."""
    global_clipnorm: float | None = 1.0
    """Clip the gradient when the norm over all weights passes this. None = no clipping."""
    clipnorm: float | None = None
    """Instead, clip the gradient of each weight matrix when its own norm passes this."""
    clipvalue: float | None = None
    """Instead, clip each entry of the gradient to this size."""
    patience: int = 5
    """Stop after this many epochs without improvement; the best epoch's weights are kept."""
    mixed_precision: bool = False
    """Compute in float16 on a GPU (bfloat16 elsewhere), with float32 weights."""
    jit_compile: bool = False
    """Compile the training step with XLA; lengths are then padded in steps of 16."""
    tensorboard: bool = False
    """Write the curves for TensorBoard as well."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("epochs", "batch_size", "patience"):
            self.require(getattr(self, field) >= 1, field, "at least 1")
        for field in ("learning_rate", "global_clipnorm", "clipnorm", "clipvalue"):
            value = getattr(self, field)
            ok = value is None or (value > 0 and math.isfinite(value))
            self.require(ok, field, "a positive number")
        if self.clipnorm is not None and self.clipvalue is not None:
            raise UserError("--clipnorm and --clipvalue exclude each other: give one of them.")

    @property
    def clipping(self) -> dict[str, float]:
        """The one clipping rule in force, as the optimizer takes it; empty for none."""
        for field in ("clipvalue", "clipnorm", "global_clipnorm"):
            threshold = getattr(self, field)
            if threshold is not None:
                return {field: threshold}
        return {}


@dataclass(frozen=True)
class StackConfig(RunConfig):
    """The recurrent stack (`zoo.recurrent_stack`)."""

    cell: Cell = "lstm"
    """Recurrent layer."""
    cell_options: str = "{}"
    """Further arguments of that layer as JSON: '{"time_constant": 8}' with --cell leaky,
    '{"delays": [1, 8]}' with --cell delay (see the layer's docstring)."""
    units: int = 128
    """Width of each recurrent layer and direction."""
    depth: int = 1
    """Number of recurrent layers."""
    bidirectional: bool = True
    """Read the sequence backwards as well."""
    merge_mode: Literal["concat", "sum"] = "concat"
    """How the two directions meet."""
    connection: Literal["none", "residual", "dense"] = "none"
    """Skip connections around each layer; worth having from depth 4 on."""
    layer_norm: bool = False
    """Normalise the input of each recurrent layer."""
    dropout: float = 0.0
    """Share of non-recurrent connections dropped in training."""
    recurrent_dropout: float = 0.0
    """Share of recurrent connections dropped, the same at every step. Turns cuDNN off."""
    variational_dropout: bool = False
    """Let --dropout drop the same features at every step, too."""
    recurrent_initializer: Literal["orthogonal", "glorot", "identity"] = "orthogonal"
    """Recurrent weights at the start; identity needs --cell simple and makes the IRNN."""
    initial_state: Literal["zeros", "learned", "random"] = "zeros"
    """States before the first step; random = small noise in training."""
    l2: float = 0.0
    """Weight of the squared weights in the loss."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("units", "depth"):
            self.require(getattr(self, field) >= 1, field, "at least 1")
        for field in ("dropout", "recurrent_dropout"):
            self.require(0 <= getattr(self, field) < 1, field, "at least 0 and below 1")
        self.require(0 <= self.l2 < math.inf, "l2", "at least 0, and finite")
        if self.recurrent_initializer == "identity" and self.cell != "simple":
            raise UserError(
                "--recurrent-initializer identity makes the IRNN and needs --cell simple, "
                f"not {self.cell}."
            )
        try:  # what the layer itself refuses, said before any data is read
            recurrent_layer(
                self.cell,
                self.units,
                recurrent_dropout=self.recurrent_dropout,
                recurrent_initializer=self.recurrent_initializer,
                cell_options=self._parsed_cell_options(),
            )
        except (TypeError, ValueError) as error:
            raise UserError(f"--cell {self.cell}: {str(error).rstrip('.')}") from None

    def _parsed_cell_options(self) -> dict[str, Any]:
        try:
            options = json.loads(self.cell_options)
        except json.JSONDecodeError as error:
            raise UserError(
                f"--cell-options is not JSON ({error}): expected an object such as "
                f"'{{\"time_constant\": 8}}', found {self.cell_options!r}"
            ) from None
        if not isinstance(options, dict):
            raise UserError(f"--cell-options must be a JSON object, found {self.cell_options!r}")
        return options

    @property
    def stack(self) -> StackOptions:
        """The options as keyword arguments for `zoo` models."""
        options = {name: getattr(self, name) for name in StackOptions.__annotations__}
        return StackOptions(**{**options, "cell_options": self._parsed_cell_options()})


def to_json(config: RunConfig) -> dict[str, Any]:
    """The options as plain JSON values."""
    plain = {Path: str, tuple: list}
    return {
        name: next((make(value) for kind, make in plain.items() if isinstance(value, kind)), value)
        for name, value in dataclasses.asdict(config).items()
    }


def read_config(kind: type[C], path: Path, recipe: str, default: C | None = None) -> C:
    """Read a config file: a `config.json` or `best_config.json`, or a plain object of options.

    What the file leaves out is as in `default`, else as in the class.

    Raises:
        DataError: If it cannot be read, is not JSON, or belongs to another recipe.
    """
    content = read_json(path)
    if content.get("recipe", recipe) != recipe:
        raise DataError(path, f"is for the recipe {content['recipe']!r}, expected {recipe!r}")
    options = content.get("options", content)
    if not isinstance(options, dict):
        raise DataError(path, f"has options that are no object: {options!r}")
    known = [field.name for field in dataclasses.fields(kind)]
    argv = []
    for name, value in options.items():
        if name == "recipe":
            continue
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise DataError(path, f"has an unknown option {name!r}{hint}")
        option = "--" + str(name).replace("_", "-")
        if isinstance(value, bool):
            argv.append(option if value else option.replace("--", "--no-", 1))
        elif isinstance(value, list):
            argv += [option, *map(str, value)]
        elif str(value).startswith("-"):
            argv.append(f"{option}={value}")
        else:
            argv += [option, str(value)]
    try:
        return parse_options(kind, argv, default=default)
    except UserError as error:
        raise DataError(path, str(error)) from None


def parse_options(
    kind: type[T], argv: Sequence[str], *, prog: str = "", default: T | None = None
) -> T:
    """Read options into a dataclass. `--help` prints the fields with their comments and exits.

    Args:
        kind: The dataclass: a field is an option, its docstring the help.
        argv: The words of the command line.
        prog: Name of the program in the help.
        default: Values of what is not given, if not those of the class.

    Raises:
        UserError: In one line, what is wrong with which option.
    """
    errors = io.StringIO()
    defaults = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(errors), _wide_terminal(not {"-h", "--help"} & {*argv}):
            return tyro.cli(kind, args=list(argv), prog=prog, **defaults)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UserError(_one_line(errors.getvalue())) from None


@contextlib.contextmanager
def _wide_terminal(wide: bool) -> Iterator[None]:
    """Keep tyro from wrapping its message, which is to become one line."""
    before = os.environ.get("COLUMNS")
    if wide:
        os.environ["COLUMNS"] = "2000"
    try:
        yield
    finally:
        if before is not None:
            os.environ["COLUMNS"] = before
        elif wide:
            del os.environ["COLUMNS"]


def _one_line(box: str) -> str:
    """Reduce tyro's framed message to its first sentence and its suggestion."""
    lines = [line.strip("│ ").strip() for line in box.splitlines()]
    lines = [line for line in lines if line and line[0] not in "╭╰─"]
    message = lines[0].rstrip(".") if lines else "The options cannot be read"
    if message.endswith(":"):
        message += " " + " ".join(lines[1 : lines.index("For full helptext, run:")])
    if "Perhaps you meant:" in lines:
        near = lines[lines.index("Perhaps you meant:") + 1].split()[0].rstrip(",")
        message += f"; did you mean {near}?"
    return message


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, or say which line is wrong."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(path, "is not UTF-8 text; expected a JSON object") from None
    except json.JSONDecodeError as error:
        raise DataError(path, f"is not JSON: {error.msg}", line=error.lineno) from None
    if not isinstance(content, dict):
        raise DataError(path, f"holds a {type(content).__name__}; expected a JSON object")
    return content
