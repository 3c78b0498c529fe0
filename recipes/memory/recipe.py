"""The memory recipe: task, model, training, comparison, export, pictures and search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit import models
from recipes.kit.console import note
from recipes.kit.data.batches import array_batches
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.output import MODEL, PLOTS, SAVED_MODEL
from recipes.kit.recipe import Baseline, Card, Comparison, History, Metrics, Recipe, Row, Run
from recipes.kit.space import stack_space
from recipes.kit.stack import check_layer, stack_of
from recipes.memory import cliff, plots
from recipes.memory import data as sequences
from recipes.memory.data import Data, Test
from recipes.memory.options import Config, Predict
from recipes.memory.serve import MemoryPredictor, endpoint, outputs_of
from recipes.memory.study import Study, comparison, flows, gradients
from recipes.memory.tasks import Task
from recipes.memory.variants import GROUPS, chosen

CARD = Card(
    task="Answers about the beginning of a sequence at its end: adding, copying or counting.",
    use="Teaching, and comparing how long recurrent networks remember.",
    limits="Knows only its artificial task. A cell that does well here remembers for long; "
    "that does not make it good on text, sound or series.",
)

#: Weights that `recurrent_gain` scales; a sparse reservoir has the second.
_RECURRENT = ("recurrent_kernel", "recurrent_values")


def load_data(source: Source, config: Config) -> Data:
    """The task; its sequences are made when they are needed."""
    for variant in chosen(config).values():
        check_layer(variant)
    keras.utils.set_random_seed(config.seed)  # a layer that is made draws seeds
    return sequences.load(source, config)


def build(run: Run[Config, Data]) -> keras.Model:
    """The model, uncompiled.

    Raises:
        ValueError: If there is nothing for a recurrent gain to scale.
    """
    config, task = run.config, run.data.task
    model = _model(config, task, every_step=task.every_step)
    if config.recurrent_gain != 1:
        kernels = [variable for variable in model.variables if variable.name in _RECURRENT]
        if not kernels:
            raise ValueError(
                f"--recurrent-gain scales the recurrent kernel, which --cell {config.cell} does "
                "not have."
            )
        for kernel in kernels:
            kernel.assign(config.recurrent_gain * kernel)
    return model


def _model(config: Config, task: Task, *, every_step: bool) -> keras.Model:
    return zoo.sequence_model(
        features=task.features,
        symbols=task.symbols,
        outputs=task.outputs,
        every_step=every_step,
        **stack_of(config),
    )


def train(run: Run[Config, Data], model: keras.Model, name: str = "model") -> History:
    """Train a model on new sequences at every step; it is left with its best weights."""
    config, task = run.config, run.data.task
    x, y = task.part("valid", run.data.seed)

    def batches(epoch: int) -> tf.data.Dataset:
        count = config.epoch_steps * config.batch_size
        inputs, targets = task.part("train", config.seed, epoch, count)
        return array_batches({"x": inputs}, targets, config.batch_size)

    def validate() -> Metrics:
        metrics = task.metrics(_outputs(model, x), y)
        scores = {f"val_{metric}": value for metric, value in metrics.items()}
        return {"val_loss": metrics[task.score], **scores}

    return fit(
        run,
        model,
        batches=batches,
        steps=config.epoch_steps,
        loss=task.loss,
        validate=validate,
        name=name,
    )


def _outputs(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return outputs_of(lambda part: model.predict_on_batch({"x": part}), x)


def baseline(run: Run[Config, Data]) -> Baseline:
    """The best answer that depends on no input."""
    return Baseline(
        "the best answer of a model without memory, in closed form.", run.data.task.memoryless()
    )


def compare(run: Run[Config, Data], model: keras.Model, history: History) -> Comparison:
    """Train the models of `--compare`; the score of each is added as SCORE_NAME."""
    score = run.data.task.score
    (label, _), *others = chosen(run.config).items()
    own = _study_of(replace(run, title=label), model, history.rows, _start(run)[1])
    studies = [_study(replace(run, config=variant, title=label)) for label, variant in others]
    scores = {f"{score}_{study.label}": study.test[score] for study in studies if study.test}
    return Comparison(scores, {"studies": [own, *studies]})


def _study(run: Run[Config, Data]) -> Study:
    """Train a model to compare; what is found out about it goes by the title of the run."""
    model, initial = _start(run)
    try:
        rows = train(run, model, name=run.title).rows
    except UserError as error:  # A training that diverges is a result, too.
        note(f"{run.title}: {error}")
        return Study(run.title, [], initial, [], {}, model.count_params())
    return _study_of(run, model, rows, initial)


def _study_of(
    run: Run[Config, Data], model: keras.Model, rows: list[Row], initial: list[zoo.GradientFlow]
) -> Study:
    """What is found out about a trained model."""
    test = run.data.test
    trained = flows(model, test.task, run.config.seed)
    metrics = test.task.metrics(_outputs(model, test.x), test.y)
    return Study(run.title, rows, initial, trained, metrics, model.count_params())


def _start(run: Run[Config, Data]) -> tuple[keras.Model, list[zoo.GradientFlow]]:
    """A model before its training, and the gradients in it."""
    config, task = run.config, run.data.task
    keras.utils.set_random_seed(config.seed)
    model = models.build(RECIPE, run)
    return model, flows(model, task, config.seed)


def export(run: Run[Config, Data], model: keras.Model) -> None:
    """Write the SavedModel.

    Signature: `serving_default(x)`, also `answer`, of sequences of any length as the task has them;
    returns `answer`, the sum (batch,), the ten symbols (batch, 10) or the count (batch,), and
    `outputs`, those of the model.
    """
    plain = for_serving(model)
    endpoints = {"answer": endpoint(plain, run.data.task)}
    save_saved_model(endpoints, [plain], run.folder / SAVED_MODEL)


def portable(model: keras.Model, folder: Path) -> keras.Model:
    """What ONNX and LiteRT can hold: sequences in, outputs of the model out."""
    return for_serving(model)


def load_test(source: Source, predictor: MemoryPredictor) -> Test:
    """Sequences to evaluate a model on."""
    return sequences.load_test(source, predictor.config)


def tables(
    run: Run[Config, Data], predictor: MemoryPredictor, answers: Mapping[str, Any]
) -> dict[str, list[Row]]:
    """What was found out about each model, and the gradient at every step."""
    studies = answers["studies"]
    return {
        "comparison.csv": comparison(studies, run.data.task.score),
        "gradients.csv": gradients(studies),
    }


def draw(run: Run[Config, Data], predictor: MemoryPredictor, answers: Mapping[str, Any]) -> None:
    """Draw gradients through time, what was learned, and what the model knows after each step."""
    config, task, folder = run.config, run.data.task, run.folder / PLOTS
    studies = answers["studies"]
    plots.gradients(studies, folder / "gradients.png")
    no_memory = task.memoryless()[task.score]
    plots.learning(studies, task.score, no_memory, config.epoch_steps, folder / "learning.png")
    if any(len(study.initial) > 1 for study in studies):
        plots.layers(studies, folder / "layers.png")
    knowing = _model(config, task, every_step=True)
    model = keras.models.load_model(run.folder / MODEL, compile=False)
    knowing.set_weights(model.get_weights())
    x, y = task.part("test", run.data.seed, count=3)
    plots.knowledge(task, x, y, _outputs(knowing, x), folder / "knowledge.png")
    if {*config.compare} & {"clipping", *GROUPS["clipping"]}:
        cliff.draw(folder / "cliff.png")


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    return stack_space(hp, config)


RECIPE = Recipe(
    config=Config,
    card=CARD,
    load_data=load_data,
    build=build,
    train=train,
    baseline=baseline,
    compare=compare,
    export=export,
    portable=portable,
    load=MemoryPredictor,
    load_test=load_test,
    predicting=Predict,
    tables=tables,
    draw=draw,
    space=space,
)
