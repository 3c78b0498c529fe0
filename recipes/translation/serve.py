"""A translator as it is served: sentences in, sentences out, all in the graph."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.console import say
from recipes.kit.data.batches import Example
from recipes.kit.export import Endpoint
from recipes.kit.judge import Judgement, worst
from recipes.kit.output import read_record, read_run_config
from recipes.kit.pieces import SentencePieces
from recipes.kit.recipe import Field, Predictor
from recipes.kit.serving import Served, answer_each, by_length, not_empty, rows_of
from recipes.kit.unknown import Unknown, notes_of
from recipes.kit.vocabulary import BOUNDARY_ID, Level, Vocabulary
from recipes.translation.data import PIECES, Data, by_source
from recipes.translation.formats import Pair
from recipes.translation.metrics import (
    sentence_scores,
    translation_signatures,
    translation_statistics,
)
from recipes.translation.options import Config, Predict

#: Sentences translated at once.
_COUNT = 64

_TEXTS = tf.TensorSpec([None], tf.string, name="texts")


class Translator:
    """An encoder and decoder between sentences of two languages.

    Args:
        model: Of `zoo.encoder_decoder`.
        data: With the pieces of both languages and the most of them in a translation.
        beam_size: Hypotheses of the beam search.
        length_penalty: How much longer ones are favoured.
    """

    def __init__(
        self, model: keras.Model, data: Data, *, beam_size: int, length_penalty: float
    ) -> None:
        self._source, self._target = data.source, data.target
        self._beam, self._greedy = (
            zoo.sequence_search(
                model,
                start_id=BOUNDARY_ID,
                end_id=BOUNDARY_ID,
                max_length=data.max_length,
                beam_size=size,
                length_penalty=length_penalty,
                forbidden=(0, 1),
            )
            for size in (beam_size, 1)
        )
        self._functions = {
            name: tf.function(function, specs) for name, (function, specs) in self.endpoints.items()
        }

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._beam, self._greedy, *self._source.resources, *self._target.resources]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signatures of the exported translator."""
        return {
            "translate": (functools.partial(self._run, self._beam), [_TEXTS]),
            "greedy": (functools.partial(self._run, self._greedy), [_TEXTS]),
        }

    def translate(self, texts: Sequence[str], signature: str = "translate") -> list[str]:
        """The translation of each text, by the search of a signature."""
        return by_length(
            texts,
            lambda batch: _decoded(self._functions[signature](tf.constant(batch))),
            count=_COUNT,
        )

    def encode(self, pairs: Sequence[Pair]) -> tuple[list[Example], list[np.ndarray]]:
        """What goes into the model, the source and the target moved on by a boundary, and what is
        to come out."""
        end = np.array([BOUNDARY_ID], np.int32)
        source = self._source.encode_all(pair.source for pair in pairs)
        target = self._target.encode_all(pair.target for pair in pairs)
        inputs = [
            {"source": np.concatenate([read, end]), "target": np.concatenate([end, written])}
            for read, written in zip(source, target, strict=True)
        ]
        return inputs, [np.concatenate([written, end]) for written in target]

    def _run(self, search: keras.Model, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        pieces, ids = self._source.split(texts), self._source.encode(texts)
        ends = tf.fill([ids.nrows(out_type=tf.int32), 1], BOUNDARY_ID)
        source = tf.concat([ids, ends], axis=1).to_tensor()
        # No texts have no steps to run over.
        lacking = tf.cast(tf.equal(tf.shape(source)[1], 0), tf.int32)
        source = tf.pad(source, [[0, 0], [0, lacking]])
        best = search({"source": source}, training=False)
        tokens = best["tokens"]
        flat = self._target.decode(tf.reshape(tokens, [-1, tokens.shape[-1]]))
        hypotheses = tf.reshape(flat, tf.shape(tokens)[:2])
        answer = {
            "translations": hypotheses[:, 0],
            "hypotheses": hypotheses,
            "scores": best["scores"],
            "source_tokens": pieces.to_tensor(""),
            "tokens": self._target.pieces_of(tokens[:, 0]),
        }
        if "attention" in best:
            answer["attention"] = best["attention"]
        return answer


class TranslatorPredictor(Predictor[Sequence[Pair]]):
    """An exported translator, warm."""

    takes: ClassVar[Literal["texts", "files"]] = "texts"
    inputs: ClassVar[Sequence[Field]] = (Field("text", "text", "A sentence."),)
    outputs: ClassVar[Sequence[Field]] = (
        Field("text", "text", "The sentence."),
        Field("translation", "text", "Its translation."),
        Field("score", "number", "Log-likelihood of the translation, weighed by its length."),
        Field("hypotheses", "text", "With beam search: what it found, the best first."),
        Field("source_tokens", "tokens", 'With attention: pieces of the sentence, "" its end.'),
        Field("tokens", "tokens", "With attention: pieces of the translation, likewise."),
        Field(
            "attention",
            "weights",
            "How much each piece of the translation looks at each piece of the sentence: a row for "
            "each of `tokens`, which adds up to 1.",
        ),
        Field(
            "truncated",
            "flag",
            "True where the translation has as many pieces as there can be and does not end.",
        ),
    )

    def __init__(self, folder: Path) -> None:
        self.config = read_run_config(Config, folder)
        self._folder = folder
        self.served = Served(folder)

    def predict(self, inputs: Iterable[str], options: Any = None) -> Iterator[dict[str, Any]]:
        """Translate sentences; see `outputs` for what an answer holds."""
        chosen = options or Predict()
        signature = "greedy" if chosen.search == "greedy" else "translate"

        def answer(texts: list[str]) -> Iterator[dict[str, Any]]:
            rows = rows_of(self.served(signature, texts=texts))
            for text, row in zip(texts, rows, strict=True):
                yield _answer(text, row, attention=chosen.attention)

        return answer_each(inputs, not_empty, answer, count=_COUNT)

    def unknown(self, examples: Sequence[Pair]) -> Sequence[Unknown]:
        """Pieces of either side that the model does not know."""
        record = read_record(self._folder / PIECES, ("level", "source", "target"))
        level: Level = record["level"]
        sides = {
            "sources": ("source", (pair.source for pair in examples)),
            "translations": ("target", (pair.target for pair in examples)),
        }
        return [
            Unknown.among(
                SentencePieces(Vocabulary(level, tuple(record[name]))).split_all(texts),
                record[name],
                unit=unit,
                what=f"have {level}s unknown to the model",
            )
            for unit, (name, texts) in sides.items()
        ]

    def judge(self, examples: Sequence[Pair]) -> Judgement:
        """Translate pairs, by beam search and by greedy search; each source is translated once and
        compared with all its translations."""
        sources, references = zip(*by_source(examples), strict=True)
        say("; ".join(translation_signatures(references).values()))
        answers = self.translate(sources)
        scores = sentence_scores(answers, references)

        def row(index: int) -> dict[str, Any]:
            return {
                "input": sources[index],
                "truth": list(references[index]),
                "answer": answers[index],
                "chrf": round(float(scores[index]), 2),
            }

        judgement = Judgement(
            translation_statistics(
                {"": answers, "greedy_": self.translate(sources, "greedy")}, references
            ),
            worst(row, -scores),
            len(sources),
            "chrf, the lowest first",
            answers,
        )
        return judgement.noting(notes_of(self.unknown(examples)))

    def translate(self, texts: Sequence[str], signature: str = "translate") -> list[str]:
        """The translation of each text, by the search of a signature."""
        return by_length(
            texts, lambda batch: _decoded(self.served(signature, texts=batch)), count=_COUNT
        )


def _decoded(answer: Any) -> list[str]:
    return [text.decode() for text in np.asarray(answer["translations"])]


def _answer(text: str, row: Mapping[str, Any], *, attention: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "text": text,
        "translation": row["translations"].decode(),
        "score": round(float(row["scores"][0]), 4),
    }
    hypotheses = [
        hypothesis.decode()
        for hypothesis, score in zip(row["hypotheses"], row["scores"], strict=True)
        if np.isfinite(score)
    ]
    if len(hypotheses) > 1:
        answer["hypotheses"] = hypotheses
    if attention and "attention" in row:
        source = [*(piece.decode() for piece in row["source_tokens"] if piece), ""]
        target = [*(piece.decode() for piece in row["tokens"] if piece), ""]
        target = target[: len(row["attention"])]
        weights = row["attention"][: len(target), : len(source)]
        answer["source_tokens"], answer["tokens"] = source, target
        answer["attention"] = np.round(weights.astype(float), 4).tolist()
    if all(row["tokens"]):  # None of them is the end.
        answer["truncated"] = True
    return answer
