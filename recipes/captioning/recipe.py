"""The captioning recipe: images, model, training, baseline, export, pictures and search."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from sklearn.neighbors import NearestNeighbors

import zoo
from recipes.captioning import data as captions
from recipes.captioning.backbones import backbone, check_encoder, freeze
from recipes.captioning.batches import Batches
from recipes.captioning.data import PIECES, Data
from recipes.captioning.example import Example
from recipes.captioning.metrics import caption_metrics, caption_statistics
from recipes.captioning.options import Config, Predict
from recipes.captioning.report import draw, tables
from recipes.captioning.serve import Captioner, CaptionPredictor
from recipes.kit.data.batches import steps
from recipes.kit.data.source import Source
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.output import SAVED_MODEL, read_record, read_run_config, write_json
from recipes.kit.recipe import Baseline, Card, Comparison, History, Recipe, Run
from recipes.kit.space import decoder_space
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

#: Convolutions that halve height and width.
_POOLED = 3

_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)


def load_data(source: Source, config: Config) -> Data:
    """Read the images; collect the pieces of the training captions."""
    check_encoder(config)
    return captions.load(source, config)


def build(run: Run[Config, Data]) -> keras.Model:
    """The encoder and decoder, uncompiled."""
    config, data = run.config, run.data
    filters = config.filters or ()
    return zoo.captioner(
        vocabulary_size=data.pieces.vocabulary.count,
        channels=3 if config.colour == "rgb" else 1,
        backbone=backbone(config),
        filters=filters,
        pools=[(2, 2) if stage < _POOLED else (1, 1) for stage in range(len(filters))],
        normalization=config.normalization,
        row_units=config.row_units,
        attention=config.attention,
        embedding_dim=config.embedding_dim,
        input_feeding=config.input_feeding,
        **stack_of(config),
    )


def train(run: Run[Config, Data], model: keras.Model, name: str = "model") -> History:
    """Train the model; it is left with the weights of its best epoch. Of several captions of an
    image, one is drawn in each epoch; the loss of the validation part is that of the first ones."""
    config, data = run.config, run.data
    freeze(model, config)
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
        name=name,
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
        "the caption of the training image that is nearest pixel by pixel; `fixed_vector_...`, "
        "where there are such metrics, is a model without attention, trained for comparison.",
        caption_metrics(answers, [example.captions for example in test], run.config.short),
    )


def compare(run: Run[Config, Data], _: keras.Model, __: History) -> Comparison:
    """With `--compare`, a model without attention."""
    if not run.config.compare:
        return Comparison()
    config = dataclasses.replace(run.config, attention="none", compare=False)
    without = dataclasses.replace(run, config=config, title="without attention")
    model = build(without)
    train(without, model, name="baseline")
    captioner, test = Captioner(model, run.data, config), run.data.test
    images = np.stack([example.image for example in test])
    answers = captioner.captions(images, "beam")
    by_prefix = {
        "fixed_vector_": answers,
        "fixed_vector_greedy_": captioner.captions(images),
    }
    references = [example.captions for example in test]
    return Comparison(
        caption_statistics(by_prefix, references, config.short).values,
        {"without attention": answers},
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
    """What ONNX and LiteRT can hold: pixels in [0, 1] of the size of the config in, ids of the
    likeliest caption out, greedily."""
    record = read_record(folder / PIECES, ("max_length",))
    config = read_run_config(Config, folder)
    search = zoo.sequence_search(
        for_serving(model),
        start_id=BOUNDARY_ID,
        end_id=BOUNDARY_ID,
        max_length=record["max_length"],
        beam_size=1,
        forbidden=(0, 1),
    )
    image = keras.Input((*config.size, search.input["image"].shape[-1]), name="image")
    return keras.Model({"image": image}, search({"image": image}), name=model.name)


def load_test(source: Source, predictor: CaptionPredictor) -> Sequence[Example]:
    """Images with captions to evaluate a captioner on."""
    return captions.load_test(source, predictor.config)


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
    load=CaptionPredictor,
    load_test=load_test,
    predicting=Predict,
    draw=draw,
    tables=tables,
    space=decoder_space,
)
