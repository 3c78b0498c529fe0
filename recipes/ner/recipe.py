"""The ner recipe: data, tagger, training, baseline, export, pictures and search, in this order."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner

import zoo
from custom_layers import CRFLoss
from recipes.kit.data.batches import (
    class_weights,
    padded_batches,
    shuffled_batches,
    steps,
    weighted,
)
from recipes.kit.data.source import Source
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.output import PLOTS, SAVED_MODEL, write_json
from recipes.kit.plots import confusion
from recipes.kit.recipe import Baseline, Card, History, Recipe, Run
from recipes.kit.space import stack_space
from recipes.kit.stack import stack_of
from recipes.kit.words import with_vectors, word_dropout, word_options
from recipes.ner import data as corpora
from recipes.ner.confidence import calibrated
from recipes.ner.data import LABELS, Data
from recipes.ner.metrics import entity_spans, tagging_metrics
from recipes.ner.options import Config, Predict
from recipes.ner.plots import tagged
from recipes.ner.sentences import Sentence
from recipes.ner.serve import Tagger, TaggerPredictor

CARD = Card(
    task="Marks the named entities of a sentence (or gives each word another kind of tag).",
    use="Sentences like those it was trained on, in the same language.",
    limits="Names it has never seen are recognised by their letters and their context only. "
    "Sentences unlike the training data, other languages and longer texts are tagged worse, and "
    "the confidence does not show it. Not for decisions about people.",
)

_TOKEN_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)


def load_data(source: Source, config: Config) -> Data:
    """Read the corpus; collect vocabulary and tags from its training part."""
    return corpora.load(source, config)


def build(run: Run[Config, Data]) -> keras.Model:
    """The tagger, uncompiled."""
    config, data = run.config, run.data
    constraints = {}
    if data.entities and config.head == "crf":
        constraints = iob2_constraints(data.tags)
    model = zoo.tagger(
        num_tags=len(data.tags),
        head=config.head,
        **word_options(config, data.vocabulary, data.vectors),
        **constraints,
        **stack_of(config),
    )
    return with_vectors(model, data.vocabulary, data.vectors, config.seed)


def iob2_constraints(tags: Sequence[str]) -> dict[str, Any]:
    """Which tag may follow which in IOB2: an `I-X` continues a `B-X` or `I-X` and nothing else."""

    def allowed(before: str | None, tag: str) -> int:
        return int(tag[:2] != "I-" or before in (f"B-{tag[2:]}", tag))

    return {
        "allowed_transitions": [[allowed(before, tag) for tag in tags] for before in tags],
        "allowed_starts": [allowed(None, tag) for tag in tags],
    }


def train(run: Run[Config, Data], model: keras.Model, name: str = "model") -> History:
    """Train a model of tag scores; it is left with the weights of its best epoch."""
    config, data = run.config, run.data
    tagger = Tagger(model, data.vocabulary, data.tags)
    inputs, targets = tagger.encode(data.train)
    weights = class_weights(config, targets, len(data.tags))
    valid = weighted(
        padded_batches(
            *tagger.encode(data.valid), config.batch_size, pad_multiple=config.pad_multiple
        ),
        weights,
    )

    def validate() -> dict[str, float]:
        loss = model.evaluate(valid, verbose=0)
        metric = data.objective.metric
        return {"val_loss": loss, f"val_{metric}": _score(tagger, data.valid, data)[metric]}

    return fit(
        run,
        model,
        batches=shuffled_batches(
            config,
            inputs,
            targets,
            change=word_dropout(inputs, config.word_dropout),
            weights=weights,
        ),
        steps=steps(len(targets), config.batch_size),
        loss=CRFLoss() if len(model.output.shape) == 4 else _TOKEN_LOSS,
        validate=validate,
        name=name,
    )


def _score(tagger: Tagger, sentences: Sequence[Sentence], data: Data) -> dict[str, float]:
    truth = [sentence.tags for sentence in sentences]
    return tagging_metrics(truth, tagger.tag(sentences), entities=data.entities)


def baseline(run: Run[Config, Data]) -> Baseline:
    """A perceptron on the same features, which shows what context is worth."""
    data, model = run.data, build_baseline(run)
    train(dataclasses.replace(run, title="baseline"), model, name="baseline")
    tagger = Tagger(model, data.vocabulary, data.tags)
    return Baseline(
        "a multilayer perceptron on the same word and character features, trained without context.",
        _score(tagger, data.test, data),
        {"baseline": tagger.tag(data.test)},
    )


def build_baseline(run: Run[Config, Data]) -> keras.Model:
    """The same features without context, uncompiled."""
    config, data = run.config, run.data
    model = zoo.mlp_tagger(
        num_tags=len(data.tags),
        units=config.units,
        depth=1,
        dropout=config.dropout,
        **word_options(config, data.vocabulary, data.vectors),
    )
    return with_vectors(model, data.vocabulary, data.vectors, config.seed)


def export(run: Run[Config, Data], model: keras.Model) -> None:
    """Write the SavedModel, which takes raw sentences or tokens, and the lists behind the ids.

    Signatures: `tag_sentences(sentences: (batch,))`, also `serving_default`, splits the sentences
    itself; `tag_tokens(tokens: (batch, time))` takes tokens, "" = padding. Both return `tokens`,
    `tags` and `confidence`, (batch, time), with "" and 0 at padding. The confidence is calibrated
    on the validation part.
    """
    data, calibration = run.data, calibrated(run, model)
    tagger = Tagger(for_serving(model), data.vocabulary, data.tags, calibration.temperature)
    save_saved_model(tagger.endpoints, tagger.resources, run.folder / SAVED_MODEL)
    lists = {"tags": data.tags, **dataclasses.asdict(data.vocabulary)}
    record = {"entities": data.entities, **lists, "calibration": calibration.record}
    write_json(run.folder / LABELS, record)


def portable(model: keras.Model, folder: Path) -> keras.Model:
    """What ONNX and LiteRT can hold: word and character ids in, scores out.

    The scores are logits, or for a CRF log potentials (`custom_layers.viterbi_decode` takes them):
    the converters do not know the loops of the decoding.
    """
    plain = for_serving(model)
    inputs = {
        name: keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
        for name, tensor in plain.input.items()
    }
    return keras.Model(inputs, {"scores": plain(inputs)}, name=model.name)


def load_test(source: Source, predictor: TaggerPredictor) -> Sequence[Sentence]:
    """Sentences to evaluate a tagger on."""
    return corpora.load_test(source, predictor.config, predictor.kind)


def draw(run: Run[Config, Data], predictor: TaggerPredictor, answers: Mapping[str, Any]) -> None:
    """Draw which tags are taken for which, and some sentences as model and baseline see them."""
    test, predicted = run.data.test, answers["model"]
    truth = [sentence.tags for sentence in test]
    confusion(_flat(truth), _flat(predicted), run.folder / PLOTS / "confusion.png")
    if run.data.entities:
        examples = [
            (sentence.tokens, {"truth": sentence.tags, "tagger": tags, "baseline": blind})
            for sentence, tags, blind in zip(test, predicted, answers["baseline"], strict=True)
            if len(entity_spans(sentence.tags)) > 1 and len(" ".join(sentence.tokens)) < 90
        ]
        if examples:
            tagged(examples[:6], run.folder / PLOTS / "sentences.png")


def _flat(tags: Sequence[Sequence[str]]) -> list[str]:
    return [tag for sentence in tags for tag in sentence]


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
    export=export,
    portable=portable,
    load=TaggerPredictor,
    load_test=load_test,
    predicting=Predict,
    draw=draw,
    space=space,
)
