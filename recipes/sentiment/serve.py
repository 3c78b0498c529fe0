"""A text classifier as it is served: raw texts in, classes out, everything between in the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.calibration import Calibration, noted
from recipes.kit.data.batches import Example
from recipes.kit.export import Endpoint
from recipes.kit.judge import Judgement
from recipes.kit.metrics import class_judgement
from recipes.kit.output import read_record, read_run_config
from recipes.kit.recipe import Field, Predictor
from recipes.kit.serving import Served, answer_each, by_length, decoded, not_empty, rows_of
from recipes.kit.text import TokenEncoder, TokenVocabulary, split_texts, tokenize
from recipes.kit.unknown import Unknown, notes_of
from recipes.sentiment.data import LABELS
from recipes.sentiment.labels import LabelledText
from recipes.sentiment.options import Config

#: Texts classified at once.
_COUNT = 64

_TEXTS = tf.TensorSpec([None], tf.string, name="texts")


class TextClassifier:
    """A model of class logits between raw texts and the names of the classes."""

    def __init__(
        self,
        model: keras.Model,
        vocabulary: TokenVocabulary,
        labels: Sequence[str],
        max_tokens: int,
        temperature: float = 1.0,
    ) -> None:
        self._encoder = TokenEncoder(vocabulary)
        self._decoder = zoo.class_decoder(model, temperature)
        self._labels = list(labels)
        self._max_tokens = max_tokens
        self._encode_batch = tf.function(self._encode, input_signature=[_TEXTS])
        self.classify = tf.function(self._classify, input_signature=[_TEXTS])

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._decoder, *self._encoder.lookups]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signature of the exported classifier."""
        return {"classify": (self._classify, [_TEXTS])}

    def encode(self, texts: Sequence[str]) -> list[Example]:
        """Ids of each text, without padding, as the model takes them."""

        def ids(batch: list[str]) -> Iterator[Example]:
            inputs = self._encode_batch(tf.constant(batch))
            for row in rows_of({name: tensor.numpy() for name, tensor in inputs.items()}):
                # At least one step: a text without tokens is one of padding.
                length = max(1, int(np.count_nonzero(row["words"])))
                yield {name: values[:length] for name, values in row.items()}

        return by_length(texts, ids, count=_COUNT)

    def _tokens(self, texts: tf.Tensor) -> tf.Tensor:
        return tokenize(texts)[:, : self._max_tokens].to_tensor("")

    def _ids(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        # One step of padding more: a batch of empty texts would have no step to run over.
        ids = self._encoder(tf.pad(tokens, [[0, 0], [0, 1]], constant_values=""))
        return {name: ids[name] for name in self._decoder.input}

    def _encode(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._ids(self._tokens(texts))

    def _classify(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        tokens = self._tokens(texts)
        answer = self._decoder(self._ids(tokens), training=False)
        probabilities = answer["probabilities"]
        best = tf.argmax(probabilities, axis=-1)
        outputs = {
            "label": tf.gather(tf.constant(self._labels), best),
            "probabilities": probabilities,
            "labels": tf.constant(self._labels),
            "tokens": tokens,
        }
        if "attention" in answer:
            outputs["attention"] = answer["attention"][:, :-1]
        return outputs


class ClassifierPredictor(Predictor[Sequence[LabelledText]]):
    """An exported text classifier, warm."""

    takes: ClassVar[Literal["texts", "files"]] = "texts"
    inputs: ClassVar[Sequence[Field]] = (Field("text", "text", "A text, as it is written."),)
    outputs: ClassVar[Sequence[Field]] = (
        Field("text", "text", "The text."),
        Field("label", "label", "The likeliest class."),
        Field(
            "probabilities",
            "probabilities",
            "The probability of each class, calibrated on the validation part.",
        ),
        Field(
            "attention",
            "weights",
            "With attention pooling: pairs of a token and its weight; the weights sum to 1.",
        ),
        Field("truncated", "flag", "True where the text has more words than the model reads."),
    )

    def __init__(self, folder: Path) -> None:
        record = read_record(folder / LABELS, ("labels", "words", "characters"))
        self.config = read_run_config(Config, folder)
        self.labels: list[str] = record["labels"]
        self.calibration = Calibration.read(record)
        self.served = Served(folder)

    def predict(self, inputs: Iterable[str], options: Any = None) -> Iterator[dict[str, Any]]:
        """Classify raw texts; see `outputs` for what an answer holds."""
        return answer_each(inputs, not_empty, self._answers, count=_COUNT)

    def unknown(self, examples: Sequence[LabelledText]) -> Sequence[Unknown]:
        """Classes that the model does not have."""
        classes = Unknown.among(
            ((example.label,) for example in examples),
            self.labels,
            unit="texts",
            what="have classes unknown to the model",
            decides="--label-column of the training decides which column is read.",
        )
        return (classes,)

    def judge(self, examples: Sequence[LabelledText]) -> Judgement:
        """Classify texts whose classes are known."""
        texts, truth = [each.text for each in examples], [each.label for each in examples]
        judgement = class_judgement("texts", texts, truth, self.probabilities(texts), self.labels)
        return noted(judgement.noting(notes_of(self.unknown(examples))), self.calibration)

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities of the classes, (texts, classes)."""
        return np.stack(
            by_length(
                texts,
                lambda batch: self.served("classify", texts=batch)["probabilities"],
                count=_COUNT,
            )
        )

    def _answers(self, texts: list[str]) -> Iterator[dict[str, Any]]:
        outputs = self.served("classify", texts=texts)
        labels, best = decoded(outputs.pop("labels")), decoded(outputs.pop("label"))
        for text, label, row in zip(texts, best, rows_of(outputs), strict=True):
            tokens = decoded(row["tokens"])
            shares = zip(labels, row["probabilities"].tolist(), strict=True)
            answer: dict[str, Any] = {
                "text": text,
                "label": label,
                "probabilities": {name: round(share, 4) for name, share in shares},
            }
            if "attention" in row:
                weights = row["attention"][: len(tokens)].tolist()
                answer["attention"] = [
                    [token, round(weight, 4)] for token, weight in zip(tokens, weights, strict=True)
                ]
            if len(tokens) == self.config.max_tokens < len(split_texts([text])[0]):
                answer["truncated"] = True
            yield answer
