"""The translation recipe, from data to predictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors

import zoo
from recipes.kit import plots, text_plots
from recipes.kit.card import Card
from recipes.kit.console import note, say
from recipes.kit.data.batches import padded_batches, steps
from recipes.kit.errors import UserError
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.metrics import translation_metrics, translation_signatures
from recipes.kit.options import FitConfig, StackConfig
from recipes.kit.output import PLOTS, SAVED_MODEL, write_json
from recipes.kit.pieces import BOUNDARY_ID, Level, PieceTable, Vocabulary
from recipes.kit.search import stack_space
from recipes.translation import data as pair_data
from recipes.translation.serve import (
    SavedTranslator,
    Translator,
    encode_all,
    examples,
    translate_all,
)

PIECES = "pieces.json"
INPUTS = "texts"

CARD = Card(
    task="Translates a sentence into another language or notation.",
    use="Sentences like those it was trained on: of the same languages, subject and length.",
    limits="It leaves out and makes up words, fluently; longer sentences are worse. What matters "
    "has to be read by somebody who knows both languages.",
)

#: Most sentences translated after each epoch.
_CHECKED = 500

#: Of fewer sentences of a length the quality is not drawn.
_FEWEST = 10

_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)

_Translations = dict[str, list[str]]


@dataclass(frozen=True)
class Config(StackConfig, FitConfig):
    """Options of the translation recipe."""

    epochs: int = 15
    """Most passes over the training pairs."""
    batch_size: int = 64
    """Pairs a step."""
    learning_rate: float = 2e-3
    """Step size, at its highest."""
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    """Learning rate over time: constant; cosine = up over the first 5 % of the steps, then down to
    zero along a cosine; plateau = halved after every 2 epochs without improvement."""
    cell: Literal[
        "simple", "lstm", "gru", "leaky", "delay", "reservoir", "lmu", "lru", "mingru", "minlstm"
    ] = "gru"
    """Recurrent layer, of encoder and decoder."""
    units: int = 256
    """Width of each recurrent layer and direction."""
    dropout: float = 0.2
    """Share of non-recurrent connections dropped in training."""
    bidirectional: bool = True
    """Read the source backwards as well."""
    attention: Literal["additive", "dot", "none"] = "additive"
    """How the decoder looks back at the source: by a small network, by a product, or not at all,
    with one vector for the whole source."""
    input_feeding: bool = False
    """Tell the decoder what it looked at in the step before. Slower in training."""
    embedding_dim: int = 128
    """Width of the embedding of both sides."""
    level: Level | None = None
    """What a piece of text is. By default a character for the embedded dates, else part of a word
    (subword)."""
    vocabulary_size: int | None = 8000
    """Know at most this many pieces of each side, the most frequent ones. None = all."""
    max_tokens: int = 200
    """Leave out training pairs of which a side has more pieces."""
    scheduled_sampling: float = 0.0
    """Share of the decoder's own pieces that it is given at the end of the training in place of the
    true ones, a coin thrown for each. 0 = teacher forcing."""
    sampling_schedule: Literal["linear", "exponential", "sigmoid"] = "linear"
    """How that share grows from 0 during the training: evenly; fast at first; or slow, fast,
    slow."""
    beam_size: int = 4
    """Hypotheses of the beam search."""
    length_penalty: float = 0.6
    """How much longer translations are favoured in it; 0 = not."""
    compare: bool = False
    """Train a second model without attention, and draw the quality of both by length."""
    columns: tuple[int, int] = (0, 1)
    """Columns of your TSV files with source and target, counted from 0."""
    source_language: str | None = None
    """Language to translate from, where a folder or TFDS set has several."""
    target_language: str | None = None
    """Language to translate to, likewise."""
    reverse: bool = False
    """Translate the other way round."""
    limit: int | None = None
    """At most this many pairs, those with the shortest sources."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("embedding_dim", "max_tokens", "beam_size"):
            self.require(getattr(self, field) >= 1, field, "at least 1")
        for field in ("vocabulary_size", "limit"):
            value = getattr(self, field)
            self.require(value is None or value >= 1, field, "at least 1")
        self.require(min(self.columns) >= 0, "columns", "two numbers from 0")
        self.require(0 <= self.scheduled_sampling <= 1, "scheduled_sampling", "between 0 and 1")
        self.require(self.length_penalty >= 0, "length_penalty", "at least 0")
        if self.input_feeding and self.jit_compile:
            raise UserError("--jit-compile: XLA cannot compile the training with --input-feeding.")
        if self.compare and self.attention == "none":
            raise UserError("--compare needs --attention additive or dot, not none.")

    @property
    def pairs(self) -> pair_data.Options:
        """Which pairs of the data."""
        return pair_data.Options(
            self.columns, self.source_language, self.target_language, self.reverse, self.limit
        )


