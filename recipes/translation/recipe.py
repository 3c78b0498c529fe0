"""The translation recipe: pairs, model, training, baseline, export, pictures and search."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors

import zoo
from recipes.kit.data.batches import padded_batches, shuffled_batches, steps
from recipes.kit.data.source import Source
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.output import PLOTS, SAVED_MODEL, read_record, write_json
from recipes.kit.plots import by_length
from recipes.kit.recipe import Baseline, Card, Comparison, History, Recipe, Run
from recipes.kit.space import decoder_space
from recipes.kit.stack import stack_of
from recipes.kit.vocabulary import BOUNDARY_ID
from recipes.translation import data as corpora
from recipes.translation.data import PIECES, Data, by_source
from recipes.translation.formats import Pair
from recipes.translation.metrics import bleu_by_length, translation_metrics, translation_statistics
from recipes.translation.options import Config, Predict
from recipes.translation.plots import alignment
from recipes.translation.serve import Translator, TranslatorPredictor

CARD = Card(
    task="Translates a sentence into another language or notation.",
    use="Sentences like those it was trained on: of the same languages, subject and length.",
    limits="It leaves out words and makes some up, fluently; longer sentences are worse. What "
    "matters must be checked by somebody who knows both languages.",
)

#: Most sentences translated after each epoch.
_CHECKED = 500

#: Most pieces of a sentence in the picture of the attention.
_SHOWN = 24

_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)


def load_data(source: Source, config: Config) -> Data:
    """Read the pairs; collect the pieces of their training part."""
    return corpora.load(source, config)


def build(run: Run[Config, Data]) -> keras.Model:
    """The encoder and decoder, uncompiled."""
    config, data = run.config, run.data
    return zoo.encoder_decoder(
        source_vocabulary_size=data.source.vocabulary.count,
        target_vocabulary_size=data.target.vocabulary.count,
        attention=config.attention,
        embedding_dim=config.embedding_dim,
        input_feeding=config.input_feeding,
        name="translator",
        **stack_of(config),
    )


def _translator(run: Run[Config, Data], model: keras.Model) -> Translator:
    config = run.config
    return Translator(
        model, run.data, beam_size=config.beam_size, length_penalty=config.length_penalty
    )


def train(run: Run[Config, Data], model: keras.Model, name: str = "model") -> History:
    """Train a model; it is left with the weights of its best epoch."""
    config, data = run.config, run.data
    translator = _translator(run, model)
    inputs, targets = translator.encode(data.train)
    count = steps(len(targets), config.batch_size)
    valid = padded_batches(
        *translator.encode(data.valid), config.batch_size, pad_multiple=config.pad_multiple
    )
    checked = by_source(data.valid)
    sources, references = zip(*checked[:: -(-len(checked) // _CHECKED)], strict=True)
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
        loss = trained.evaluate(valid, verbose=0)
        metrics = translation_metrics(translator.translate(sources, "greedy"), references)
        return {"val_loss": loss, **{f"val_{name}": value for name, value in metrics.items()}}

    return fit(
        run,
        trained,
        batches=shuffled_batches(config, inputs, targets),
        steps=count,
        loss=_LOSS,
        validate=validate,
        name=name,
    )


def baseline(run: Run[Config, Data]) -> Baseline:
    """The translation of the most similar source of the training part."""
    train, (sources, references) = run.data.train, zip(*by_source(run.data.test), strict=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3))
    known = letters.fit_transform(pair.source for pair in train)
    nearest = NearestNeighbors(n_neighbors=1, metric="cosine").fit(known)
    rows = nearest.kneighbors(letters.transform(sources), return_distance=False)[:, 0]
    return Baseline(
        "the translation of the training source that is most similar by its letters; "
        "`fixed_vector_...`, where there are such metrics, is a model without attention, trained "
        "for comparison.",
        translation_metrics([train[row].target for row in rows], references),
    )


def compare(run: Run[Config, Data], _: keras.Model, __: History) -> Comparison:
    """With `--compare`, a model without attention."""
    if not run.config.compare:
        return Comparison()
    config = dataclasses.replace(run.config, attention="none", compare=False)
    without = dataclasses.replace(run, config=config, title="without attention")
    model = build(without)
    train(without, model, name="baseline")
    translator = _translator(without, model)
    sources, references = zip(*by_source(run.data.test), strict=True)
    answers = translator.translate(sources)
    greedy = translator.translate(sources, "greedy")
    by_prefix = {"fixed_vector_": answers, "fixed_vector_greedy_": greedy}
    return Comparison(
        translation_statistics(by_prefix, references).values,
        {"without attention": answers},
    )


def export(run: Run[Config, Data], model: keras.Model) -> None:
    """Write the SavedModel, which takes and gives sentences, and the pieces behind the ids.

    Signatures: `translate(texts: (batch,))`, also `serving_default`, by beam search, and `greedy`,
    both with `translations` (batch,), `hypotheses` and `scores` (batch, beam), `source_tokens`
    (batch, positions), `tokens` (batch, time), and with attention `attention` (batch, time,
    positions + 1), whose last position is the end of the source.
    """
    data, translator = run.data, _translator(run, for_serving(model))
    save_saved_model(translator.endpoints, translator.resources, run.folder / SAVED_MODEL)
    source, target = data.source.vocabulary, data.target.vocabulary
    record = {
        "level": source.level,
        "max_length": data.max_length,
        "source": source.pieces,
        "target": target.pieces,
    }
    write_json(run.folder / PIECES, record)


def portable(model: keras.Model, folder: Path) -> keras.Model:
    """What ONNX can hold: ids of a source in, ids of the likeliest target out, greedily."""
    record = read_record(folder / PIECES, ("source", "target"))
    return zoo.sequence_search(
        for_serving(model),
        start_id=BOUNDARY_ID,
        end_id=BOUNDARY_ID,
        max_length=record.get("max_length", 100),  # not written by earlier versions
        beam_size=1,
        forbidden=(0, 1),
    )


def load_test(source: Source, predictor: TranslatorPredictor) -> Sequence[Pair]:
    """Pairs to evaluate a translator on."""
    return corpora.load_test(source, predictor.config)


def draw(
    run: Run[Config, Data], predictor: TranslatorPredictor, answers: Mapping[str, Any]
) -> None:
    """Draw where the decoder looks, and how good it is on short and on long sources."""
    sources, references = zip(*by_source(run.data.test), strict=True)
    lengths = run.data.source.split(tf.constant(sources)).row_lengths().numpy()
    by_length(
        {name: bleu_by_length(lengths, texts, references) for name, texts in answers.items()},
        run.folder / PLOTS / "quality_by_length.png",
        score="BLEU",
        length="source length, pieces",
        counted="sentences",
    )
    if run.config.attention == "none":
        return
    shown = np.random.default_rng(0).permutation(np.flatnonzero(lengths <= _SHOWN))[:4]
    pairs = [
        (answer["source_tokens"], answer["tokens"], np.array(answer["attention"]))
        for answer in predictor.predict(sources[index] for index in shown)
    ]
    if pairs:
        alignment(pairs, run.folder / PLOTS / "alignment.png")


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
    load=TranslatorPredictor,
    load_test=load_test,
    predicting=Predict,
    draw=draw,
    space=decoder_space,
)
