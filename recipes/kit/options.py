"""The options that recipes share, in groups that a recipe's `Config` inherits from.

Nothing here imports Keras or TensorFlow, so `--help` answers at once.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from recipes.kit.data.reading import reading_options
from recipes.kit.data.source import EMBEDDED, Source
from recipes.kit.errors import UserError
from recipes.kit.option import Group, flag, option, options_of

#: The names in `zoo.CELLS`, for the command line. Registered names are accepted too.
CELLS = ("simple", "lstm", "gru", "leaky", "delay", "reservoir", "lmu", "lru", "mingru", "minlstm")

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_TIME = re.compile(r"[0-9]+(\.[0-9]+)?[smh]")

Schedule = Literal["constant", "cosine", "plateau"]
Connection = Literal["none", "residual", "dense"]


@dataclass(frozen=True)
class RunConfig(Group):
    """What every recipe takes, however its model is trained."""

    data: Source = option(
        EMBEDDED,
        "Where the data comes from: `embedded` (no network), `tfds:NAME`, or the path of your "
        "files. `rnn-zoo check RECIPE --data SRC` shows what is understood of them.",
        heading="data",
    )
    seed: int = option(
        0,
        "Seed of the data split, the weights, the batches and the dropout.",
        at_least=0,
        at_most=2**32 - 1,
    )

    seeds: int = option(
        1,
        "Train this many models, with seeds from --seed on: the best on validation is kept, and "
        "mean and standard deviation over all are reported for each test metric. The data and its "
        "split stay those of --seed.",
        at_least=1,
    )

    from_: Path | None = option(
        None,
        "Start from the model of this finished run instead of random weights. Its vocabulary, "
        "classes or symbols, its scaling and its options under `model` are kept: unknown words "
        "stay unknown, and new classes, tags or symbols are refused.",
        heading="training",
    )

    #: Options that a training which starts from an earlier run has in common with it, besides those
    #: under "model".
    kept: ClassVar[tuple[str, ...]] = ("mixed_precision",)

    #: Options of earlier versions, which old config files may still hold: the name, and the one
    #: value that means the same today; None where any value does.
    retired: ClassVar[Mapping[str, Any]] = {"out": None}

    def __post_init__(self) -> None:
        super().__post_init__()
        for each in options_of(type(self)):  # A config means the same in every folder.
            if isinstance(path := getattr(self, each.name), Path):
                object.__setattr__(self, each.name, path.resolve())

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.data.kind != "files":
            yield f"with --data {self.data}", reading_options(self)


@dataclass(frozen=True)
class FitConfig(RunConfig):
    """How a model is trained by gradient descent."""

    heading: ClassVar[str] = "training"

    #: Options in place of the defaults where there is less to train on than so many examples, see
    #: `recipes.kit.amount`. The largest number says what is little; without any, nothing changes.
    for_little: ClassVar[Mapping[int, Mapping[str, Any]]] = {1000: {}}

    epochs: int = option(
        20, "Maximum number of passes over the training data; more with little data.", at_least=1
    )
    batch_size: int = option(32, "Examples per training step; fewer with little data.", at_least=1)
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = option(
        "adam", "Update rule; sgd has momentum 0.9."
    )
    learning_rate: float = option(1e-3, "Peak learning rate.", above=0)
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
        "Stop after this many epochs without improvement, more with little data; the best epoch's "
        "weights are kept.",
        at_least=1,
    )
    time_limit: str | None = option(
        None,
        "Stop training a model after this time, such as 90s, 10m or 1.5h, with the best epoch so "
        "far. Each model of --seeds or of a comparison has as much. A cosine schedule is cut "
        "short.",
    )
    mixed_precision: bool = option(
        False, "Compute in float16 on a GPU (bfloat16 elsewhere), with float32 weights."
    )
    jit_compile: bool = option(
        False, "Compile the training step with XLA; sequences may then be padded further."
    )
    tensorboard: bool = option(False, "Write the learning curves for TensorBoard as well.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clipnorm is not None and self.clipvalue is not None:
            raise UserError("--clipnorm and --clipvalue cannot be combined; give one of them.")
        if self.time_limit is not None:
            readable = _TIME.fullmatch(self.time_limit) and self.most_seconds > 0
            self.require(bool(readable), "time_limit", "a time such as 90s, 10m or 1.5h")

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        for field in ("clipnorm", "clipvalue"):
            if getattr(self, field) is not None and self.global_clipnorm is not None:
                yield f"with {flag(field)}", ("global_clipnorm",)

    @property
    def clipping(self) -> dict[str, float]:
        """The one clipping rule in force, as the optimizer takes it; empty for none."""
        for field in ("clipvalue", "clipnorm", "global_clipnorm"):
            threshold = getattr(self, field)
            if threshold is not None:
                return {field: threshold}
        return {}

    @property
    def most_seconds(self) -> float:
        """The time limit in seconds; infinite without one."""
        if self.time_limit is None:
            return math.inf
        return float(self.time_limit[:-1]) * _SECONDS[self.time_limit[-1]]

    @property
    def pad_multiple(self) -> int:
        """What lengths are padded to a multiple of: XLA compiles each length anew."""
        return 16 if self.jit_compile else 1


@dataclass(frozen=True)
class ClassWeightConfig(RunConfig):
    """How much each class counts in the loss."""

    heading: ClassVar[str] = "training"

    class_weight: Literal["none", "balanced"] = option(
        "none",
        "With balanced, rare classes count as much as frequent ones: each of the n_c training "
        "examples of a class has weight n / (k n_c) in the loss, for n examples of k classes.",
    )


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
    "time_limit",
    "from_",
    "jit_compile",
    "tensorboard",
)

#: Options of a stack that only act while its weights are trained. The readout of an echo state
#: network, which is found in closed form, always sees the inputs and all layers.
TRAINED_STACK_OPTIONS = ("connection", "dropout", "recurrent_dropout", "l2", "initial_state")


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
    layer_norm: bool = option(
        False, "Normalise what each layer reads from the one before, and the output of the stack."
    )
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
    l2: float = option(0.0, "Strength of the L2 penalty on the weights.", at_least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.recurrent_initializer == "identity" and self.cell != "simple":
            raise UserError(
                "--recurrent-initializer identity makes the IRNN and needs --cell simple, "
                f"not {self.cell}."
            )
        self.parsed_cell_options()

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if not self.dropout:
            yield "without --dropout", ("variational_dropout",)

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

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if not self.bidirectional:
            yield "without --bidirectional", ("merge_mode",)


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

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if not self.character_filters:
            yield "with --character-filters 0", ("character_dim",)
        if self.word_vectors is None:
            yield "without --word-vectors", ("word_vectors_limit",)
        else:
            yield "with --word-vectors", ("word_dim",)
