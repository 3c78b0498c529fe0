"""What a recipe is: its steps, and what goes from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from recipes.kit.amount import Amount
from recipes.kit.data.facts import Fact
from recipes.kit.data.source import Source
from recipes.kit.objective import Objective
from recipes.kit.option import Group
from recipes.kit.options import RunConfig

if TYPE_CHECKING:
    import keras
    import keras_tuner

    from recipes.kit.judge import Judgement
    from recipes.kit.serving import Served
    from recipes.kit.unknown import Unknown

C = TypeVar("C", bound=RunConfig)
D = TypeVar("D", bound="Data")
E = TypeVar("E")
Examples = TypeVar("Examples", contravariant=True)

Metrics = dict[str, float]
Row = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]
Tables = Mapping[str, Rows | str | bytes]


class Data(Protocol):
    """What `load_data` returns; each recipe adds what its model needs."""

    @property
    def test(self) -> Any:
        """The examples to evaluate on after the training."""

    @property
    def objective(self) -> Objective:
        """What the best epoch is chosen by."""

    @property
    def understood(self) -> Sequence[Fact]:
        """What was understood of the source, in order: sizes, columns taken, classes, gaps."""

    @property
    def licence(self) -> str:
        """Under what licence the data stands."""


@dataclass(frozen=True)
class Run(Generic[C, D]):
    """One training: what every step is given.

    Attributes:
        config: The options.
        data: What was loaded.
        folder: Where everything is written.
        title: What progress lines begin with.
    """

    config: C
    data: D
    folder: Path
    title: str


@dataclass(frozen=True)
class History:
    """What a training leaves.

    Attributes:
        rows: Figures of each epoch (or penalty, or reservoir), the first first.
        spread: Where several models were trained alike, of each metric on the test part the `mean`
            and `std` over them and the number of `models`.
    """

    rows: list[Row]
    spread: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Baseline:
    """What is reached without the model.

    Attributes:
        what: What the baseline is, in a sentence for the model card.
        metrics: On the test part, by the model's names; of others PREFIX_METRIC, METRIC_of_WHAT.
        answers: Its answers on the test part, by name, for `draw`.
    """

    what: str
    metrics: Metrics
    answers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """Other models, trained to be compared with the one of the run.

    Attributes:
        metrics: On the test part; they stand beside the baseline's.
        answers: For `draw` and `tables`, by name.
    """

    metrics: Metrics = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """What a model card says of every model of a recipe.

    Attributes:
        task: What the model does, in a sentence.
        use: What it is for.
        limits: What it is not for, and where it fails.
    """

    task: str
    use: str
    limits: str


@dataclass(frozen=True)
class Field:
    """A named value that a predictor takes or gives, described for a form or a server.

    Attributes:
        name: Key in the answer; of an input what it is called.
        kind: What a person sees: a form can be made from it.
        what: One sentence, with shape and unit.
    """

    name: str
    kind: Literal[
        "text", "tokens", "label", "number", "probabilities", "spans", "weights",
        "series", "image", "sound", "table", "flag",
    ]  # fmt: skip
    what: str


@dataclass(frozen=True)
class NoOptions(Group):
    """Run a trained model: one answer for each input. This recipe adds no options."""


class Predictor(Protocol[Examples]):
    """Everything that runs a trained model, loaded once and kept warm."""

    #: Text (a line each) or files: how the command line reads its inputs.
    takes: ClassVar[Literal["texts", "files"]]
    #: Of files in a folder, those to take, where inputs are files.
    suffixes: ClassVar[Sequence[str]] = ()
    inputs: ClassVar[Sequence[Field]]
    outputs: ClassVar[Sequence[Field]]
    served: Served  #: The exported model.

    @property
    def table_columns(self) -> Sequence[str]:
        """Columns of a table of answers: by default the outputs."""
        return [field.name for field in self.outputs]

    def table_rows(self, answer: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """The rows of an answer in a table: by default one, of the answer as it is."""
        return [answer]

    def predict(self, inputs: Iterable[Any], options: Any = None) -> Iterator[dict[str, Any]]:
        """One answer for each input, in order. An input that cannot be read gets an answer with
        `input` and `error`; the others are answered all the same.

        Args:
            inputs: Texts, or paths of files.
            options: An instance of the recipe's `predicting`; None is its defaults.
        """

    def unknown(self, examples: Examples) -> Sequence[Unknown]:
        """What in the examples the model does not know, as far as that can be listed."""
        return ()

    def judge(self, examples: Examples) -> Judgement:
        """Answer examples whose answers are known, once: metrics, and the worst answers."""

    def evaluate(self, examples: Examples) -> Metrics:
        """The metrics alone."""
        return self.judge(examples).metrics


def amount_of_train(data: Any, config: Any) -> Amount:
    """The examples of the training part, called what the first fact about the data calls them."""
    return Amount(len(data.train), data.understood[0].topic)


def _nothing_to_compare(run: Run[Any, Any], model: keras.Model, history: History) -> Comparison:
    return Comparison()


def _no_tables(run: Run[Any, Any], predictor: Predictor[Any], answers: Mapping[str, Any]) -> Tables:
    return {}


@dataclass(frozen=True)
class Recipe(Generic[C, D, E]):
    """The steps of a recipe, in the order they are taken.

    Attributes:
        config: The dataclass of its options.
        card: What model cards say.
        load_data: Reads a source into typed parts, vocabularies and scalers from train only.
        build: The model, uncompiled.
        train: Trains it in place, keeping its state in `run.folder`; it is left with the weights of
            its best epoch.
        baseline: A trivial model on the same test part.
        export: Writes the SavedModel and the lists that `load` needs beside it.
        load: From the folder to a warm predictor.
        load_test: What to evaluate a predictor on, from a source the user names.
        draw: Pictures of the recipe's own, from the run, the predictor, and the answers on the test
            part by name: "model", and those of baseline and comparison.
        space: What `rnn-zoo tune` may change: the config of a trial.
        portable: The part of the Keras model that ONNX and LiteRT can hold, given the folder.
        amount: How much there is to train on, from the data and the options, which depend on it
            where it is little; None where examples are generated without end.
        predicting: Options of `predict`.
        compare: Trains other models beside the one of the run, where the config asks for it;
            that one and its history are given.
        tables: Tables, texts and other files to leave in the folder, by name; rows become CSV.
    """

    config: type[C]
    card: Card
    load_data: Callable[[Source, C], D]
    build: Callable[[Run[C, D]], keras.Model]
    train: Callable[[Run[C, D], keras.Model], History]
    baseline: Callable[[Run[C, D]], Baseline]
    export: Callable[[Run[C, D], keras.Model], None]
    load: Callable[[Path], Predictor[E]]
    load_test: Callable[[Source, Any], E]
    draw: Callable[[Run[C, D], Any, Mapping[str, Any]], None]
    space: Callable[[keras_tuner.HyperParameters, C], C]
    portable: Callable[[keras.Model, Path], keras.Model]
    amount: Callable[[D, C], Amount | None] = amount_of_train
    predicting: type[Group] = NoOptions
    compare: Callable[[Run[C, D], keras.Model, History], Comparison] = _nothing_to_compare
    tables: Callable[[Run[C, D], Any, Mapping[str, Any]], Tables] = _no_tables
