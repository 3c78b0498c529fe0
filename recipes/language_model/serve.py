"""A language model as it is served: texts in, nats or more text out, all between in the graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.export import Endpoint, load_saved_model

Level = Literal["character", "word"]

#: The token between texts: the first is predicted from it, and it is predicted after the last.
BOUNDARY = "<|end|>"

#: What a line break is among words.
NEWLINE = "\u23ce"

#: Id of `BOUNDARY`; 0 is padding, 1 unknown.
BOUNDARY_ID = 2

#: Tokens whose likelihood is found at once, of each text.
_PIECE = 256

#: Texts scored side by side.
_SIDE_BY_SIDE = 32

_TEXTS = tf.TensorSpec([None], tf.string, name="texts")


@dataclass(frozen=True)
class Tokens:
    """What a token is, and those that a model knows: the first has id 3."""

    level: Level
    known: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str], level: Level, limit: int | None) -> Tokens:
        """The tokens of training texts, the most frequent first, at most `limit` of them."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(split_text(text, level))
        return cls(level, tuple(token for token, _ in counts.most_common(limit)))

    @property
    def count(self) -> int:
        """Number of ids, padding, unknown and boundary included."""
        return len(self.known) + 3


def split_text(text: str, level: Level) -> Sequence[str]:
    """The tokens of a text, as the graph splits it."""
    return text if level == "character" else text.replace("\n", f" {NEWLINE} ").split()


