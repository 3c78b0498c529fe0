"""The language_model recipe, from data to predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit import text_plots
from recipes.kit.card import Card
from recipes.kit.errors import UserError
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.metrics import likelihood_metrics
from recipes.kit.options import FitConfig, StackConfig
from recipes.kit.output import PLOTS, SAVED_MODEL, read_record, write_json
from recipes.kit.search import stack_space
from recipes.language_model import data as text_data
from recipes.language_model.serve import (
    BOUNDARY,
    BOUNDARY_ID,
    Generator,
    SavedGenerator,
    Tokens,
    split_text,
)
from recipes.language_model.streams import Streams

TOKENS = "tokens.json"
INPUTS = "texts"

CARD = Card(
    task="Says how likely a text is, and goes on writing it.",
    use="Text of the kind it was trained on; teaching; scores and generation of short texts.",
    limits="What it writes has the sound of its training text and no knowledge behind it. Not for "
    "answers that anybody relies on.",
)

#: Characters of the test part in the picture.
_SHOWN = 900


@dataclass(frozen=True)
class Config(StackConfig, FitConfig):
    """Options of the language_model recipe."""

    epochs: int = 8
    """Most passes over the training text."""
    batch_size: int = 64
    """Places of the text that are read side by side."""
    learning_rate: float = 5e-3
    """Step size, at its highest."""
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    """Learning rate over time: constant; cosine = up over the first 5 % of the steps, then down to
    zero along a cosine; plateau = halved after every 2 epochs without improvement."""
    cell: Literal[
        "simple", "lstm", "gru", "leaky", "delay", "reservoir", "lmu", "lru", "mingru", "minlstm"
    ] = "gru"
    """Recurrent layer."""
    units: int = 256
    """Width of each recurrent layer."""
    bidirectional: bool = False
    """Refused: what reads backwards has seen the token that is to be predicted."""
    level: Literal["character", "word"] = "character"
    """What a token is; words are what stands between blanks, and a line break is one."""
    documents: Literal["file", "paragraph", "line"] = "file"
    """What a document of your files is. States start from zero at each."""
    steps: int = 100
    """Tokens the gradient goes back through; states are carried further."""
    embedding_dim: int = 64
    """Width of the token embedding."""
    tie_weights: bool = False
    """Use the embedding as the output matrix, too."""
    vocabulary_size: int | None = 10_000
    """Know at most this many tokens, the most frequent ones. None = all."""
    samples: int = 6
    """Texts to write after the training."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("steps", "embedding_dim", "samples"):
            self.require(getattr(self, field) >= 1, field, "at least 1")
        size = self.vocabulary_size
        self.require(size is None or size >= 1, "vocabulary_size", "at least 1")
        if self.bidirectional:
            raise UserError(
                "--bidirectional: a layer that reads backwards has seen the token that is to be "
                "predicted; expected --no-bidirectional."
            )
        if self.initial_state != "zeros":
            raise UserError(
                "--initial-state must be zeros: states are carried from batch to batch, not "
                f"{self.initial_state}."
            )


@dataclass(frozen=True)
class Predicting:
    """How `predict` goes on from a prompt."""

    length: int = 300
    """Most tokens to write; less where the model ends the text."""
    temperature: float = 1.0
    """Below 1 likely tokens get likelier; 0 = always the likeliest."""
    top_k: int = 0
    """Draw from this many of the likeliest tokens. 0 = from all."""
    top_p: float = 1.0
    """Draw from the likeliest tokens that make up this share. 1 = from all."""
    seed: int = 0
    """Seed of the draw."""

    def __post_init__(self) -> None:
        for field, fits, expected in (
            ("length", self.length >= 1, "at least 1"),
            ("temperature", self.temperature >= 0, "at least 0"),
            ("top_k", self.top_k >= 0, "at least 0"),
            ("top_p", 0 < self.top_p <= 1, "above 0 and at most 1"),
        ):
            if not fits:
                option = "--" + field.replace("_", "-")
                raise UserError(f"{option} must be {expected}, not {getattr(self, field)!r}.")


