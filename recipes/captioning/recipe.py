"""The captioning recipe: images, model, training, baseline, export, pictures and search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
from sklearn.neighbors import NearestNeighbors

import zoo
from recipes.captioning import data as captions
from recipes.captioning.batches import Batches
from recipes.captioning.data import PIECES, Data
from recipes.captioning.example import Example
from recipes.captioning.formula_plots import match_by_length, readings
from recipes.captioning.metrics import caption_metrics, exact_match_by_length
from recipes.captioning.options import Config, Predict
from recipes.captioning.plots import captioned, looks
from recipes.captioning.serve import Captioner, CaptionPredictor, tokens_of
from recipes.kit.data.batches import steps
from recipes.kit.data.source import Source
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.output import PLOTS, SAVED_MODEL, read_record, write_json
from recipes.kit.recipe import Baseline, Card, History, Recipe, Run
from recipes.kit.space import stack_space
from recipes.kit.stack import stack_of
from recipes.kit.vocabulary import BOUNDARY_ID

CARD = Card(
    task="Says in a sentence what is in an image.",
    use="Images like those it was trained on, of the same kind and subject.",
    limits="It says what is likely, fluently, whether or not it is there. Not for describing "
    "people or for decisions about them.",
)

#: Most images captioned after each epoch.
_CHECKED = 500

#: Images in the pictures.
_SHOWN, _LOOKED_AT = 12, 4

#: Tokens of the formulas in the picture of where each token looked.
_READ = (10, 14, 20)

#: Convolutions that halve height and width.
_POOLED = 3

_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)


def load_data(source: Source, config: Config) -> Data:
    """Read the images; collect the pieces of the training captions."""
    return captions.load(source, config)


def build(run: Run[Config, Data]) -> keras.Model:
    """The encoder and decoder, uncompiled."""
    config, data = run.config, run.data
    return zoo.captioner(
        vocabulary_size=data.pieces.vocabulary.count,
        channels=3 if config.colour == "rgb" else 1,
        filters=config.filters,
        pools=[(2, 2) if stage < _POOLED else (1, 1) for stage in range(len(config.filters))],
        normalization=config.normalization,
        row_units=config.row_units,
        attention=config.attention,
        embedding_dim=config.embedding_dim,
        input_feeding=config.input_feeding,
        **stack_of(config),
    )


def train(run: Run[Config, Data], model: keras.Model) -> History:
    """Train the model; it is left with the weights of its best epoch. Of several captions of an
    image, one is drawn in each epoch; the loss of the validation part is that of the first ones."""
    config, data = run.config, run.data
    captioner = Captioner(model, data, config)
    count = steps(len(data.train), config.batch_size)
    training, valid = Batches(data.train, run), Batches(data.valid, run)
    checked = data.valid[:: -(-len(data.valid) // _CHECKED)]
    images = np.stack([example.image for example in checked])
    references = [example.captions for example in checked]
    trained = model
    if config.scheduled_sampling:
        trained = zoo.ScheduledSampling(
            model,
            share=config.scheduled_sampling,
            steps=count * config.epochs,
            schedule=config.sampling_schedule,
            seed=config.seed,
        ).as_model()

    def validate() -> dict[str, float]:
        loss = trained.evaluate(valid.batches(None), verbose=0)
        metrics = caption_metrics(captioner.captions(images), references, config.short)
        return {"val_loss": loss, **{f"val_{name}": value for name, value in metrics.items()}}

    return fit(
        run,
        trained,
        batches=training.batches,
        steps=count,
        loss=_LOSS,
        validate=validate,
    )


def baseline(run: Run[Config, Data]) -> Baseline:
    """The first caption of the training image that is most similar pixel by pixel."""
    train, test = run.data.train, run.data.test

    def flat(examples: Sequence[Example]) -> np.ndarray:
        return np.stack([example.image.ravel() for example in examples]).astype("float32")

    nearest = NearestNeighbors(n_neighbors=1).fit(flat(train))
    rows = nearest.kneighbors(flat(test), return_distance=False)[:, 0]
    answers = [train[row].captions[0] for row in rows]
    return Baseline(
        "the caption of the training image that is nearest pixel by pixel.",
        caption_metrics(answers, [example.captions for example in test], run.config.short),
    )


def export(run: Run[Config, Data], model: keras.Model) -> None:
    """Write the SavedModel, which takes encoded images, and the pieces behind the ids.

    Signatures: `caption(images: (batch,))`, also `serving_default`, by beam search, and `greedy`,
    both with `sentence` (batch,), `hypotheses` and `scores` (batch, beam), `tokens` (batch, time),
    and with attention `attention` (batch, time, rows, columns). Images are encoded as PNG, JPEG,
    GIF or BMP, of any size.
    """
    captioner = Captioner(for_serving(model), run.data, run.config)
    save_saved_model(captioner.endpoints, captioner.resources, run.folder / SAVED_MODEL)
    vocabulary = run.data.pieces.vocabulary
    record = {
        "level": vocabulary.level,
        "max_length": run.data.max_length,
        "pieces": vocabulary.pieces,
    }
    write_json(run.folder / PIECES, record)


def portable(model: keras.Model, folder: Path) -> keras.Model:
    """What ONNX can hold: pixels in [0, 1] in, ids of the likeliest caption out, greedily."""
    record = read_record(folder / PIECES, ("max_length",))
    return zoo.sequence_search(
        for_serving(model),
        start_id=BOUNDARY_ID,
        end_id=BOUNDARY_ID,
        max_length=record["max_length"],
        beam_size=1,
        forbidden=(0, 1),
    )


def load_test(source: Source, predictor: CaptionPredictor) -> Sequence[Example]:
    """Images with captions to evaluate a captioner on."""
    return captions.load_test(source, predictor.config)


def draw(run: Run[Config, Data], predictor: CaptionPredictor, answers: Mapping[str, Any]) -> None:
    """Draw images with their captions, and where each word looked."""
    test, folder = run.data.test, run.folder / PLOTS
    shown = np.random.default_rng(0).permutation(len(test))[:_SHOWN]
    examples = [test[index] for index in shown]
    said = [answers["model"][index] for index in shown]
    truths = [example.captions for example in examples]
    captioned([example.image for example in examples], said, truths, folder / "captions.png")
    if run.config.formulas:
        references = [example.captions for example in test]
        rows = exact_match_by_length(answers["model"], references)
        match_by_length(rows, folder / "exact_match_by_length.png")
    if run.config.attention == "none":
        return
    if run.config.formulas:
        _draw_readings(test, predictor, folder)
        return
    looked = [
        (example.image, tokens_of(row), row["attention"])
        for example, row in zip(
            examples[:_LOOKED_AT], predictor.answers(examples[:_LOOKED_AT]), strict=True
        )
    ]
    looks(looked, folder / "looks.png")


def _draw_readings(test: Sequence[Example], predictor: CaptionPredictor, folder: Path) -> None:
    """Where each token of some formulas looked: the first ones of certain lengths."""
    by_length = {len(e.captions[0].split()): e for e in reversed(test)}
    chosen = [by_length[length] for length in _READ if length in by_length]
    rows = [
        (e.image, e.captions[0], row["sentence"].decode(), tokens_of(row), row["attention"])
        for e, row in zip(chosen, predictor.answers(chosen), strict=True)
    ]
    if rows:
        readings(rows, folder / "looks.png")


def tables(
    run: Run[Config, Data], predictor: CaptionPredictor, answers: Mapping[str, Any]
) -> Mapping[str, Any]:
    """For formulas the exact match by length."""
    if not run.config.formulas:
        return {}
    references = [example.captions for example in run.data.test]
    rows = exact_match_by_length(answers["model"], references)
    return {"exact_match_by_length.csv": rows}


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    share = hp.Float("scheduled_sampling", 0.0, 0.5, step=0.25)
    return stack_space(
        hp,
        config,
        attention=hp.Choice("attention", ["additive", "dot", "none"], default=config.attention),
        scheduled_sampling=share,
        sampling_schedule=config.sampling_schedule if share else "linear",
    )


RECIPE = Recipe(
    config=Config,
    card=CARD,
    load_data=load_data,
    build=build,
    train=train,
    baseline=baseline,
    export=export,
    portable=portable,
    load=CaptionPredictor,
    load_test=load_test,
    predicting=Predict,
    draw=draw,
    tables=tables,
    space=space,
)
