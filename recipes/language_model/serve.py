"""A language model as it is served: texts in, nats or more text out, all in the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.export import Endpoint
from recipes.kit.judge import FEWEST, Judgement, worst
from recipes.kit.output import read_record, read_run_config
from recipes.kit.recipe import Field, Predictor
from recipes.kit.serving import Served, answer_each, by_length, not_empty
from recipes.kit.unknown import Unknown, notes_of
from recipes.kit.vocabulary import BOUNDARY, BOUNDARY_ID
from recipes.language_model.data import TOKENS
from recipes.language_model.metrics import likelihood_statistics
from recipes.language_model.options import Config, Predict
from recipes.language_model.tokens import TextTokens, split_text

#: Tokens of each text that are scored at once.
_PIECE = 256

#: Tokens of a block, in which the answers to test texts are judged.
_BLOCK = 256

#: Texts scored side by side.
_COUNT = 32

#: Options of `predict` that go into the model.
_DRAWING = {
    "length": tf.int32,
    "temperature": tf.float32,
    "top_k": tf.int32,
    "top_p": tf.float32,
    "seed": tf.int32,
}

_TEXTS = tf.TensorSpec([None], tf.string, name="texts")


class Generator:
    """A language model between texts and ids."""

    def __init__(self, model: keras.Model, tokens: TextTokens) -> None:
        self._model, self._tokens = model, tokens
        self._sizes = {
            name: tensor.shape[-1] for name, tensor in model.input.items() if name != "tokens"
        }

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._model, *self._tokens.resources]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signatures of the exported model."""
        options = [tf.TensorSpec([], dtype, name=name) for name, dtype in _DRAWING.items()]
        prompts = tf.TensorSpec([None], tf.string, name="prompts")
        token = tf.TensorSpec([None], tf.string, name="tokens")
        states = [tf.TensorSpec([None, size], name=name) for name, size in self._sizes.items()]
        return {
            "score": (self._score, [_TEXTS]),
            "generate": (self._generate, [prompts, *options]),
            "step": (self._step, [token, *states]),
        }

    def _zeros(self, rows: tf.Tensor) -> list[tf.Tensor]:
        return [tf.zeros([rows, size]) for size in self._sizes.values()]

    def _run(self, ids: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[Any, list[Any]]:
        inputs = {"tokens": ids, **dict(zip(self._sizes, states, strict=True))}
        outputs = self._model(inputs, training=False)
        return outputs["logits"], [outputs[name] for name in self._sizes]

    def _score(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Nats of texts from their first token to the boundary after their last, in pieces: states
        are carried, and memory does not grow with the vocabulary times the length."""
        ids = self._tokens.encode(texts)
        rows = ids.nrows(out_type=tf.int32)
        ends = tf.fill([rows, 1], BOUNDARY_ID)
        inputs = tf.concat([ends, ids], axis=1).to_tensor()
        targets = tf.concat([ids, ends], axis=1).to_tensor()
        length = tf.shape(targets)[1]
        pieces = (length + _PIECE - 1) // _PIECE
        padding = [[0, 0], [0, pieces * _PIECE - length]]
        inputs, targets = tf.pad(inputs, padding), tf.pad(targets, padding)
        scored = tf.TensorArray(tf.float32, size=pieces, element_shape=[None, _PIECE])

        def piece(index: Any, states: Any, scored: Any) -> Any:
            place = slice(index * _PIECE, (index + 1) * _PIECE)
            logits, states = self._run(inputs[:, place], states)
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets[:, place], logits)
            return index + 1, states, scored.write(index, nats)

        _, _, scored = tf.while_loop(
            lambda index, *_: index < pieces, piece, (0, self._zeros(rows), scored)
        )
        nats = tf.reshape(tf.transpose(scored.stack(), [1, 0, 2]), [rows, pieces * _PIECE])
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
        ids = self._tokens.encode(prompts)
        rows = ids.nrows(out_type=tf.int32)
        ids = tf.concat([tf.fill([rows, 1], BOUNDARY_ID), ids], axis=1)
        lengths = tf.cast(ids.row_lengths(), tf.int32)
        last = tf.gather(ids.to_tensor(), lengths - 1, axis=1, batch_dims=1)
        before = ids.to_tensor() * tf.sequence_mask(lengths - 1, tf.reduce_max(lengths), tf.int32)
        _, states = self._run(before, self._zeros(rows))

        def step(tokens: Any, states: Any, _: Any) -> Any:
            logits, states = self._run(tokens[:, None], states)
            never = tf.fill([tf.shape(tokens)[0], 2], -float("inf"))  # padding, unknown
            return tf.concat([never, logits[:, 0, 2:]], axis=1), states

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
        return {"texts": self._tokens.decode(drawn)}

    def _step(self, tokens: tf.Tensor, *states: tf.Tensor, **named: Any) -> dict[str, tf.Tensor]:
        states = states or tuple(named[name] for name in self._sizes)
        ids = self._tokens.ids_of(tf.where(tokens == "", BOUNDARY, tokens))
        logits, after = self._run(ids[:, None], states)
        return {
            "log_probabilities": tf.nn.log_softmax(logits[:, 0]),
            **dict(zip(self._sizes, after, strict=True)),
        }


class GeneratorPredictor(Predictor[Sequence[str]]):
    """An exported language model, warm."""

    takes: ClassVar[Literal["texts", "files"]] = "texts"
    inputs: ClassVar[Sequence[Field]] = (Field("prompt", "text", "The beginning of a text."),)
    outputs: ClassVar[Sequence[Field]] = (
        Field("prompt", "text", "The beginning."),
        Field("text", "text", "What the model writes after it."),
        Field(
            "nats_per_token",
            "number",
            "How unexpected the prompt is: minus its log-likelihood for each token.",
        ),
    )

    def __init__(self, folder: Path) -> None:
        self.config = read_run_config(Config, folder)
        self._tokens: list[str] = read_record(folder / TOKENS, ("tokens",))["tokens"]
        self.served = Served(folder)

    def predict(self, inputs: Iterable[str], options: Any = None) -> Iterator[dict[str, Any]]:
        """Continue prompts; see `outputs` for what an answer holds. What is written after a prompt
        depends on it and the options alone, not on other prompts."""

        def answer(prompts: list[str]) -> Iterator[dict[str, Any]]:
            for prompt in prompts:
                (text,) = self.generate([prompt], options or Predict())
                nats = self.nats_per_token(prompt)[:-1]
                mean = round(float(nats.mean()), 4)
                yield {"prompt": prompt, "text": text, "nats_per_token": mean}

        return answer_each(inputs, not_empty, answer, count=1)

    def unknown(self, examples: Sequence[str]) -> Sequence[Unknown]:
        """Tokens that the model does not know: it is scored on how well it expects one of these,
        whichever it is."""
        known, level = self._tokens, self.config.level
        tokens = ((token,) for text in examples for token in split_text(text, level))
        return (Unknown.among(tokens, known, unit=f"{level}s", what="are unknown to the model"),)

    def judge(self, examples: Sequence[str]) -> Judgement:
        """Score documents, with states carried through each.

        Intervals are of documents; where these are few, of blocks of them.
        """
        scored = self.nats(examples)
        blocks = [
            (document, start)
            for document, nats in enumerate(scored)
            for start in range(0, len(nats), _BLOCK)
        ]
        parts = [scored[document][start : start + _BLOCK] for document, start in blocks]
        nats, tokens = (np.array([f(part) for part in parts]) for f in (np.sum, len))
        statistics = likelihood_statistics(f"blocks of {_BLOCK} tokens", nats, tokens)
        if len(examples) >= FEWEST:
            documents = np.array([document for document, _ in blocks])
            statistics = statistics.grouped("documents", documents)
        means, level = nats / tokens, self.config.level

        def row(index: int) -> dict[str, Any]:
            document, start = blocks[index]
            text = split_text(examples[document], level)[start : start + _BLOCK]
            return {
                "input": {"document": document, "token": start},
                "truth": ("" if level == "character" else " ").join(text),
                "nats_per_token": round(float(means[index]), 4),
            }

        order = f"nats_per_token of blocks of {_BLOCK} tokens, the highest first"
        judgement = Judgement(statistics, worst(row, means), len(blocks), order, scored)
        return judgement.noting(notes_of(self.unknown(examples)))

    def score(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Nats and number of tokens of each text, boundaries included."""
        scored = self.nats(texts)
        return np.array([nats.sum() for nats in scored]), np.array([len(nats) for nats in scored])

    def nats(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Nats of each token of each text and of the boundary after it, float64."""

        def run(batch: list[str]) -> Iterator[np.ndarray]:
            scored = self.served("score", texts=batch)
            for nats, count in zip(scored["nats_per_token"], scored["tokens"], strict=True):
                yield nats[:count].astype("float64")

        return by_length(texts, run, count=_COUNT)

    def nats_per_token(self, text: str) -> np.ndarray:
        """Of each token of a text and of the boundary after it."""
        return self.nats([text])[0]

    def generate(self, prompts: Sequence[str], options: Predict) -> list[str]:
        """What follows each prompt."""
        drawing = {name: getattr(options, name) for name in _DRAWING}
        answer = self.served("generate", prompts=prompts, **drawing)
        return [text.decode() for text in answer["texts"]]
