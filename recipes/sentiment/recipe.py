"""The sentiment recipe, from data to predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import zoo
from recipes.kit import plots, text_plots
from recipes.kit.card import Card
from recipes.kit.console import note
from recipes.kit.data.batches import padded_batches, steps
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.metrics import class_metrics
from recipes.kit.options import FitConfig, StackConfig
from recipes.kit.output import PLOTS, SAVED_MODEL, read_record, write_json
from recipes.kit.search import stack_space
from recipes.kit.text import TokenVocabulary, split_texts
from recipes.kit.words import Vectors, WordConfig, with_vectors, word_dropout
from recipes.sentiment import data as text_data
from recipes.sentiment.serve import SavedClassifier, TextClassifier, encode_all

LABELS = "labels.json"

CARD = Card(
    task="Says which class a text belongs to, such as whether a review is positive.",
    use="Texts like those it was trained on, in the same language and of the same kind.",
    limits="Irony, other subjects and other languages are classified worse, and the probabilities "
    "do not tell. Texts are read up to a number of words. Not for decisions about people.",
)

INPUTS = "texts"

_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@dataclass(frozen=True)
class Config(StackConfig, WordConfig, FitConfig):
    """Options of the sentiment recipe."""

    epochs: int = 10
    """Most passes over the training data."""
    patience: int = 3
    """Stop after this many epochs without improvement; the best epoch's weights are kept."""
    global_clipnorm: float | None = 1.0
    """Clip the gradient when the norm over all weights passes this. None = no clipping."""
    units: int = 64
    """Width of each recurrent layer and direction."""
    dropout: float = 0.5
    """Share of non-recurrent connections dropped in training."""
    pooling: Literal["last", "mean", "max", "attention"] = "attention"
    """The vector that decides: last = the states after the whole text has been read; mean, max over
    its words; attention = a learned weighted mean."""
    character_filters: int = 0
    """Width of the character features; 0 = words only."""
    vocabulary_size: int = 30_000
    """Know at most this many words, the most frequent ones."""
    max_tokens: int = 400
    """Read at most this many words of a text."""
    text_column: int | str | None = None
    """Column of the texts in your files: a number from 0, or a name (also of a JSONL field or TFDS
    feature). By default found by its name, else by its contents."""
    label_column: int | str | None = None
    """Column of the labels, likewise."""
    subset: str | None = None
    """Of a folder with several sets, that with this word in the names of its files."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("vocabulary_size", "max_tokens"):
            self.require(getattr(self, field) >= 1, field, "at least 1")

    @property
    def columns(self) -> text_data.Columns:
        """Where text and label are in the user's files."""
        return text_data.Columns(self.text_column, self.label_column)


@dataclass(frozen=True)
class Data:
    """Texts, and what of their training part the model knows."""

    texts: text_data.TextData
    vocabulary: TokenVocabulary
    vectors: Vectors | None = None
    score: str = "accuracy"
    mode: Literal["min", "max"] = "max"

    @property
    def description(self) -> str:
        """What the texts are, for a person."""
        return self.texts.description

    @property
    def licence(self) -> str:
        """Under what licence they stand."""
        return self.texts.licence

    @property
    def test(self) -> Sequence[text_data.LabelledText]:
        """What `evaluate` is given after the training."""
        return self.texts.test


# --- data -----------------------------------------------------------------------------------------


def load_data(config: Config) -> Data:
    """Read the texts; collect the vocabulary from their training part."""
    texts = text_data.load(
        config.data, seed=config.seed, columns=config.columns, subset=config.subset
    )
    if texts.unseen_labels:
        note(f"never seen in training, so never right: {', '.join(texts.unseen_labels)}")
    vectors = config.read_word_vectors()
    tokens = [words[: config.max_tokens] for words in split_texts([e.text for e in texts.train])]
    vocabulary = TokenVocabulary.of(tokens, vectors or (), limit=config.vocabulary_size)
    return Data(texts, vocabulary, vectors)


# --- build ----------------------------------------------------------------------------------------


def build(config: Config, data: Data) -> keras.Model:
    """The classifier, uncompiled."""
    model = zoo.text_classifier(
        num_classes=len(data.texts.labels),
        pooling=config.pooling,
        **config.word_options(data.vocabulary, data.vectors),
        **config.stack,
    )
    return with_vectors(model, data.vocabulary, data.vectors, config.seed)


# --- train ----------------------------------------------------------------------------------------


