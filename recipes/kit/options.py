"""Options as frozen dataclasses: the fields are the command line, the config file and the checks.

A recipe's `Config` inherits from the groups here and adds its own fields. `option` gives a field
its help, its bounds and the heading it stands under in `--help`; a recipe that changes a default
writes `units: int = 100` and repeats nothing. Nothing here imports Keras or TensorFlow, so `--help`
answers at once.
"""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from recipes.kit.data.source import EMBEDDED, Source
from recipes.kit.errors import UserError

#: The headings of `--help`, in their order.
HEADINGS = ("data", "model", "training", "search of answers", "run")

#: The names in `zoo.CELLS`, for the command line. Registered names are accepted too.
CELLS = ("simple", "lstm", "gru", "leaky", "delay", "reservoir", "lmu", "lru", "mingru", "minlstm")

Schedule = Literal["constant", "cosine", "plateau"]
Connection = Literal["none", "residual", "dense"]


@dataclass(frozen=True)
class Bounds:
    """Limits of a number, or of each number of a tuple; None is no limit."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def admit(self, value: float) -> bool:
        """Whether a number is finite and within the limits."""
        return (
            math.isfinite(value)
            and (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        limits = {
            "at least": self.at_least,
            "above": self.above,
            "at most": self.at_most,
            "below": self.below,
        }
        stated = [f"{word} {limit:.15g}" for word, limit in limits.items() if limit is not None]
        return " and ".join(stated) or "a finite number"


def option(
    default: Any,
    help: str,
    *,
    heading: str | None = None,
    choices: Iterable[str] = (),
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> Any:
    """A field of an option group.

    Args:
        default: Value where the option is not given.
        help: What `--help` says, without the default.
        heading: One of `HEADINGS`; by default that of the class.
        choices: Values to show in `--help`, where the type does not list them.
        at_least: Bound of the number, or of each number of a tuple.
        above: Likewise.
        at_most: Likewise.
        below: Likewise.
    """
    metadata = {
        "help": help,
        "heading": heading,
        "choices": tuple(choices),
        "bounds": Bounds(at_least, above, at_most, below),
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Option:
    """What is known of a field: what `option` said of it, wherever it was declared first."""

    name: str
    hint: Any
    default: Any
    help: str
    heading: str
    choices: tuple[str, ...]
    bounds: Bounds

    @property
    def flag(self) -> str:
        """The option as it is typed."""
        return flag(self.name)


def flag(name: str) -> str:
    """The command-line option of a field.

    >>> flag("batch_size")
    '--batch-size'
    """
    return "--" + name.replace("_", "-")


def options_of(kind: type[Any]) -> tuple[Option, ...]:
    """The options of a group: its own first, then those of its bases, the first base first."""
    if kind not in _known:
        _known[kind] = _options_of(kind)
    return _known[kind]


_known: dict[type[Any], tuple[Option, ...]] = {}


def _options_of(kind: type[Any]) -> tuple[Option, ...]:
    hints = typing.get_type_hints(kind)
    declared: dict[str, tuple[Mapping[str, Any], str]] = {}
    places: dict[str, int] = {}
    for place, base in reversed([*enumerate(kind.__mro__)]):
        for name in base.__dict__.get("__annotations__", {}):
            field = base.__dict__.get("__dataclass_fields__", {}).get(name)
            if field is not None and "help" in field.metadata:
                declared[name] = field.metadata, getattr(base, "heading", "run")
                places[name] = place
    return tuple(
        Option(
            name=field.name,
            # A default of None stands for one that depends on the data, see `presets`.
            hint=hints[field.name] if field.default is not None else hints[field.name] | None,
            default=field.default,
            help=declared[field.name][0]["help"],
            heading=declared[field.name][0]["heading"] or declared[field.name][1],
            choices=declared[field.name][0]["choices"],
            bounds=declared[field.name][0]["bounds"],
        )
        for field in sorted(dataclasses.fields(kind), key=lambda field: places[field.name])
    )


class NoEffect(UserError):
    """An option was given that does nothing with the values of others."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{flag(name)} has no effect {reason}; leave it out.")
        self.name = name


@dataclass(frozen=True)
class Group:
    """Options that belong together. Values are checked when an instance is made."""

    #: Where the options stand in `--help`.
    heading: ClassVar[str] = "run"

    def __post_init__(self) -> None:
        """Check the values. A subclass adds its own checks after `super().__post_init__()`."""
        for name, value in self.presets().items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        options = {option.name: option for option in options_of(type(self))}
        for name, each in options.items():
            value = getattr(self, name)
            numbers = value if isinstance(value, tuple) else (value,)
            for number in numbers:
                if isinstance(number, (int, float)) and not isinstance(number, bool):
                    self.require(each.bounds.admit(number), name, str(each.bounds))
        for reason, names in self.without_effect():
            for name in names:
                if getattr(self, name) != options[name].default:
                    raise NoEffect(name, reason)

    def presets(self) -> Mapping[str, Any]:
        """Defaults that depend on other fields, such as the data: the values to take instead of
        None. A field of its own type, `units: int = option(None, ...)`, is never None then."""
        return {}

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        """Fields that do nothing with the values of others: a reason, "with --model echo_state",
        and the fields, which are refused unless they are at their defaults."""
        yield from ()

    def require(self, condition: bool, field: str, expected: str) -> None:
        """Raise a `UserError` about the option of `field` unless `condition` holds."""
        if not condition:
            raise UserError(f"{flag(field)} must be {expected}, not {getattr(self, field)!r}.")