class Generator:
    """A language model between texts and ids."""

    def __init__(self, model: keras.Model, tokens: Tokens) -> None:
        self._model = model
        self._level = tokens.level
        vocabulary = [BOUNDARY, *tokens.known]
        self._lookup = keras.layers.StringLookup(vocabulary=vocabulary, mask_token="")
        self._lookup.build((None,))
        # Unknown tokens are never drawn, padding and boundary have no text.
        self._texts = tf.constant(["", "", "", *tokens.known])
        self._sizes = {
            name: tensor.shape[-1] for name, tensor in model.input.items() if name != "tokens"
        }
        self.encode = tf.function(self._encode, input_signature=[_TEXTS])

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._model, self._lookup]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signatures of the exported model."""
        scalars = {
            "length": tf.int32,
            "temperature": tf.float32,
            "top_k": tf.int32,
            "top_p": tf.float32,
            "seed": tf.int32,
        }
        options = [tf.TensorSpec([], dtype, name=name) for name, dtype in scalars.items()]
        prompts = tf.TensorSpec([None], tf.string, name="prompts")
        token = tf.TensorSpec([None], tf.string, name="tokens")
        states = [tf.TensorSpec([None, size], name=name) for name, size in self._sizes.items()]
        return {
            "score": (self._score, [_TEXTS]),
            "generate": (self._generate, [prompts, *options]),
            "step": (self._step, [token, *states]),
        }

    def _encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Ids of texts, without boundaries."""
        if self._level == "character":
            tokens = tf.strings.unicode_split(texts, "UTF-8")
        else:
            tokens = tf.strings.split(tf.strings.regex_replace(texts, "\n", f" {NEWLINE} "))
        ids = tf.cast(self._lookup(tokens.flat_values), tf.int32)
        return tokens.with_flat_values(ids)

    def _zeros(self, rows: tf.Tensor) -> list[tf.Tensor]:
        return [tf.zeros([rows, size]) for size in self._sizes.values()]

    def _run(self, tokens: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[Any, list[Any]]:
        inputs = {"tokens": tokens, **dict(zip(self._sizes, states, strict=True))}
        found = self._model(inputs, training=False)
        return found["logits"], [found[name] for name in self._sizes]

    def _score(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Nats of texts from their first token to the boundary behind their last, in pieces: the
        states are carried, and memory does not grow with the vocabulary times the length."""
        ids = self._encode(texts)
        rows = ids.nrows(out_type=tf.int32)
        ends = tf.fill([rows, 1], BOUNDARY_ID)
        inputs = tf.concat([ends, ids], axis=1).to_tensor()
        targets = tf.concat([ids, ends], axis=1).to_tensor()
        length = tf.shape(targets)[1]
        pieces = (length + _PIECE - 1) // _PIECE
        padding = [[0, 0], [0, pieces * _PIECE - length]]
        inputs, targets = tf.pad(inputs, padding), tf.pad(targets, padding)
        found = tf.TensorArray(tf.float32, size=pieces, element_shape=[None, _PIECE])

        def piece(index: Any, states: Any, found: Any) -> Any:
            place = slice(index * _PIECE, (index + 1) * _PIECE)
            logits, states = self._run(inputs[:, place], states)
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets[:, place], logits)
            return index + 1, states, found.write(index, nats)

        _, _, found = tf.while_loop(
            lambda index, *_: index < pieces, piece, (0, self._zeros(rows), found)
        )
        nats = tf.reshape(tf.transpose(found.stack(), [1, 0, 2]), [rows, pieces * _PIECE])
        nats = tf.where(targets > 0, nats, 0.0)[:, :length]
        total, count = tf.reduce_sum(nats, axis=1), tf.math.count_nonzero(targets, axis=1)
        return {"nats": total, "tokens": tf.cast(count, tf.int32), "nats_per_token": nats}

    def _generate(
        self,
        prompts: tf.Tensor,
        length: tf.Tensor,
        temperature: tf.Tensor,
        top_k: tf.Tensor,
        top_p: tf.Tensor,
        seed: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        ids = self._encode(prompts)
        rows = ids.nrows(out_type=tf.int32)
        ids = tf.concat([tf.fill([rows, 1], BOUNDARY_ID), ids], axis=1)
        lengths = tf.cast(ids.row_lengths(), tf.int32)
        last = tf.gather(ids.to_tensor(), lengths - 1, axis=1, batch_dims=1)
        before = ids.to_tensor() * tf.sequence_mask(lengths - 1, tf.reduce_max(lengths), tf.int32)
        _, states = self._run(before, self._zeros(rows))

        def step(tokens: Any, states: Any, _: Any) -> Any:
            logits, states = self._run(tokens[:, None], states)
            nothing = tf.fill([tf.shape(tokens)[0], 2], -float("inf"))  # padding, unknown
            return tf.concat([nothing, logits[:, 0, 2:]], axis=1), states

        uniforms = tf.random.stateless_uniform([rows, length], seed=tf.stack([seed, 0]))
        drawn, _ = zoo.sample_tokens(
            step,
            states,
            uniforms,
            start_id=last,
            end_id=BOUNDARY_ID,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        )
        words = tf.gather(self._texts, drawn)
        if self._level == "character":
            return {"texts": tf.strings.reduce_join(words, axis=1)}
        joined = tf.strings.strip(tf.strings.reduce_join(words, axis=1, separator=" "))
        return {"texts": tf.strings.regex_replace(joined, f" ?{NEWLINE} ?", "\n")}

    def _step(self, tokens: tf.Tensor, *states: tf.Tensor, **named: Any) -> dict[str, tf.Tensor]:
        states = states or tuple(named[name] for name in self._sizes)
        ids = tf.cast(self._lookup(tf.where(tokens == "", BOUNDARY, tokens)), tf.int32)
        logits, after = self._run(ids[:, None], states)
        return {
            "log_probabilities": tf.nn.log_softmax(logits[:, 0]),
            **dict(zip(self._sizes, after, strict=True)),
        }


class SavedGenerator:
    """An exported language model, by its SavedModel alone."""

    def __init__(self, path: Path) -> None:
        self._signatures: Mapping[str, Any] = load_saved_model(path).signatures

    def score(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Nats and number of tokens of each text, boundaries included."""
        nats, counts = np.zeros(len(texts)), np.zeros(len(texts), int)
        order = np.argsort([len(text) for text in texts], kind="stable")
        for start in range(0, len(order), _SIDE_BY_SIDE):
            rows = order[start : start + _SIDE_BY_SIDE]
            found = self._signatures["score"](texts=tf.constant([texts[row] for row in rows]))
            nats[rows] = found["nats_per_token"].numpy().sum(axis=1, dtype="float64")
            counts[rows] = found["tokens"].numpy()
        return nats, counts

    def nats_per_token(self, text: str) -> np.ndarray:
        """Of each token of a text and of the boundary behind it."""
        found = self._signatures["score"](texts=tf.constant([text]))
        return found["nats_per_token"].numpy()[0]

    def generate(
        self,
        prompts: Sequence[str],
        length: int,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 0,
    ) -> list[str]:
        """What follows each prompt."""
        found = self._signatures["generate"](
            prompts=tf.constant(list(prompts)),
            length=tf.constant(length),
            temperature=tf.constant(temperature, tf.float32),
            top_k=tf.constant(top_k),
            top_p=tf.constant(top_p, tf.float32),
            seed=tf.constant(seed),
        )
        return [text.decode("utf-8") for text in found["texts"].numpy()]
