"""A tagger as it is served: strings in, strings out, everything between inside the graph."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.data.batches import Example
from recipes.kit.export import Endpoint, load_saved_model
from recipes.kit.text import TokenEncoder, TokenVocabulary, tokenize
from recipes.ner.data import Sentence

#: Sentences tagged at once.
_CHUNK = 128

_SENTENCES = tf.TensorSpec([None], tf.string, name="sentences")
_TOKENS = tf.TensorSpec([None, None], tf.string, name="tokens")


class TagsTokens(Protocol):
    """What `tag_all` asks for."""

    def tag_tokens(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """(batch, time) strings, "" = padding, to `tags` of the same shape."""


class Tagger:
    """A model of tag scores between the vocabulary and the names of the tags."""

    def __init__(
        self, model: keras.Model, vocabulary: TokenVocabulary, tags: Sequence[str]
    ) -> None:
        self.encoder = TokenEncoder(vocabulary)
        self.tag_ids = {tag: index for index, tag in enumerate(tags)}
        self._decoder = zoo.tag_decoder(model)
        self._names = list(tags)
        self.tag_tokens = tf.function(self._tag_tokens, input_signature=[_TOKENS])

    @property
    def input_names(self) -> set[str]:
        """Names of the model's inputs."""
        return set(self._decoder.input)

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._decoder, *self.encoder.lookups]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signatures of the exported tagger."""
        return {
            "tag_sentences": (self._tag_sentences, [_SENTENCES]),
            "tag_tokens": (self._tag_tokens, [_TOKENS]),
        }

    def inputs_of(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """Ids of (batch, time) tokens, as the model takes them."""
        ids = self.encoder(tokens)
        return {name: ids[name] for name in self.input_names}

    def _tag_sentences(self, sentences: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._tag_tokens(tokenize(sentences).to_tensor(""))

    def _tag_tokens(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        # One step of padding more: a batch of empty sentences would have no step to run over.
        padded = tf.pad(tokens, [[0, 0], [0, 1]], constant_values="")
        answer = self._decoder(self.inputs_of(padded), training=False)
        answer = {name: values[:, :-1] for name, values in answer.items()}
        real = tf.not_equal(tokens, "")
        return {
            "tokens": tokens,
            "tags": tf.where(real, tf.gather(tf.constant(self._names), answer["tags"]), ""),
            "confidence": tf.where(real, answer["confidence"], 0.0),
        }


class SavedTagger:
    """An exported tagger, by its SavedModel alone."""

    def __init__(self, path: Path) -> None:
        self._model = load_saved_model(path)

    def tag_tokens(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._model.signatures["tag_tokens"](tokens=tokens)

    def tag_sentences(
        self, sentences: Iterable[str]
    ) -> Iterator[tuple[str, list[str], list[str], list[float]]]:
        """Each raw sentence with its tokens, their tags and confidence."""
        rest = iter(sentences)
        while chunk := list(itertools.islice(rest, _CHUNK)):
            answer = self._model.signatures["serving_default"](sentences=tf.constant(chunk))
            columns = (answer[name].numpy() for name in ("tokens", "tags", "confidence"))
            for text, tokens, tags, confidence in zip(chunk, *columns, strict=True):
                length = int(np.count_nonzero(tokens != b""))
                yield (
                    text,
                    [token.decode() for token in tokens[:length]],
                    [tag.decode() for tag in tags[:length]],
                    [float(value) for value in confidence[:length]],
                )


def tag_all(tagger: TagsTokens, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
    """Tags of tokenised sentences, those of like length together."""
    order = sorted(range(len(sentences)), key=lambda index: len(sentences[index]))
    tags: list[list[str]] = [[] for _ in sentences]
    for start in range(0, len(order), _CHUNK):
        rows = order[start : start + _CHUNK]
        tokens = tf.ragged.constant([list(sentences[row]) for row in rows]).to_tensor("")
        for row, answer in zip(rows, tagger.tag_tokens(tokens)["tags"].numpy(), strict=True):
            tags[row] = [tag.decode() for tag in answer[: len(sentences[row])]]
    return tags


def encode(tagger: Tagger, sentences: Sequence[Sentence]) -> tuple[list[Example], list[np.ndarray]]:
    """Ids of each sentence's tokens and tags; -1 for a tag that the model does not have."""
    inputs, targets = [], []
    for start in range(0, len(sentences), _CHUNK):
        chunk = sentences[start : start + _CHUNK]
        tokens = tf.ragged.constant([list(sentence.tokens) for sentence in chunk]).to_tensor("")
        batch = {name: ids.numpy() for name, ids in tagger.inputs_of(tokens).items()}
        for row, sentence in enumerate(chunk):
            length = len(sentence.tokens)
            inputs.append({name: ids[row, :length] for name, ids in batch.items()})
            targets.append(np.array([tagger.tag_ids.get(t, -1) for t in sentence.tags], np.int32))
    return inputs, targets