@dataclass(frozen=True)
class RunConfig(Group):
    """What every recipe takes, however its model is trained."""

    data: Source = option(
        EMBEDDED,
        "Where the data comes from: `embedded` (no network), `tfds:NAME`, or the path of your "
        "files.",
        heading="data",
    )
    seed: int = option(
        0,
        "Seed of the data split, the weights, the batches and the dropout.",
        at_least=0,
        at_most=2**32 - 1,
    )

    #: Options of earlier versions, which old config files may still hold: the name, and the one
    #: value that means the same today; None where any value does.
    retired: ClassVar[Mapping[str, Any]] = {"out": None}


@dataclass(frozen=True)
class FitConfig(RunConfig):
    """How a model is trained by gradient descent."""

    heading: ClassVar[str] = "training"

    epochs: int = option(20, "Most passes over the training data.", at_least=1)
    batch_size: int = option(32, "Examples per training step.", at_least=1)
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = option(
        "adam", "Update rule; sgd has momentum 0.9."
    )
    learning_rate: float = option(1e-3, "Step size at its highest.", above=0)
    schedule: Schedule = option(
        "constant",
        "Learning rate over time: constant; cosine rises over the first 5 % of the steps, then "
        "falls to zero along a cosine; plateau halves it after every 2 epochs without improvement.",
    )
    global_clipnorm: float | None = option(
        1.0,
        "Clip the gradient when its norm over all weights exceeds this. None turns clipping off.",
        above=0,
    )
    clipnorm: float | None = option(
        None, "Instead, clip the gradient of each weight when its own norm exceeds this.", above=0
    )
    clipvalue: float | None = option(
        None, "Instead, clip each entry of the gradient to this size.", above=0
    )
    patience: int = option(
        5,
        "Stop after this many epochs without improvement; the best epoch's weights are kept.",
        at_least=1,
    )
    mixed_precision: bool = option(
        False, "Compute in float16 on a GPU (bfloat16 elsewhere), with float32 weights."
    )
    jit_compile: bool = option(
        False, "Compile the training step with XLA; lengths are then padded in steps of 16."
    )
    tensorboard: bool = option(False, "Write the learning curves for TensorBoard as well.")

    def __post_init__(self) -> None:
        super().__post_init__()
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


#: Options of `FitConfig` that a model whose readout is found in closed form does not have.
GRADIENT_OPTIONS = (
    "epochs",
    "optimizer",
    "learning_rate",
    "schedule",
    "global_clipnorm",
    "clipnorm",
    "clipvalue",
    "patience",
    "jit_compile",
    "tensorboard",
)


@dataclass(frozen=True)
class StackConfig(RunConfig):
    """The recurrent stack (`zoo.recurrent_stack`), reading forward."""

    heading: ClassVar[str] = "model"

    cell: str = option("lstm", "Recurrent layer.", choices=CELLS)
    cell_options: str = option(
        "{}",
        "Further arguments of that layer as JSON: '{\"time_constant\": 8}' with --cell leaky, "
        "'{\"delays\": [1, 8]}' with --cell delay (see the layer's docstring).",
    )
    units: int = option(128, "Width of each recurrent layer and direction.", at_least=1)
    depth: int = option(1, "Number of recurrent layers.", at_least=1)
    connection: Connection = option(
        "none", "Skip connections around each layer; worth having from depth 4 on."
    )
    layer_norm: bool = option(False, "Normalise the input of each recurrent layer.")
    dropout: float = option(
        0.0, "Share of non-recurrent connections dropped in training.", at_least=0, below=1
    )
    recurrent_dropout: float = option(
        0.0,
        "Share of recurrent connections dropped, the same at every step. Turns cuDNN off.",
        at_least=0,
        below=1,
    )
    variational_dropout: bool = option(
        False, "Let --dropout drop the same features at every step, too."
    )
    recurrent_initializer: Literal["orthogonal", "glorot", "identity"] = option(
        "orthogonal",
        "Recurrent weights at the start; identity needs --cell simple and makes the IRNN.",
    )
    l2: float = option(0.0, "Weight of the squared weights in the loss.", at_least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.recurrent_initializer == "identity" and self.cell != "simple":
            raise UserError(
                "--recurrent-initializer identity makes the IRNN and needs --cell simple, "
                f"not {self.cell}."
            )
        self.parsed_cell_options()

    def parsed_cell_options(self) -> dict[str, Any]:
        """The object that `cell_options` holds as JSON.

        Raises:
            UserError: If it is not one.
        """
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


@dataclass(frozen=True)
class DirectionConfig(RunConfig):
    """Whether the recurrent stack reads backwards as well."""

    heading: ClassVar[str] = "model"

    bidirectional: bool = option(True, "Read the sequence backwards as well.")
    merge_mode: Literal["concat", "sum"] = option("concat", "How the two directions are joined.")


@dataclass(frozen=True)
class InitialStateConfig(RunConfig):
    """Where the recurrent stack starts from."""

    heading: ClassVar[str] = "model"

    initial_state: Literal["zeros", "learned", "random"] = option(
        "zeros", "States before the first step; random is small noise in training."
    )


@dataclass(frozen=True)
class WordConfig(RunConfig):
    """How words become vectors."""

    heading: ClassVar[str] = "model"

    word_dim: int = option(
        64, "Width of the word embedding (that of --word-vectors where given).", at_least=1
    )
    character_dim: int = option(25, "Width of the character embedding.", at_least=1)
    character_filters: int = option(
        50, "Width of the character features; 0 uses words only.", at_least=0
    )
    word_dropout: float = option(
        0.5,
        "In training, a word seen n times becomes unknown with probability w / (w + n).",
        at_least=0,
    )
    word_vectors: Path | None = option(
        None, "Text file of pretrained vectors (GloVe, word2vec, fastText), gzipped or not."
    )
    word_vectors_limit: int | None = option(
        100_000,
        "Read at most this many vectors from the file, which has frequent words first.",
        at_least=1,
    )
