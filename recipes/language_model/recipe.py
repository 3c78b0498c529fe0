"""The language_model recipe: text, model, training, baseline, export, pictures and search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.amount import Amount
from recipes.kit.data.source import Source
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.output import PLOTS, SAVED_MODEL, write_json
from recipes.kit.recipe import Baseline, Card, History, Recipe, Run
from recipes.kit.space import stack_space
from recipes.kit.stack import stack_of
from recipes.kit.vocabulary import BOUNDARY, BOUNDARY_ID
from recipes.language_model import data as corpora
from recipes.language_model.data import RESERVED, TOKENS, Data
from recipes.language_model.metrics import likelihood_metrics
from recipes.language_model.options import Config, Predict
from recipes.language_model.plots import surprise
from recipes.language_model.serve import Generator, GeneratorPredictor
from recipes.language_model.streams import Streams
from recipes.language_model.tokens import TextTokens, split_text

CARD = Card(
    task="Says how likely a text is, and continues it.",
    use="Text of the kind it was trained on; teaching; scoring and generating short texts.",
    limits="What it writes sounds like its training text, with no knowledge behind it. Not for "
    "answers that anybody relies on.",
)

#: Characters of the test part in the picture.
_SHOWN = 900

#: How the samples are drawn.
_SAMPLING = Predict(length=400, temperature=0.8)

_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)


def load_data(source: Source, config: Config) -> Data:
    """Read the documents; collect the tokens of their training part."""
    return corpora.load(source, config)


def amount(data: Data, config: Config) -> Amount:
    """The passages that the gradient goes back through; none goes over the end of a document."""
    lengths = [len(split_text(document, config.level)) + 1 for document in data.train]
    return Amount(sum(-(-length // config.steps) for length in lengths), "passages of text")


def build(run: Run[Config, Data]) -> keras.Model:
    """The language model, uncompiled."""
    config = run.config
    return zoo.language_model(
        vocabulary_size=run.data.tokens.count,
        embedding_dim=config.embedding_dim,
        tie_weights=config.tie_weights,
        **stack_of(config),
    )


def train(run: Run[Config, Data], model: keras.Model) -> History:
    """Train a model; it is left with the weights of its best epoch."""
    config, data = run.config, run.data
    tokens = TextTokens(data.tokens)
    streams, valid = (
        Streams(tokens.encode_all(part), config.batch_size, config.steps, BOUNDARY_ID)
        for part in (data.train, data.valid)
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
        run,
        reader.as_model(),
        batches=lambda epoch: streams.batches((config.seed, epoch)),
        steps=streams.count,
        loss=_LOSS,
        validate=validate,
    )


def baseline(run: Run[Config, Data]) -> Baseline:
    """How often each token occurs, and how often it follows each other one."""
    tokens, size = TextTokens(run.data.tokens), run.data.tokens.count
    train, test = (_pairs(tokens.encode_all(part)) for part in (run.data.train, run.data.test))
    counts = np.bincount(train[:, 1], minlength=size) + 1.0
    share = counts / counts.sum()
    codes, numbers = np.unique(train @ np.array([size, 1]), return_counts=True)
    follows = dict(zip(codes.tolist(), numbers.tolist(), strict=True))
    together = np.array([follows.get(code, 0) for code in (test @ np.array([size, 1])).tolist()])
    before = np.bincount(train[:, 0], minlength=size)
    mixed = (together + share[test[:, 1]]) / (before[test[:, 0]] + 1)
    single = likelihood_metrics(float(-np.log(share[test[:, 1]]).sum()), len(test))
    return Baseline(
        "how often each token occurs in the training text; for `pairs_nats_per_token`, how often "
        "it follows the token before it, mixed with the former.",
        {**single, "pairs_nats_per_token": float(-np.log(mixed).mean())},
    )


def _pairs(documents: Sequence[np.ndarray]) -> np.ndarray:
    """Each token after the one before it, boundaries included, (tokens, 2)."""
    pairs = []
    for ids in documents:
        whole = np.concatenate([[BOUNDARY_ID], ids, [BOUNDARY_ID]]).astype(np.int64)
        pairs.append(np.stack([whole[:-1], whole[1:]], axis=1))
    return np.concatenate(pairs)


def export(run: Run[Config, Data], model: keras.Model) -> None:
    """Write the SavedModel, which takes and gives text, and the tokens behind the ids.

    Signatures: `score(texts)`, also `serving_default`: `nats`, `tokens` (batch,) and
    `nats_per_token` (batch, time), whose last for each text is that of its end; `generate(prompts,
    length, temperature, top_k, top_p, seed)`: `texts`, what follows each prompt; `step(tokens,
    state_0, ...)`: `log_probabilities` (batch, ids) of what comes after a token ("" at the start of
    a text, with states of zeros), and the states for the next step.
    """
    tokens = run.data.tokens
    generator = Generator(for_serving(model), TextTokens(tokens))
    save_saved_model(generator.endpoints, generator.resources, run.folder / SAVED_MODEL)
    record = {"level": tokens.level, "tokens": [*RESERVED, *tokens.pieces]}
    write_json(run.folder / TOKENS, record)


def portable(model: keras.Model, folder: Path) -> keras.Model:
    """What ONNX and LiteRT can hold: ids and states in, logits and the next states out.

    States have other names when they come out: in ONNX a name stands for one tensor only.
    """
    plain = for_serving(model)
    outputs = {
        name if name == "logits" else f"next_{name}": tensor
        for name, tensor in plain.output.items()
    }
    return keras.Model(plain.input, outputs, name=model.name)


def load_test(source: Source, predictor: GeneratorPredictor) -> Sequence[str]:
    """Documents to evaluate a language model on."""
    return corpora.load_test(source, predictor.config)


def draw(run: Run[Config, Data], predictor: GeneratorPredictor, answers: Mapping[str, Any]) -> None:
    """Draw which tokens of a test text the model did not expect."""
    text = run.data.test[0][:_SHOWN]
    parts, nats = split_text(text, run.config.level), predictor.nats_per_token(text)
    surprise(parts, nats.tolist(), run.folder / PLOTS / "surprise.png")


def tables(
    run: Run[Config, Data], predictor: GeneratorPredictor, answers: Mapping[str, Any]
) -> Mapping[str, str]:
    """Texts that the model writes from nothing."""
    written = predictor.generate([""] * run.config.samples, _SAMPLING)
    return {"samples.txt": f"\n\n{BOUNDARY}\n\n".join(written) + "\n"}


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    return stack_space(hp, config)


RECIPE = Recipe(
    config=Config,
    card=CARD,
    load_data=load_data,
    build=build,
    train=train,
    baseline=baseline,
    export=export,
    portable=portable,
    load=GeneratorPredictor,
    load_test=load_test,
    predicting=Predict,
    draw=draw,
    tables=tables,
    space=space,
    amount=amount,
)