def train(
    config: Config,
    data: Data,
    model: keras.Model,
    *,
    folder: Path | None = None,
    title: str = "classifier",
) -> list[dict[str, float]]:
    """Train a model; it is left with the weights of its best epoch."""
    classifier = TextClassifier(model, data.vocabulary, data.texts.labels, config.max_tokens)
    ids = {label: index for index, label in enumerate(data.texts.labels)}
    inputs = encode_all(classifier, [e.text for e in data.texts.train])
    targets = [np.int32(ids[e.label]) for e in data.texts.train]
    valid = [e for e in data.texts.valid if e.label in ids]
    valid_targets = [np.int32(ids[e.label]) for e in valid]
    multiple = 16 if config.jit_compile else 1
    valid_batches = padded_batches(
        encode_all(classifier, [e.text for e in valid]),
        valid_targets,
        config.batch_size,
        pad_multiple=multiple,
    )
    accuracy = keras.metrics.SparseCategoricalAccuracy()

    def validate() -> dict[str, float]:
        loss = model.evaluate(valid_batches, verbose=0)
        accuracy.reset_state()
        for batch, truth in valid_batches:
            accuracy.update_state(truth, model.predict_on_batch(batch))
        return {"val_loss": loss, "val_accuracy": float(accuracy.result())}

    return fit(
        model,
        config,
        batches=lambda epoch: padded_batches(
            inputs,
            targets,
            config.batch_size,
            shuffle=(config.seed, epoch),
            pad_multiple=multiple,
            change=word_dropout(inputs, config.word_dropout),
        ),
        steps=steps(len(targets), config.batch_size),
        loss=_LOSS,
        validate=validate,
        monitor=f"val_{data.score}",
        mode=data.mode,
        folder=folder,
        title=title,
    )


# --- evaluate -------------------------------------------------------------------------------------


def evaluate(folder: Path, texts: Sequence[text_data.LabelledText]) -> dict[str, float]:
    """Metrics of an exported classifier on texts with known classes."""
    labels = _labels(folder)
    shares = SavedClassifier(folder / SAVED_MODEL).probabilities([e.text for e in texts])
    return class_metrics([e.label for e in texts], shares, labels)


def baseline(config: Config, data: Data, folder: Path) -> tuple[dict[str, float], None]:
    """Logistic regression on how often each word is there, and always the most frequent class."""
    bags = [
        split_texts([e.text for e in part], normalized=True)
        for part in (data.texts.train, data.test)
    ]
    known, truth = ([e.label for e in part] for part in (data.texts.train, data.test))
    model = make_pipeline(TfidfVectorizer(analyzer=list), LogisticRegression(max_iter=1000))
    shares = model.fit(bags[0], known).predict_proba(bags[1])
    labels = [str(label) for label in model.classes_]
    commonest = Counter(known).most_common(1)[0][0]
    always = sum(label == commonest for label in truth) / len(truth)
    return {**class_metrics(truth, shares, labels), "accuracy_of_commonest": always}, None


def load_test(folder: Path, config: Config, source: str) -> Sequence[text_data.LabelledText]:
    """Texts to evaluate on: the test part of the data the model was trained on, the test part of
    another source, or all of another file."""
    options = {"seed": config.seed, "columns": config.columns, "subset": config.subset}
    if source == config.data:
        return text_data.load(source, **options).test
    return text_data.load_test(source, **options)


def _labels(folder: Path) -> list[str]:
    return read_record(folder / LABELS, ("labels", "words", "characters"))["labels"]


def draw(folder: Path, data: Data, baseline_answers: None) -> None:
    """Draw which classes are taken for which, and where the attention goes."""
    classifier = SavedClassifier(folder / SAVED_MODEL)
    test = data.test
    labels = _labels(folder)
    best = np.argmax(classifier.probabilities([e.text for e in test]), axis=1)
    predicted = [labels[index] for index in best]
    truth = [example.label for example in test]
    plots.confusion(truth, predicted, folder / PLOTS / "confusion.png", what="class")
    some = [e for e in test if len(e.text) < 100][:12]
    rows = [
        (answer["attention"], f"{answer['label']} ({example.label})")
        for answer, example in zip(classifier.answers(e.text for e in some), some, strict=True)
        if "attention" in answer
    ]
    if rows:
        text_plots.attention(rows, "predicted (true)", folder / PLOTS / "attention.png")


# --- export, predict ------------------------------------------------------------------------------


def export(config: Config, data: Data, model: keras.Model, folder: Path) -> None:
    """Write the SavedModel, which takes raw texts, and the lists behind the ids.

    Signature: `classify(texts: (batch,))`, also `serving_default`, returns `label` (batch,),
    `probabilities` (batch, classes), `labels` (classes,), `tokens` (batch, time) with "" at
    padding, and with attention pooling `attention` (batch, time).
    """
    classifier = TextClassifier(
        for_serving(model), data.vocabulary, data.texts.labels, config.max_tokens
    )
    save_saved_model(classifier.endpoints, classifier.resources, folder / SAVED_MODEL)
    lists = {"words": data.vocabulary.words, "characters": data.vocabulary.characters}
    write_json(folder / LABELS, {"labels": data.texts.labels, **lists})


def servable(model: keras.Model) -> keras.Model:
    """What ONNX and LiteRT can hold: ids in, probabilities out."""
    return zoo.class_decoder(for_serving(model))


def predict(folder: Path, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Classify raw texts with an exported classifier.

    Yields:
        For each text `text`, `label`, `probabilities` by class, and with attention pooling
        `attention`, the tokens with their weights.
    """
    yield from SavedClassifier(folder / SAVED_MODEL).answers(texts)


# --- search ---------------------------------------------------------------------------------------


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    pooling = hp.Choice("pooling", ["last", "mean", "max", "attention"], default=config.pooling)
    return stack_space(hp, config, pooling=pooling)