@dataclass(frozen=True)
class Data:
    """Documents, and the tokens of their training part that the model knows."""

    texts: text_data.Texts
    tokens: Tokens
    score: str = "nats_per_token"
    mode: Literal["min", "max"] = "min"

    @property
    def description(self) -> str:
        """What the text is, for a person."""
        return f"{self.texts.description}; {self.tokens.count:,} kinds of {self.tokens.level}s"

    @property
    def licence(self) -> str:
        """Under what licence it stands."""
        return self.texts.licence

    @property
    def test(self) -> Sequence[str]:
        """What `evaluate` is given after the training."""
        return self.texts.test


# --- data -----------------------------------------------------------------------------------------


def load_data(config: Config) -> Data:
    """Read the documents; collect the tokens of their training part."""
    texts = text_data.load(config.data, seed=config.seed, documents=config.documents)
    return Data(texts, Tokens.of(texts.train, config.level, config.vocabulary_size))


# --- build ----------------------------------------------------------------------------------------


def build(config: Config, data: Data) -> keras.Model:
    """The language model, uncompiled."""
    return zoo.language_model(
        vocabulary_size=data.tokens.count,
        embedding_dim=config.embedding_dim,
        tie_weights=config.tie_weights,
        **config.stack,
    )


# --- train ----------------------------------------------------------------------------------------


def train(
    config: Config,
    data: Data,
    model: keras.Model,
    *,
    folder: Path | None = None,
    title: str = "language model",
) -> list[dict[str, float]]:
    """Train a model; it is left with the weights of its best epoch."""
    generator = Generator(model, data.tokens)
    streams, valid = (
        Streams(_ids(generator, part), config.batch_size, config.steps, BOUNDARY_ID)
        for part in (data.texts.train, data.texts.valid)
    )
    reader, valid_reader = (zoo.TruncatedBPTT(model, config.batch_size) for _ in range(2))

    @tf.function(jit_compile=config.jit_compile)
    def nats(inputs: Any, targets: Any) -> tuple[Any, Any]:
        known = tf.cast(targets >= 0, tf.float32)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.maximum(targets, 0), valid_reader(inputs, training=False)
        )
        return tf.reduce_sum(known * each), tf.reduce_sum(known)

    def validate() -> dict[str, float]:
        total, count = np.sum([nats(*batch) for batch in valid.batches()], axis=0, dtype="float64")
        return {"val_loss": total / count, "val_nats_per_token": total / count}

    return fit(
        reader.as_model(),
        config,
        batches=lambda epoch: streams.batches((config.seed, epoch)),
        steps=streams.count,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1),
        validate=validate,
        monitor=f"val_{data.score}",
        mode=data.mode,
        folder=folder,
        title=title,
    )


def _ids(generator: Generator, texts: Sequence[str]) -> list[np.ndarray]:
    return [generator.encode(tf.constant([text])).flat_values.numpy() for text in texts]


# --- evaluate -------------------------------------------------------------------------------------


def evaluate(folder: Path, texts: Sequence[str]) -> dict[str, float]:
    """Metrics of an exported model on documents, the states carried through each."""
    nats, tokens = SavedGenerator(folder / SAVED_MODEL).score(texts)
    return likelihood_metrics(float(nats.sum()), int(tokens.sum()))


def baseline(config: Config, data: Data, folder: Path) -> tuple[dict[str, float], None]:
    """How often each token is, and how often it follows each other one, mixed with the former."""
    generator = Generator(build(config, data), data.tokens)
    train, test = (_ids(generator, part) for part in (data.texts.train, data.test))
    size = data.tokens.count
    pairs = [np.concatenate([_pairs(ids) for ids in part]) for part in (train, test)]
    known = np.bincount(pairs[0][:, 1], minlength=size) + 1.0
    share = known / known.sum()
    follows = {
        int(code): count
        for code, count in zip(
            *np.unique(pairs[0] @ np.array([size, 1]), return_counts=True), strict=True
        )
    }
    before = np.bincount(pairs[0][:, 0], minlength=size)
    together = np.array([follows.get(int(code), 0) for code in pairs[1] @ np.array([size, 1])])
    mixed = (together + share[pairs[1][:, 1]]) / (before[pairs[1][:, 0]] + 1)
    single = likelihood_metrics(float(-np.log(share[pairs[1][:, 1]]).sum()), len(pairs[1]))
    return {**single, "pairs_nats_per_token": float(-np.log(mixed).mean())}, None


