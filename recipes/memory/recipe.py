"""The memory recipe, from data to predictions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.card import Card
from recipes.kit.console import note
from recipes.kit.data.batches import array_batches
from recipes.kit.errors import UserError
from recipes.kit.export import for_serving, load_saved_model, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.options import Cell, FitConfig, StackConfig
from recipes.kit.output import MODEL, PLOTS, SAVED_MODEL, read_record, write_json
from recipes.kit.search import stack_space
from recipes.memory import cliff
from recipes.memory import plots as memory_plots
from recipes.memory import study as memory_study
from recipes.memory.data import TASKS, Task, TaskName

TASK = "task.json"
INPUTS = "texts"

CARD = Card(
    task="Answers about the beginning of a sequence at its end: adding, copying or counting.",
    use="Teaching, and comparing how long recurrent networks remember.",
    limits="Knows its artificial task and nothing else. A cell that is good here remembers long; "
    "that does not make it good on text, sound or series.",
)

#: Sequences answered at once.
_CHUNK = 250


@dataclass(frozen=True)
class Config(StackConfig, FitConfig):
    """Options of the memory recipe."""

    data: str = "embedded"
    """`embedded`: the sequences are made, see --task and --length."""
    task: TaskName = "adding"
    """adding = the sum of two marked numbers; copy = ten symbols said again after blanks;
    counting = how often a symbol came."""
    length: int = 100
    """Steps: of the sequence; of the blanks in between for copy."""
    compare: tuple[str, ...] = ()
    """Train these beside the model, with all else the same, and draw them together: groups (cells,
    initialisation, leaks, delays, depth, clipping) or single variants (simple, irnn, lstm,
    leaky-16, ...)."""
    recurrent_gain: float = 1.0
    """Factor on the recurrent weights at the start: below 1 gradients vanish, far above 1 they
    explode."""
    epochs: int = 15
    """Most epochs."""
    epoch_steps: int = 100
    """Training steps an epoch. No sequence comes twice."""
    batch_size: int = 64
    """Sequences a step."""
    patience: int = 20
    """Stop after this many epochs without improvement; the best epoch's weights are kept."""
    learning_rate: float = 1e-2
    """Step size, at its highest."""
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    """Learning rate over time: constant; cosine = up over the first 5 % of the steps, then down to
    zero along a cosine; plateau = halved after every 2 epochs without improvement."""
    cell: Cell = "gru"
    """Recurrent layer."""
    units: int = 64
    """Width of each recurrent layer."""
    bidirectional: bool = False
    """Read the sequence backwards as well: not here."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data != "embedded":
            raise UserError(
                f"--data must be embedded: this recipe makes its sequences, it reads none from "
                f"{self.data!r}. Choose them by --task and --length."
            )
        self.require(self.length >= 2, "length", "at least 2")
        self.require(self.epoch_steps >= 1, "epoch_steps", "at least 1")
        self.require(0 < self.recurrent_gain < 1e6, "recurrent_gain", "a positive number")
        if self.bidirectional:
            raise UserError(
                "--bidirectional: read backwards, the beginning comes last and nothing has to be "
                "remembered; expected --no-bidirectional."
            )
        memory_study.expand(self.compare)


@dataclass(frozen=True)
class Test:
    """A task and sequences of it."""

    task: Task
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Data:
    """A task, and the seed its sequences come from."""

    task: Task
    seed: int
    licence: str = "generated; none needed"
    mode: Literal["min", "max"] = "min"

    @property
    def score(self) -> str:
        """The metric that chooses the best epoch and trial."""
        return self.task.score

    @property
    def description(self) -> str:
        """What is to be done, for a person."""
        return f"Generated sequences of {self.task.steps} steps: {self.task.summary}"

    @property
    def test(self) -> Test:
        """What `evaluate` is given after the training."""
        return Test(self.task, *self.task.part("test", self.seed))


# --- data -----------------------------------------------------------------------------------------


def load_data(config: Config) -> Data:
    """The task; its sequences are made when they are needed."""
    return Data(TASKS[config.task](config.length), config.seed)


# --- build ----------------------------------------------------------------------------------------


def build(config: Config, data: Data) -> keras.Model:
    """The model, uncompiled."""
    model = _sequence_model(config.stack, data.task, data.task.every_step)
    if config.recurrent_gain != 1:
        for variable in model.variables:
            if variable.name == "recurrent_kernel":
                variable.assign(config.recurrent_gain * variable)
    return model


def _sequence_model(stack: zoo.StackOptions, task: Task, every_step: bool) -> keras.Model:
    return zoo.sequence_model(
        features=task.features,
        symbols=task.symbols,
        outputs=task.outputs,
        every_step=every_step,
        **stack,
    )


def loss_of(task: Task) -> keras.losses.Loss:
    """What the task is trained by."""
    if task.every_step:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return keras.losses.MeanSquaredError()


# --- train ----------------------------------------------------------------------------------------


def train(
    config: Config,
    data: Data,
    model: keras.Model,
    *,
    folder: Path | None = None,
    name: str = "model",
    title: str = "",
) -> list[dict[str, float]]:
    """Train a model; it is left with the weights of its best epoch."""
    task, batch_size = data.task, config.batch_size
    x, y = task.part("valid", config.seed)

    def batches(epoch: int) -> tf.data.Dataset:
        new, right = task.part("train", config.seed, epoch, config.epoch_steps * batch_size)
        return array_batches({"x": new}, right, batch_size)

    def validate() -> dict[str, float]:
        metrics = task.metrics(_outputs(model, x), y)
        loss = metrics[task.score]
        return {"val_loss": loss, **{f"val_{metric}": v for metric, v in metrics.items()}}

    return fit(
        model,
        config,
        batches=batches,
        steps=config.epoch_steps,
        loss=loss_of(task),
        validate=validate,
        monitor=f"val_{data.score}",
        mode=data.mode,
        folder=folder,
        name=name,
        title=title or config.cell,
    )


def _outputs(model: Any, x: np.ndarray) -> np.ndarray:
    chunks = (x[start : start + _CHUNK] for start in range(0, len(x), _CHUNK))
    return np.concatenate([model.predict_on_batch({"x": chunk}) for chunk in chunks])


# --- evaluate -------------------------------------------------------------------------------------


def evaluate(folder: Path, test: Test) -> dict[str, float]:
    """Metrics of an exported model on sequences of its task."""
    served = load_saved_model(folder / SAVED_MODEL).signatures["serving_default"]
    outputs = [
        served(x=tf.constant(test.x[start : start + _CHUNK]))["outputs"].numpy()
        for start in range(0, len(test.x), _CHUNK)
    ]
    (scale, shift), (its_scale, its_shift) = _task_of(folder).units, test.task.units
    answers = np.concatenate(outputs) * scale + shift  # sequences may be of another length
    return test.task.metrics((answers - its_shift) / its_scale, test.y)


def _task_of(folder: Path) -> Task:
    about = read_record(folder / TASK, ("task", "length"))
    return TASKS[about["task"]](about["length"])


def baseline(
    config: Config, data: Data, folder: Path
) -> tuple[dict[str, float], tuple[Config, list[memory_study.Study]]]:
    """The best answer without memory; and the models to compare, trained: their score is added as
    SCORE_NAME."""
    task, loss, studies = data.task, loss_of(data.task), []
    test = data.test
    for label, other in list(memory_study.chosen(config).items())[1:]:
        keras.utils.set_random_seed(config.seed)
        model = build(other, data)
        initial = memory_study.flows(model, task, loss, config.seed)
        history, trained, metrics = [], [], {}
        try:
            history = train(other, data, model, folder=folder, name=label, title=label)
        except UserError as error:  # to diverge is a result, too
            note(f"{label}: {error}")
        else:
            trained = memory_study.flows(model, task, loss, config.seed)
            metrics = task.metrics(_outputs(model, test.x), test.y)
        size = model.count_params()
        studies.append(memory_study.Study(label, history, initial, trained, metrics, size))
    scores = {f"{data.score}_{s.label}": s.test[data.score] for s in studies if s.test}
    return {**task.memoryless(), **scores}, (config, studies)


def load_test(folder: Path, config: Config, source: str) -> Test:
    """Sequences to evaluate on: the test part, or with `length:N` sequences of another length."""
    length = config.length
    if source.startswith("length:") and source[7:].isdecimal() and int(source[7:]) >= 2:
        length = int(source[7:])
    elif source != config.data:
        raise UserError(f"--data must be embedded or length:N with N at least 2, not {source!r}.")
    task = TASKS[config.task](length)
    return Test(task, *task.part("test", config.seed))


def draw(folder: Path, data: Data, compared: tuple[Config, list[memory_study.Study]]) -> None:
    """Draw gradients through time, what was learned, and what the model knows after each step;
    write `comparison.csv` and `gradients.csv`."""
    config, studies = compared
    model = keras.models.load_model(folder / MODEL, compile=False)
    keras.utils.set_random_seed(config.seed)
    task, loss = data.task, loss_of(data.task)
    own = memory_study.Study(
        label=next(iter(memory_study.chosen(config))),
        history=memory_plots.read_history(folder / "history.csv"),
        initial=memory_study.flows(build(config, data), task, loss, config.seed),
        trained=memory_study.flows(model, task, loss, config.seed),
        test=evaluate(folder, data.test),
        parameters=model.count_params(),
    )
    studies = [own, *studies]
    memory_study.write(studies, data.score, folder)
    plots = folder / PLOTS
    memory_plots.gradients(studies, plots / "gradients.png")
    memory_plots.learning(
        studies, data.score, task.memoryless()[data.score], config.epoch_steps, plots
    )
    if any(len(study.initial) > 1 for study in studies):
        memory_plots.layers(studies, plots / "layers.png")
    knowing = _sequence_model(config.stack, task, True)
    knowing.set_weights(model.get_weights())
    x, y = task.part("test", config.seed, count=3)
    memory_plots.knowledge(task, x, y, _outputs(knowing, x), plots / "knowledge.png")
    if {*config.compare} & {"clipping", *memory_study.GROUPS["clipping"]}:
        cliff.draw(plots / "cliff.png")


# --- export, predict ------------------------------------------------------------------------------


def export(config: Config, data: Data, model: keras.Model, folder: Path) -> None:
    """Write the SavedModel, and what its task is.

    Signature: `serving_default(x)`, also `answer`, of sequences of any length as the task has them;
    returns `answer`: the sum (batch,), the ten symbols (batch, 10) or the count (batch,); and
    `outputs`, those of the model.
    """
    task, plain = data.task, for_serving(model)
    shape = [None, None] if task.symbols else [None, None, task.features]
    spec = tf.TensorSpec(shape, tf.int32 if task.symbols else tf.float32, name="x")

    def answer(x: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = plain({"x": x}, training=False)
        return {"answer": task.answer(outputs), "outputs": outputs}

    save_saved_model({"answer": (answer, [spec])}, [plain], folder / SAVED_MODEL)
    write_json(folder / TASK, {"task": config.task, "length": config.length})


def servable(model: keras.Model) -> keras.Model:
    """What ONNX and LiteRT can hold: sequences in, outputs of the model out."""
    return for_serving(model)


def predict(folder: Path, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Answer sequences written as JSON: `[[0.3, 1], [0.9, 0], [0.5, 1]]`, or `[3, 0, 2]`.

    Yields:
        For each its `steps` and the `answer`.
    """
    task = _task_of(folder)
    served = load_saved_model(folder / SAVED_MODEL).signatures["serving_default"]
    for line in lines:
        try:
            steps = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{line[:60]!r}: is not JSON: {error.msg}.") from None
        if not isinstance(steps, list) or not steps:
            raise UserError(f"{line[:60]!r}: expected a list of steps.")
        try:
            x = task.read(steps)
        except UserError as error:
            raise UserError(f"{line[:60]!r}: {error}.") from None
        found = served(x=tf.constant(x[None]))["answer"].numpy()[0]
        yield {"steps": len(x), "answer": found.tolist()}


# --- search ---------------------------------------------------------------------------------------


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change, in one direction."""
    return stack_space(hp, config, both_ways=False)
