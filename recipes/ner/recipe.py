"""The ner recipe, from data to predictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import keras_tuner

import zoo
from custom_layers import CRFLoss
from recipes.kit import plots, text_plots
from recipes.kit.card import Card
from recipes.kit.console import note
from recipes.kit.data.batches import padded_batches, steps
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.metrics import entity_spans, tagging_metrics
from recipes.kit.options import FitConfig, StackConfig
from recipes.kit.output import PLOTS, SAVED_MODEL, read_record, write_json
from recipes.kit.search import stack_space
from recipes.kit.text import TokenVocabulary
from recipes.kit.words import Vectors, WordConfig, with_vectors, word_dropout
from recipes.ner import data as ner_data
from recipes.ner.serve import SavedTagger, Tagger, encode, tag_all

LABELS = "labels.json"

CARD = Card(
    task="Marks the named entities of a sentence (or gives each word another kind of tag).",
    use="Sentences like those it was trained on, in the same language.",
    limits="Names it has never seen are recognised by their letters and their context only. "
    "Sentences unlike the training data, other languages and longer texts are tagged worse, and "
    "the confidence does not tell. Not for decisions about people.",
)

INPUTS = "texts"

_Tags = list[list[str]]

_TOKEN_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)


@dataclass(frozen=True)
class Config(StackConfig, WordConfig, FitConfig):
    """Options of the ner recipe."""

    epochs: int = 10
    """Most passes over the training data."""
    learning_rate: float = 3e-3
    """Step size, at its highest."""
    global_clipnorm: float | None = 5.0
    """Clip the gradient when the norm over all weights passes this. None = no clipping."""
    units: int = 100
    """Width of each recurrent layer and direction."""
    dropout: float = 0.3
    """Share of non-recurrent connections dropped in training."""
    head: Literal["crf", "softmax"] = "crf"
    """What decides on the tags: a CRF for the whole sentence, or a softmax for each word."""
    token_column: int | None = None
    """Column of the words in your files, from 0; -1 is the last. By default the first."""
    tag_column: int | str | None = None
    """Column of the tags in your files, from 0; -1 is the last. By default the last. In CoNLL-U a
    name (upos, xpos, deprel), in TFDS a feature."""


@dataclass(frozen=True)
class Data:
    """A corpus, and what of its training part the model knows."""

    corpus: ner_data.NerData
    vocabulary: TokenVocabulary
    tags: tuple[str, ...]
    vectors: Vectors | None = None

    @property
    def entities(self) -> bool:
        """Whether tags mark entities, or each stands for itself."""
        return self.corpus.kind == "entities"

    @property
    def description(self) -> str:
        """What the corpus is, for a person."""
        return self.corpus.description

    @property
    def licence(self) -> str:
        """Under what licence the corpus stands."""
        return self.corpus.licence

    @property
    def score(self) -> str:
        """The metric that chooses the best epoch."""
        return "entity_f1" if self.entities else "token_accuracy"

    @property
    def mode(self) -> Literal["max"]:
        """More of it is better."""
        return "max"

    @property
    def test(self) -> Sequence[ner_data.Sentence]:
        """What `evaluate` is given after the training."""
        return self.corpus.test


# --- data -----------------------------------------------------------------------------------------


def load_data(config: Config) -> Data:
    """Read the corpus; collect vocabulary and tags from its training part."""
    corpus = ner_data.load(
        config.data,
        seed=config.seed,
        token_column=config.token_column,
        tag_column=config.tag_column,
    )
    if corpus.unseen_labels:
        note(f"never seen in training, so never right: {', '.join(corpus.unseen_labels)}")
    vectors = config.read_word_vectors()
    return Data(
        corpus=corpus,
        vocabulary=TokenVocabulary.of((s.tokens for s in corpus.train), vectors or ()),
        tags=corpus.labels,
        vectors=vectors,
    )


# --- build ----------------------------------------------------------------------------------------


def build(config: Config, data: Data) -> keras.Model:
    """The tagger, uncompiled."""
    constraints = {}
    if data.entities and config.head == "crf":
        constraints = iob2_constraints(data.tags)
    words = config.word_options(data.vocabulary, data.vectors)
    model = zoo.tagger(
        num_tags=len(data.tags), head=config.head, **words, **constraints, **config.stack
    )
    return with_vectors(model, data.vocabulary, data.vectors, config.seed)


def build_baseline(config: Config, data: Data) -> keras.Model:
    """The same features without context, uncompiled."""
    model = zoo.mlp_tagger(
        num_tags=len(data.tags),
        units=config.units,
        depth=1,
        dropout=config.dropout,
        **config.word_options(data.vocabulary, data.vectors),
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


# --- train ----------------------------------------------------------------------------------------


def train(
    config: Config,
    data: Data,
    model: keras.Model,
    *,
    folder: Path | None = None,
    name: str = "model",
    title: str = "tagger",
) -> list[dict[str, float]]:
    """Train a model of tag scores; it is left with the weights of its best epoch."""
    tagger = Tagger(model, data.vocabulary, data.tags)
    train_inputs, train_targets = encode(tagger, data.corpus.train)
    valid_inputs, valid_targets = encode(tagger, data.corpus.valid)
    multiple = 16 if config.jit_compile else 1
    valid_batches = padded_batches(
        valid_inputs, valid_targets, config.batch_size, pad_multiple=multiple
    )

    def validate() -> dict[str, float]:
        loss = model.evaluate(valid_batches, verbose=0)
        valid = data.corpus.valid
        scores = _score(valid, _tag(tagger, valid), data.entities)
        return {"val_loss": loss, f"val_{data.score}": scores[data.score]}

    crf = len(model.output.shape) == 4
    return fit(
        model,
        config,
        batches=lambda epoch: padded_batches(
            train_inputs,
            train_targets,
            config.batch_size,
            shuffle=(config.seed, epoch),
            pad_multiple=multiple,
            change=word_dropout(train_inputs, config.word_dropout),
        ),
        steps=steps(len(train_targets), config.batch_size),
        loss=CRFLoss() if crf else _TOKEN_LOSS,
        validate=validate,
        monitor=f"val_{data.score}",
        mode=data.mode,
        folder=folder,
        name=name,
        title=title,
    )


# --- evaluate -------------------------------------------------------------------------------------


def evaluate(folder: Path, sentences: Sequence[ner_data.Sentence]) -> dict[str, float]:
    """Metrics of an exported tagger on sentences with known tags."""
    entities = _labels(folder)["entities"]
    return _score(sentences, _tag(SavedTagger(folder / SAVED_MODEL), sentences), entities)


def baseline(config: Config, data: Data, folder: Path) -> tuple[dict[str, float], _Tags]:
    """A multilayer perceptron on the same word and character features, trained without context."""
    model = build_baseline(config, data)
    train(config, data, model, folder=folder, name="baseline", title="baseline")
    predicted = _tag(Tagger(model, data.vocabulary, data.tags), data.test)
    return _score(data.test, predicted, data.entities), predicted


def load_test(folder: Path, config: Config, source: str) -> Sequence[ner_data.Sentence]:
    """Sentences to evaluate on: the test part of the data the model was trained on, the test part
    of another source, or all of another file."""
    columns = {"token_column": config.token_column, "tag_column": config.tag_column}
    if source == config.data:
        return ner_data.load(source, seed=config.seed, **columns).test
    kind = "entities" if _labels(folder)["entities"] else "labels"
    return ner_data.load_test(source, seed=config.seed, kind=kind, **columns)


def _labels(folder: Path) -> dict[str, Any]:
    return read_record(folder / LABELS, ("entities", "tags", "words", "characters"))


def draw(folder: Path, data: Data, baseline_tags: _Tags) -> None:
    """Draw which tags are taken for which, and some sentences as model and baseline see them."""
    predicted = _tag(SavedTagger(folder / SAVED_MODEL), data.test)
    truth = [sentence.tags for sentence in data.test]
    plots.confusion(_flat(truth), _flat(predicted), folder / PLOTS / "confusion.png")
    if data.entities:
        examples = [
            (sentence.tokens, {"truth": sentence.tags, "tagger": tags, "baseline": blind})
            for sentence, tags, blind in zip(data.test, predicted, baseline_tags, strict=True)
            if len(entity_spans(sentence.tags)) > 1 and len(" ".join(sentence.tokens)) < 90
        ]
        if examples:
            text_plots.tagged(examples[:6], folder / PLOTS / "sentences.png")


def _tag(tagger: Tagger | SavedTagger, sentences: Sequence[ner_data.Sentence]) -> _Tags:
    return tag_all(tagger, [sentence.tokens for sentence in sentences])


def _score(
    sentences: Sequence[ner_data.Sentence], predicted: _Tags, entities: bool
) -> dict[str, float]:
    return tagging_metrics([s.tags for s in sentences], predicted, entities=entities)


def _flat(tags: Sequence[Sequence[str]]) -> list[str]:
    return [tag for sentence in tags for tag in sentence]


# --- export, predict ------------------------------------------------------------------------------


def export(config: Config, data: Data, model: keras.Model, folder: Path) -> None:
    """Write the SavedModel, which takes raw sentences or tokens, and the lists behind the ids.

    Signatures: `serving_default(sentences: (batch,))` splits the sentences itself;
    `tag_tokens(tokens: (batch, time))` takes tokens, "" = padding. Both return `tokens`, `tags` and
    `confidence`, (batch, time), with "" and 0 at padding.
    """
    tagger = Tagger(for_serving(model), data.vocabulary, data.tags)
    save_saved_model(tagger.endpoints, tagger.resources, folder / SAVED_MODEL)
    lists = {"tags": data.tags, **dataclasses.asdict(data.vocabulary)}
    write_json(folder / LABELS, {"entities": data.entities, **lists})


def servable(model: keras.Model) -> keras.Model:
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


def predict(folder: Path, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Tag raw sentences with an exported tagger.

    Yields:
        For each sentence `text`, `tokens`, `tags`, and `entities` with their `text`, `type`,
        `start` and `end` token and `confidence`, the lowest of its tokens.
    """
    entities = _labels(folder)["entities"]
    tagger = SavedTagger(folder / SAVED_MODEL)
    for text, tokens, tags, confidence in tagger.tag_sentences(texts):
        answer: dict[str, Any] = {"text": text, "tokens": tokens, "tags": tags}
        if entities:
            answer["entities"] = [
                {
                    "text": " ".join(tokens[start:end]),
                    "type": kind,
                    "start": start,
                    "end": end,
                    "confidence": round(min(confidence[start:end]), 4),
                }
                for kind, start, end in entity_spans(tags)
            ]
        yield answer


# --- search ---------------------------------------------------------------------------------------


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    return stack_space(hp, config)
