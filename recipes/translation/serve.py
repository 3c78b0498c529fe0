"""A translator as it is served: sentences in, sentences out, all between inside the graph."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.data.batches import Example
from recipes.kit.export import Endpoint, load_saved_model
from recipes.kit.pieces import BOUNDARY_ID, PieceTable

#: Sentences translated at once.
_CHUNK = 64

#: Sentences whose ids are found at once.
_ENCODED = 1024

_TEXTS = tf.TensorSpec([None], tf.string, name="texts")


class Translator:
    """An encoder and decoder between sentences of two languages.

    Args:
        model: Of `zoo.encoder_decoder`.
        source: Pieces of the language translated from.
        target: Pieces of that translated to.
        max_length: Most pieces of a translation.
        beam_size: Hypotheses of the beam search.
        length_penalty: How much longer ones are favoured.
    """

    def __init__(
        self,
        model: keras.Model,
        source: PieceTable,
        target: PieceTable,
        *,
        max_length: int,
        beam_size: int = 1,
        length_penalty: float = 0.0,
    ) -> None:
        self._source, self._target = source, target
        self._searches = [
            zoo.sequence_search(
                model,
                start_id=BOUNDARY_ID,
                end_id=BOUNDARY_ID,
                max_length=max_length,
                beam_size=size,
                length_penalty=length_penalty,
                forbidden=(0, 1),
            )
            for size in (beam_size, 1)
        ]
        self.beam, self.greedy = (
            tf.function(functools.partial(self._run, search), [_TEXTS]) for search in self._searches
        )

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [*self._searches, *self._source.resources, *self._target.resources]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signatures of the exported translator."""
        return {
            name: (functools.partial(self._run, search), [_TEXTS])
            for name, search in zip(("translate", "greedy"), self._searches, strict=True)
        }

    def _run(self, search: keras.Model, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        pieces = self._source.split(texts)
        ids = with_end(self._source.encode(texts)).to_tensor()
        found = search({"source": ids}, training=False)
        tokens = found["tokens"]
        shape = tf.shape(tokens)
        flat = self._target.decode(tf.reshape(tokens, [-1, tokens.shape[-1]]))
        hypotheses = tf.reshape(flat, shape[:2])
        answer = {
            "translations": hypotheses[:, 0],
            "hypotheses": hypotheses,
            "scores": found["scores"],
            "source_tokens": pieces.to_tensor(""),
            "tokens": self._target.pieces_of(tokens[:, 0]),
        }
        if "attention" in found:
            answer["attention"] = found["attention"]
        return answer


def with_end(ids: tf.RaggedTensor) -> tf.RaggedTensor:
    """Ids of sentences, each with a boundary behind it."""
    ends = tf.fill([ids.nrows(out_type=tf.int32), 1], BOUNDARY_ID)
    return tf.concat([ids, ends], axis=1)


def encode_all(table: PieceTable, texts: Sequence[str]) -> list[np.ndarray]:
    """Ids of each sentence, with a boundary behind it."""
    found: list[np.ndarray] = []
    for start in range(0, len(texts), _ENCODED):
        ids = with_end(table.encode(tf.constant(list(texts[start : start + _ENCODED]))))
        found += np.split(ids.flat_values.numpy(), ids.row_splits.numpy()[1:-1])
    return found


def examples(source: Sequence[np.ndarray], target: Sequence[np.ndarray]) -> list[Example]:
    """What goes into a model: the source, and the target moved on by a boundary."""
    return [
        {"source": one, "target": np.concatenate([[BOUNDARY_ID], other[:-1]]).astype("int32")}
        for one, other in zip(source, target, strict=True)
    ]


def translate_all(translate: Any, texts: Sequence[str]) -> list[str]:
    """The translation of each text; texts of like length go together.

    Args:
        translate: Of `Translator` or of `SavedTranslator`.
        texts: Raw sentences.
    """
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    found: dict[int, str] = {}
    for start in range(0, len(order), _CHUNK):
        rows = order[start : start + _CHUNK]
        answer = translate(texts=tf.constant([texts[row] for row in rows]))["translations"]
        found.update(zip(rows, (text.decode() for text in answer.numpy()), strict=True))
    return [found[row] for row in range(len(texts))]


class SavedTranslator:
    """An exported translator, by its SavedModel alone."""

    def __init__(self, path: Path) -> None:
        signatures = load_saved_model(path).signatures
        self.translate, self.greedy = signatures["translate"], signatures["greedy"]

    def answers(self, texts: Iterable[str], *, greedy: bool = False) -> Iterator[dict[str, Any]]:
        """For each text its `text`, `translation`, `score`, with a beam the other `hypotheses`, and
        where there is attention `source_tokens`, `tokens` and `attention`, a row of weights for
        each token."""
        search = self.greedy if greedy else self.translate
        for text in texts:
            found = {k: v.numpy()[0] for k, v in search(texts=tf.constant([text])).items()}
            one: dict[str, Any] = {
                "text": text,
                "translation": found["translations"].decode(),
                "score": round(float(found["scores"][0]), 4),
            }
            others = [
                other.decode()
                for other, score in zip(found["hypotheses"], found["scores"], strict=True)
                if np.isfinite(score)
            ]
            if len(others) > 1:
                one["hypotheses"] = others
            if "attention" in found:
                source = [*(piece.decode() for piece in found["source_tokens"] if piece), ""]
                target = [*(piece.decode() for piece in found["tokens"] if piece), ""]
                target = target[: len(found["attention"])]
                weights = found["attention"][: len(target), : len(source)]
                one["source_tokens"], one["tokens"] = source, target
                one["attention"] = np.round(weights.astype(float), 4).tolist()
            yield one
