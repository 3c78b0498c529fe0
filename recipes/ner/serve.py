"""A tagger as it is served: strings in, strings out, everything between inside the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.calibration import Calibration, noted
from recipes.kit.data.batches import Example
from recipes.kit.export import Endpoint
from recipes.kit.judge import Judgement, worst
from recipes.kit.output import read_record, read_run_config
from recipes.kit.recipe import Field, Predictor
from recipes.kit.serving import (
    Arrays,
    Served,
    answer_each,
    by_length,
    decoded,
    not_empty,
    rows_of,
)
from recipes.kit.text import TokenEncoder, TokenVocabulary, tokenize
from recipes.kit.unknown import Unknown, notes_of
from recipes.ner.data import LABELS
from recipes.ner.metrics import entity_spans, tagging_statistics
from recipes.ner.options import Config, Predict
from recipes.ner.sentences import Sentence, split_tokens, token_places
from recipes.ner.tag_schemes import Kind

#: Sentences tagged at once.
_COUNT = 128

_SENTENCES = tf.TensorSpec([None], tf.string, name="sentences")
_TOKENS = tf.TensorSpec([None, None], tf.string, name="tokens")


class Tagger:
    """A model of tag scores between the vocabulary and the names of the tags."""

    def __init__(
        self,
        model: keras.Model,
        vocabulary: TokenVocabulary,
        tags: Sequence[str],
        temperature: float = 1.0,
    ) -> None:
        self._encoder = TokenEncoder(vocabulary)
        self._tag_ids = {tag: index for index, tag in enumerate(tags)}
        self._decoder = zoo.tag_decoder(model, temperature)
        self._names = list(tags)
        self._tag_batch = tf.function(self._tag_tokens, input_signature=[_TOKENS])

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._decoder, *self._encoder.lookups]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signatures of the exported tagger."""
        return {
            "tag_sentences": (self._tag_sentences, [_SENTENCES]),
            "tag_tokens": (self._tag_tokens, [_TOKENS]),
        }

    def tag(self, sentences: Sequence[Sentence]) -> list[list[str]]:
        """Tags of tokenised sentences."""
        return by_length(
            [sentence.tokens for sentence in sentences],
            lambda batch: _tags_of(batch, self._tag_batch(_padded(batch))["tags"].numpy()),
            count=_COUNT,
        )

    def encode(self, sentences: Sequence[Sentence]) -> tuple[list[Example], list[np.ndarray]]:
        """Ids of each sentence's tokens and tags; -1 for a tag that the model does not have."""

        def ids(batch: list[Sentence]) -> Iterator[Example]:
            inputs = self._inputs_of(_padded([sentence.tokens for sentence in batch]))
            rows = rows_of({name: tensor.numpy() for name, tensor in inputs.items()})
            for sentence, row in zip(batch, rows, strict=True):
                yield {name: values[: len(sentence.tokens)] for name, values in row.items()}

        inputs = by_length(sentences, ids, length=lambda s: len(s.tokens), count=_COUNT)
        targets = [
            np.array([self._tag_ids.get(tag, -1) for tag in sentence.tags], np.int32)
            for sentence in sentences
        ]
        return inputs, targets

    def _inputs_of(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        ids = self._encoder(tokens)
        return {name: ids[name] for name in self._decoder.input}

    def _tag_sentences(self, sentences: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._tag_tokens(tokenize(sentences).to_tensor(""))

    def _tag_tokens(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        # One step of padding more: a batch of empty sentences would have no step to run over.
        padded = tf.pad(tokens, [[0, 0], [0, 1]], constant_values="")
        answer = self._decoder(self._inputs_of(padded), training=False)
        answer = {name: values[:, :-1] for name, values in answer.items()}
        real = tf.not_equal(tokens, "")
        return {
            "tokens": tokens,
            "tags": tf.where(real, tf.gather(tf.constant(self._names), answer["tags"]), ""),
            "confidence": tf.where(real, answer["confidence"], 0.0),
        }


class Tagged(NamedTuple):
    """Tags of a sentence, and how sure the model is of each."""

    tags: list[str]
    confidence: np.ndarray


class TaggerPredictor(Predictor[Sequence[Sentence]]):
    """An exported tagger, warm."""

    takes: ClassVar[Literal["texts", "files"]] = "texts"
    inputs: ClassVar[Sequence[Field]] = (Field("text", "text", "A sentence, as it is written."),)
    outputs: ClassVar[Sequence[Field]] = (
        Field("text", "text", "The sentence."),
        Field("tokens", "tokens", "Its words and punctuation."),
        Field("tags", "tokens", "A tag for each token, IOB2 where tags mark entities."),
        Field(
            "entities",
            "spans",
            "Where tags mark entities: `text`, as it is written; `type`; `start` and `end`, its "
            "first token and the one after it; `start_char` and `end_char`, the same in characters "
            "of the sentence; and `confidence`, the lowest of its tokens, calibrated on the "
            "validation part.",
        ),
    )

    def __init__(self, folder: Path) -> None:
        record = read_record(folder / LABELS, ("entities", "tags", "words", "characters"))
        self.config = read_run_config(Config, folder)
        self.calibration = Calibration.read(record)
        self.kind: Kind = "entities" if record["entities"] else "labels"
        self.tags: list[str] = record["tags"]
        self.served = Served(folder)

    def predict(
        self, inputs: Iterable[str], options: Predict | None = None
    ) -> Iterator[dict[str, Any]]:
        """Tag raw sentences; see `outputs` for what an answer holds."""
        split = (options or Predict()).tokens
        answers = self._answers_to_tokens if split else self._answers_to_sentences
        return answer_each(inputs, not_empty, answers, count=_COUNT)

    def unknown(self, examples: Sequence[Sentence]) -> Sequence[Unknown]:
        """Types of entities, or tags, that the model does not have."""
        tags = (tag for sentence in examples for tag in sentence.tags)
        decides = "--tag-column of the training decides which column is read."
        if self.kind == "labels":
            what = "have tags unknown to the model"
            known = ((tag,) for tag in tags)
            return (Unknown.among(known, self.tags, unit="tokens", what=what, decides=decides),)
        types = dict.fromkeys(tag[2:] for tag in self.tags if tag != "O")
        what = "are of types unknown to the model"
        entities = ((tag[2:],) for tag in tags if tag.startswith("B-"))
        return (Unknown.among(entities, types, unit="entities", what=what, decides=decides),)

    def judge(self, examples: Sequence[Sentence]) -> Judgement:
        """Tag sentences with known tags."""
        tagged = self.tag(examples)
        truth, tags = [each.tags for each in examples], [each.tags for each in tagged]
        wrong = [
            np.array([a != b for a, b in zip(t, p, strict=True)])
            for t, p in zip(truth, tags, strict=True)
        ]
        errors = [float(t.confidence[w].sum()) for t, w in zip(tagged, wrong, strict=True)]
        doubts = [float(1 - each.confidence.min(initial=1.0)) for each in tagged]

        def row(index: int) -> dict[str, Any]:
            return {
                "input": list(examples[index].tokens),
                "truth": list(truth[index]),
                "answer": tags[index],
                "wrong_tags": int(wrong[index].sum()),
                "confidence_in_errors": round(errors[index], 4),
                "lowest_confidence": round(1 - doubts[index], 4),
            }

        judgement = Judgement(
            tagging_statistics(
                truth,
                tags,
                entities=self.kind == "entities",
                confidence=[each.confidence for each in tagged],
            ),
            worst(row, np.array(errors), np.array(doubts)),
            len(examples),
            "confidence_in_errors, the confidence of all wrong tags together, the highest first",
            tags,
        )
        return noted(judgement.noting(notes_of(self.unknown(examples))), self.calibration)

    def tag(self, sentences: Sequence[Sentence]) -> list[Tagged]:
        """Tags of tokenised sentences, and the confidence of each."""

        def run(batch: list[tuple[str, ...]]) -> Iterator[Tagged]:
            answer = self.served("tag_tokens", tokens=_padded(batch))
            tags = _tags_of(batch, answer["tags"])
            for row, confidence in zip(tags, answer["confidence"], strict=True):
                yield Tagged(row, confidence[: len(row)])

        return by_length([sentence.tokens for sentence in sentences], run, count=_COUNT)

    def _answers_to_sentences(self, texts: list[str]) -> Iterator[dict[str, Any]]:
        return self._answers(texts, self.served("tag_sentences", sentences=texts))

    def _answers_to_tokens(self, texts: list[str]) -> Iterator[dict[str, Any]]:
        tokens = _padded([split_tokens(text) for text in texts])
        return self._answers(texts, self.served("tag_tokens", tokens=tokens))

    def _answers(self, texts: list[str], outputs: Arrays) -> Iterator[dict[str, Any]]:
        for text, row in zip(texts, rows_of(outputs), strict=True):
            tokens, tags = decoded(row["tokens"]), decoded(row["tags"])
            answer: dict[str, Any] = {"text": text, "tokens": tokens, "tags": tags}
            if self.kind == "entities":
                answer["entities"] = [*_entities(text, tokens, tags, row["confidence"])]
            yield answer


def _entities(
    text: str, tokens: list[str], tags: list[str], confidence: np.ndarray
) -> Iterator[dict[str, Any]]:
    places = token_places(text, tokens)
    for kind, start, end in entity_spans(tags):
        first, last = places[start][0], places[end - 1][1]
        yield {
            "text": text[first:last],
            "type": kind,
            "start": start,
            "end": end,
            "start_char": first,
            "end_char": last,
            "confidence": round(float(confidence[start:end].min()), 4),
        }


def _padded(sentences: Sequence[Sequence[str]]) -> tf.Tensor:
    """(batch, time) strings, "" = padding."""
    return tf.ragged.constant([list(tokens) for tokens in sentences]).to_tensor("")


def _tags_of(sentences: Sequence[Sequence[str]], tags: np.ndarray) -> list[list[str]]:
    return [
        [tag.decode() for tag in row[: len(tokens)]]
        for tokens, row in zip(sentences, tags, strict=True)
    ]
