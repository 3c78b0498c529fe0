"""The captioning recipe: images, model, training, baseline, export, pictures and search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import tensorflow as tf
from sklearn.neighbors import NearestNeighbors

import zoo
from recipes.captioning import data as captions
from recipes.captioning.data import PIECES, Data
from recipes.captioning.example import Example
from recipes.captioning.metrics import caption_metrics
from recipes.captioning.options import Config, Predict
from recipes.captioning.plots import captioned, looks
from recipes.captioning.serve import Captioner, CaptionPredictor, tokens_of
from recipes.kit.data.batches import pad, steps
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
    training, valid = _Batches(data.train, run), _Batches(data.valid, run)
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
        metrics = caption_metrics(captioner.captions(images), references)
        return {"val_loss": loss, **{f"val_{name}": value for name, value in metrics.items()}}

    return fit(
        run,
        trained,
        batches=training.batches,
        steps=count,
        loss=_LOSS,
        validate=validate,
    )


class _Batches:
    """Images and captions as the model takes them."""

    def __init__(self, examples: Sequence[Example], run: Run[Config, Data]) -> None:
        self._examples, self._config = examples, run.config
        flat = [caption for example in examples for caption in example.captions]
        ids = iter(run.data.pieces.encode_all(flat))
        self._ids = [[next(ids) for _ in example.captions] for example in examples]

    def batches(self, epoch: int | None) -> tf.data.Dataset:
        """Batches `(inputs, targets)` in an order of an epoch; None is the order of the examples,
        with the first caption of each."""
        size = self._config.batch_size
        end = np.array([BOUNDARY_ID], np.int32)

        def generate() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
            order, drawn = np.arange(len(self._examples)), np.zeros(len(self._examples))
            if epoch is not None:
                generator = np.random.default_rng((self._config.seed, epoch))
                order, drawn = generator.permutation(order), generator.random(len(order))
            for start in range(0, len(order), size):
                rows = order[start : start + size]
                ids = [self._ids[row][int(drawn[row] * len(self._ids[row]))] for row in rows]
                multiple = self._config.pad_multiple
                images = np.stack([self._examples[row].image for row in rows])
                inputs = {
                    "image": images.astype("float32") / 255,
                    "target": pad([np.concatenate([end, each]) for each in ids], 0, multiple),
                }
                yield inputs, pad([np.concatenate([each, end]) for each in ids], -1, multiple)

        shape = self._examples[0].image.shape
        tokens = tf.TensorSpec([None, None], tf.int32)
        image = tf.TensorSpec([None, *shape], tf.float32)
        signature = ({"image": image, "target": tokens}, tokens)
        dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
        count = steps(len(self._examples), size)
        return dataset.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)


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
        caption_metrics(answers, [example.captions for example in test]),
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
    if run.config.attention == "none":
        return
    looked = [
        (example.image, tokens_of(row), row["attention"])
        for example, row in zip(
            examples[:_LOOKED_AT], predictor.answers(examples[:_LOOKED_AT]), strict=True
        )
    ]
    looks(looked, folder / "looks.png")


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
    space=space,
)