def _pairs(ids: np.ndarray) -> np.ndarray:
    """Each token behind the one before it, (tokens + 1, 2)."""
    whole = np.concatenate([[BOUNDARY_ID], ids, [BOUNDARY_ID]]).astype(np.int64)
    return np.stack([whole[:-1], whole[1:]], axis=1)


def load_test(folder: Path, config: Config, source: str) -> Sequence[str]:
    """Documents to evaluate on: the test part of the data the model was trained on, the test part
    of another source, or all of another file."""
    if source == config.data:
        return text_data.load(source, seed=config.seed, documents=config.documents).test
    return text_data.load_test(source, seed=config.seed, documents=config.documents)


def draw(folder: Path, data: Data, baseline_answers: None) -> None:
    """Draw which tokens of a test text the model did not expect; write some texts."""
    served = SavedGenerator(folder / SAVED_MODEL)
    about = _about(folder)
    text = data.test[0][:_SHOWN]
    parts = split_text(text, about["level"])
    text_plots.surprise(parts, served.nats_per_token(text), folder / PLOTS / "surprise.png")
    written = served.generate([""] * about["samples"], 400, temperature=0.8)
    separator = f"\n\n{BOUNDARY}\n\n"
    (folder / "samples.txt").write_text(separator.join(written) + "\n", encoding="utf-8")


# --- export, predict ------------------------------------------------------------------------------


def export(config: Config, data: Data, model: keras.Model, folder: Path) -> None:
    """Write the SavedModel, which takes and gives text, and the tokens behind the ids.

    Signatures: `score(texts)`, also `serving_default`: `nats`, `tokens` (batch,) and
    `nats_per_token` (batch, time), the last of each text that of its end; `generate(prompts,
    length, temperature, top_k, top_p, seed)`: `texts`, what follows each prompt; `step(tokens,
    state_0, ...)`: `log_probabilities` (batch, ids) of what comes after a token ("" at the start of
    a text, with states of zeros), and the states to give to the next step.
    """
    generator = Generator(for_serving(model), data.tokens)
    save_saved_model(generator.endpoints, generator.resources, folder / SAVED_MODEL)
    ids = ["", "[UNK]", BOUNDARY, *data.tokens.known]
    write_json(folder / TOKENS, {"level": config.level, "samples": config.samples, "tokens": ids})


def servable(model: keras.Model) -> keras.Model:
    """What ONNX and LiteRT can hold: ids and states in, logits and states out."""
    return for_serving(model)


def predict(folder: Path, prompts: Iterable[str], options: Predicting) -> Iterator[dict[str, Any]]:
    """Go on from prompts.

    Yields:
        For each prompt `prompt`, `text`, what follows it, and `nats_per_token` of the prompt.
    """
    served = SavedGenerator(folder / SAVED_MODEL)
    for prompt in prompts:
        (text,) = served.generate(
            [prompt],
            options.length,
            temperature=options.temperature,
            top_k=options.top_k,
            top_p=options.top_p,
            seed=options.seed,
        )
        nats = served.nats_per_token(prompt)[:-1]
        yield {
            "prompt": prompt,
            "text": text,
            "nats_per_token": round(float(nats.mean()), 4),
        }


def _about(folder: Path) -> dict[str, Any]:
    return read_record(folder / TOKENS, ("level", "samples", "tokens"))


# --- search ---------------------------------------------------------------------------------------


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change, in one direction."""
    return stack_space(hp, config, both_ways=False)
