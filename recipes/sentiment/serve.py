"""A text classifier as it is served: raw texts in, classes out, all between inside the graph."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.data.batches import Example
from recipes.kit.export import Endpoint, load_saved_model
from recipes.kit.text import TokenEncoder, TokenVocabulary, tokenize

#: Texts classified at once.
_CHUNK = 64

_TEXTS = tf.TensorSpec([None], tf.string, name="texts")


class TextClassifier:
    """A model of class logits between raw texts and the names of the classes."""

    def __init__(
        self,
        model: keras.Model,
        vocabulary: TokenVocabulary,
        labels: Sequence[str],
        max_tokens: int,
    ) -> None:
        self._encoder = TokenEncoder(vocabulary)
        self._decoder = zoo.class_decoder(model)
        self._labels = list(labels)
        self._max_tokens = max_tokens
        self.classify = tf.function(self._classify, input_signature=[_TEXTS])
        self.encode = tf.function(self._encode, input_signature=[_TEXTS])

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._decoder, *self._encoder.lookups]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signature of the exported classifier."""
        return {"classify": (self._classify, [_TEXTS])}

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


def encode_all(classifier: TextClassifier, texts: Sequence[str]) -> list[Example]:
    """Ids of each text, without padding, as the model takes them."""
    examples = []
    for start in range(0, len(texts), _CHUNK):
        batch = classifier.encode(tf.constant(list(texts[start : start + _CHUNK])))
        arrays = {name: ids.numpy() for name, ids in batch.items()}
        for row in range(len(arrays["words"])):
            # At least one step: a text without tokens is one of padding.
            length = max(1, int(np.count_nonzero(arrays["words"][row])))
            examples.append({name: ids[row, :length] for name, ids in arrays.items()})
    return examples


class SavedClassifier:
    """An exported classifier, by its SavedModel alone."""

    def __init__(self, path: Path) -> None:
        self._classify = load_saved_model(path).signatures["serving_default"]

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, classes); texts of like length go together."""
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        found: dict[int, np.ndarray] = {}
        for start in range(0, len(order), _CHUNK):
            rows = order[start : start + _CHUNK]
            answer = self._classify(texts=tf.constant([texts[row] for row in rows]))
            found.update(zip(rows, answer["probabilities"].numpy(), strict=True))
        return np.stack([found[row] for row in range(len(texts))])

    def answers(self, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
        """For each text its `text`, `label`, `probabilities` by class, and where the model pools by
        attention `attention`, the tokens with their weights."""
        rest = iter(texts)
        while chunk := list(itertools.islice(rest, _CHUNK)):
            answer = {k: v.numpy() for k, v in self._classify(texts=tf.constant(chunk)).items()}
            labels = [label.decode() for label in answer["labels"]]
            for row, text in enumerate(chunk):
                shares = answer["probabilities"][row].tolist()
                one: dict[str, Any] = {
                    "text": text,
                    "label": answer["label"][row].decode(),
                    "probabilities": {k: round(p, 4) for k, p in zip(labels, shares, strict=True)},
                }
                if "attention" in answer:
                    tokens = [token.decode() for token in answer["tokens"][row] if token]
                    weights = answer["attention"][row].tolist()
                    one["attention"] = [
                        [token, round(weight, 4)]
                        for token, weight in zip(tokens, weights, strict=False)
                    ]
                yield one