@dataclass(frozen=True)
class Predicting:
    """How `predict` translates."""

    search: Literal["beam", "greedy"] = "beam"
    """Beam search, or always the likeliest next piece."""
    attention: bool = True
    """Say what each piece was made from."""


@dataclass(frozen=True)
class Data:
    """Pairs, and the pieces of their training part that the model knows."""

    pairs: pair_data.PairData
    source: PieceTable
    target: PieceTable
    max_length: int
    score: str = "bleu"
    mode: Literal["min", "max"] = "max"

    @property
    def description(self) -> str:
        """What the pairs are, for a person."""
        source, target = self.source.vocabulary, self.target.vocabulary
        return (
            f"{self.pairs.description}; {source.count:,} and {target.count:,} kinds of "
            f"{source.level}s"
        )

    @property
    def licence(self) -> str:
        """Under what licence they stand."""
        return self.pairs.licence

    @property
    def test(self) -> Sequence[pair_data.Pair]:
        """What `evaluate` is given after the training."""
        return self.pairs.test


# --- data -----------------------------------------------------------------------------------------


def load_data(config: Config) -> Data:
    """Read the pairs; collect the pieces of their training part."""
    pairs = pair_data.load(config.data, config.pairs, seed=config.seed)
    level = config.level or ("character" if config.data == "embedded" else "subword")
    sides = [[getattr(pair, side) for pair in pairs.train] for side in ("source", "target")]
    source, target = tables = [
        PieceTable(Vocabulary.of(texts, level, config.vocabulary_size)) for texts in sides
    ]
    lengths = [
        [len(ids) for ids in encode_all(table, texts)]
        for table, texts in zip(tables, sides, strict=True)
    ]
    short = [max(both) <= config.max_tokens for both in zip(*lengths, strict=True)]
    if not any(short):
        raise UserError(
            f"--max-tokens {config.max_tokens}: all training pairs are longer, the shortest has "
            f"{min(map(max, zip(*lengths, strict=True)))} {level}s."
        )
    if not all(short):
        note(f"training pairs of more than {config.max_tokens} {level}s: {short.count(False):,}")
        kept = tuple(pair for pair, fits in zip(pairs.train, short, strict=True) if fits)
        pairs = dataclasses.replace(pairs, train=kept)
    longest = max(length for length, fits in zip(lengths[1], short, strict=True) if fits)
    return Data(pairs, source, target, max_length=longest + longest // 5 + 1)


# --- build ----------------------------------------------------------------------------------------


def build(config: Config, data: Data) -> keras.Model:
    """The encoder and decoder, uncompiled."""
    return zoo.encoder_decoder(
        source_vocabulary_size=data.source.vocabulary.count,
        target_vocabulary_size=data.target.vocabulary.count,
        attention=config.attention,
        embedding_dim=config.embedding_dim,
        input_feeding=config.input_feeding,
        name="translator",
        **config.stack,
    )


def _translator(config: Config, data: Data, model: keras.Model) -> Translator:
    return Translator(
        model,
        data.source,
        data.target,
        max_length=data.max_length,
        beam_size=config.beam_size,
        length_penalty=config.length_penalty,
    )


# --- train ----------------------------------------------------------------------------------------


def train(
    config: Config,
    data: Data,
    model: keras.Model,
    *,
    folder: Path | None = None,
    name: str = "model",
    title: str = "translator",
) -> list[dict[str, float]]:
    """Train a model; it is left with the weights of its best epoch."""
    translator = _translator(config, data, model)
    inputs, targets = _encoded(data, data.pairs.train)
    count = steps(len(targets), config.batch_size)
    multiple = 16 if config.jit_compile else 1
    valid = padded_batches(
        *_encoded(data, data.pairs.valid), config.batch_size, pad_multiple=multiple
    )
    checked = pair_data.by_source(data.pairs.valid)
    checked = checked[:: -(-len(checked) // _CHECKED)]
    trained = model
    if config.scheduled_sampling:
        trained = zoo.ScheduledSampling(
            model,
            share=config.scheduled_sampling,
            steps=count * config.epochs,
            schedule=config.sampling_schedule,
            seed=config.seed,
        ).as_model()

    def validate() -> dict[str, float]:
        loss = trained.evaluate(valid, verbose=0)
        answers = translate_all(translator.greedy, [source for source, _ in checked])
        found = translation_metrics(answers, [references for _, references in checked])
        return {"val_loss": loss, **{f"val_{name}": value for name, value in found.items()}}

    return fit(
        trained,
        config,
        batches=lambda epoch: padded_batches(
            inputs,
            targets,
            config.batch_size,
            shuffle=(config.seed, epoch),
            pad_multiple=multiple,
        ),
        steps=count,
        loss=_LOSS,
        validate=validate,
        monitor=f"val_{data.score}",
        mode=data.mode,
        folder=folder,
        name=name,
        title=title,
    )


def _encoded(data: Data, pairs: Sequence[pair_data.Pair]) -> tuple[list[Any], list[np.ndarray]]:
    """What goes into a model, and what is to come out."""
    source = encode_all(data.source, [pair.source for pair in pairs])
    target = encode_all(data.target, [pair.target for pair in pairs])
    return examples(source, target), target


# --- evaluate -------------------------------------------------------------------------------------


def evaluate(folder: Path, pairs: Sequence[pair_data.Pair]) -> dict[str, float]:
    """Metrics of an exported translator on pairs, by beam search and by greedy search; each source
    is translated once and compared with all its translations."""
    sources, references = zip(*pair_data.by_source(pairs), strict=True)
    say("; ".join(translation_signatures(references).values()))
    served = SavedTranslator(folder / SAVED_MODEL)
    return _metrics(translate_all(served.translate, sources), served.greedy, sources, references)


def _metrics(
    answers: Sequence[str], greedy: Any, sources: Sequence[str], references: Sequence[Any]
) -> dict[str, float]:
    """Metrics of answers by beam search, and of those by greedy search."""
    found = translation_metrics(translate_all(greedy, sources), references)
    return {
        **translation_metrics(answers, references),
        **{f"greedy_{name}": value for name, value in found.items()},
    }


def baseline(config: Config, data: Data, folder: Path) -> tuple[dict[str, float], _Translations]:
    """The translation of the most similar training source (by the letters it is made of), and with
    `--compare` a model without attention."""
    sources, references = zip(*pair_data.by_source(data.test), strict=True)
    similar = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3))
    known = similar.fit_transform(pair.source for pair in data.pairs.train)
    nearest = NearestNeighbors(n_neighbors=1, metric="cosine").fit(known)
    rows = nearest.kneighbors(similar.transform(sources), return_distance=False)[:, 0]
    answers = [data.pairs.train[row].target for row in rows]
    metrics, others = translation_metrics(answers, references), {}
    if config.compare:
        without = dataclasses.replace(config, attention="none", compare=False)
        model = build(without, data)
        train(without, data, model, folder=folder, name="baseline", title="without attention")
        translator = _translator(without, data, model)
        others["without attention"] = translate_all(translator.beam, sources)
        found = _metrics(others["without attention"], translator.greedy, sources, references)
        metrics.update({f"fixed_vector_{name}": value for name, value in found.items()})
    return metrics, others


def load_test(folder: Path, config: Config, source: str) -> Sequence[pair_data.Pair]:
    """Pairs to evaluate on: the test part of the data the model was trained on, the test part of
    another source, or all of another file."""
    if source == config.data:
        return pair_data.load(source, config.pairs, seed=config.seed).test
    return pair_data.load_test(source, config.pairs, seed=config.seed)


def draw(folder: Path, data: Data, baseline_answers: _Translations) -> None:
    """Draw where the decoder looks, and how good it is on short and on long sources."""
    served = SavedTranslator(folder / SAVED_MODEL)
    sources, references = zip(*pair_data.by_source(data.test), strict=True)
    answers = {"model": translate_all(served.translate, sources), **baseline_answers}
    split = data.source.split(list(sources))
    lengths = split.row_lengths().numpy()
    # Bins of one width; the last one holds the few that are longer, too.
    edges = np.unique(np.linspace(lengths.min(), np.quantile(lengths, 0.98) + 1, 9).astype(int))
    bins = np.minimum(np.searchsorted(edges, lengths, side="right"), len(edges) - 1) - 1
    places = [np.flatnonzero(bins == index) for index in range(len(edges) - 1)]
    series = {}
    for name, texts in answers.items():
        scores = [
            translation_metrics([texts[i] for i in rows], [references[i] for i in rows])["bleu"]
            if len(rows) >= _FEWEST
            else float("nan")
            for rows in places
        ]
        series[name] = (edges.tolist(), scores, [len(rows) for rows in places])
    plots.quality_by_length(series, "BLEU", folder / PLOTS / "quality_by_length.png")
    shown = np.random.default_rng(0).permutation(np.flatnonzero(lengths <= 24))[:4]
    found = list(served.answers(sources[i] for i in shown))
    if found and "attention" in found[0]:
        pairs = [(one["source_tokens"], one["tokens"], np.array(one["attention"])) for one in found]
        text_plots.alignment(pairs, folder / PLOTS / "alignment.png")


# --- export, predict ------------------------------------------------------------------------------


def export(config: Config, data: Data, model: keras.Model, folder: Path) -> None:
    """Write the SavedModel, which takes and gives sentences, and the pieces behind the ids.

    Signatures: `translate(texts: (batch,))`, also `serving_default`, by beam search, and `greedy`,
    both with `translations` (batch,), `hypotheses` and `scores` (batch, beam), `source_tokens`
    (batch, positions), `tokens` (batch, time), and with attention `attention` (batch, time,
    positions + 1), whose last position is the end of the source.
    """
    translator = _translator(config, data, for_serving(model))
    save_saved_model(translator.endpoints, translator.resources, folder / SAVED_MODEL)
    source, target = data.source.vocabulary, data.target.vocabulary
    record = {"level": source.level, "source": source.pieces, "target": target.pieces}
    write_json(folder / PIECES, record)


def servable(model: keras.Model) -> keras.Model:
    """What ONNX can hold: ids of a source in, ids of the likeliest target out, greedily."""
    return zoo.sequence_search(
        for_serving(model),
        start_id=BOUNDARY_ID,
        end_id=BOUNDARY_ID,
        max_length=100,
        beam_size=1,
        forbidden=(0, 1),
    )


def predict(folder: Path, texts: Iterable[str], options: Predicting) -> Iterator[dict[str, Any]]:
    """Translate sentences with an exported translator.

    Yields:
        For each text `text`, `translation`, `score`, with beam search `hypotheses`, and with
        attention `source_tokens`, `tokens` and `attention`, a row of weights for each token.
    """
    served = SavedTranslator(folder / SAVED_MODEL)
    for one in served.answers(texts, greedy=options.search == "greedy"):
        if not options.attention:
            one = {k: one[k] for k in one if k not in ("source_tokens", "tokens", "attention")}
        yield one


# --- search ---------------------------------------------------------------------------------------


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    return stack_space(
        hp,
        config,
        attention=hp.Choice("attention", ["additive", "dot", "none"], default=config.attention),
        scheduled_sampling=hp.Float("scheduled_sampling", 0.0, 0.5, step=0.25),
    )
