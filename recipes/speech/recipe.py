"""The speech recipe, from data to predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np

import zoo
from custom_layers import CTCLoss, LogMel
from recipes.kit import plots as kit_plots
from recipes.kit.card import Card
from recipes.kit.console import note, progress_bar
from recipes.kit.data.audio import from_int16, is_silent, read_audio
from recipes.kit.data.batches import Example, padded_batches, steps
from recipes.kit.errors import UserError
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.metrics import speech_metrics, taken_for
from recipes.kit.options import Cell, FitConfig, StackConfig
from recipes.kit.output import PLOTS, SAVED_MODEL, read_record, write_json
from recipes.kit.search import stack_space
from recipes.speech import data as speech_data
from recipes.speech import plots
from recipes.speech.options import SoundConfig
from recipes.speech.serve import (
    SavedTranscriber,
    Transcriber,
    texts_of,
    timed_letters,
    transcribe_all,
)

ABOUT = "speech.json"
INPUTS = "files"

CARD = Card(
    task="Writes down what is said, or keyed, in a recording.",
    use="Recordings like those it was trained on: of the same language, kind of speaker, "
    "microphone and noise, and of lengths like theirs.",
    limits="It writes something for whatever it hears, letter by letter, and knows no words. Other "
    "accents, rooms and subjects are heard worse, and some groups of speakers worse than others. "
    "Not for decisions about people.",
)

#: Files left out that are named; of the others there is the number.
_NAMED = 20

#: With `--join` each clip of valid and test is in so many strings.
_VALID_ROUNDS, _TEST_ROUNDS = range(2), range(10)


#: What an option is where it is not given, of the embedded data and of recordings.
_MORSE: dict[str, Any] = {
    "num_mels": 20,
    "normalization": "corpus",
    "dropout": 0.0,
    "learning_rate": 5e-3,
}
_RECORDINGS: dict[str, Any] = {
    "num_mels": 40,
    "dropout": 0.2,
    "learning_rate": 3e-3,
}


@dataclass(frozen=True)
class Config(StackConfig, SoundConfig, FitConfig):
    """Options of the speech recipe."""

    epochs: int = 30
    """Most passes over the training clips."""
    learning_rate: float | None = None
    """Step size, at its highest. None = 0.003, of Morse code 0.005."""
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    """Learning rate over time: constant; cosine = up over the first 5 % of the steps, then down to
    zero along a cosine; plateau = halved after every 2 epochs without improvement."""
    global_clipnorm: float | None = 20.0
    """Clip the gradient (of nats a clip) when the norm over all weights passes this. None = no
    clipping."""
    patience: int = 10
    """Stop after this many epochs without improvement; the best epoch's weights are kept."""
    cell: Cell = "gru"
    """Recurrent layer."""
    units: int = 96
    """Width of each recurrent layer and direction."""
    dropout: float | None = None
    """Share of non-recurrent connections dropped in training. None = 0.2, of Morse code, which has
    no end, 0."""
    bidirectional: bool = True
    """Hear the clip backwards as well. --no-bidirectional is for streams."""
    beam_size: int = 8
    """Hypotheses of the beam search."""

    def __post_init__(self) -> None:
        for field, value in (_MORSE if self.data == "embedded" else _RECORDINGS).items():
            if getattr(self, field) is None:
                object.__setattr__(self, field, value)
        super().__post_init__()
        self.require(self.beam_size >= 1, "beam_size", "at least 1")


@dataclass(frozen=True)
class Predicting:
    """How `predict` writes down."""

    search: Literal["beam", "greedy"] = "beam"
    """Beam search, or the likeliest letter of each step."""
    times: bool = False
    """Say when each letter begins and ends, in seconds."""


@dataclass(frozen=True)
class Data:
    """Clips, and how they become those that are trained and tested on."""

    clips: speech_data.SpeechData
    join: tuple[int, int] | None
    seed: int
    score: str = "cer"
    mode: Literal["min", "max"] = "min"

    @property
    def description(self) -> str:
        """What the clips are, for a person."""
        if self.join is None:
            return self.clips.description
        parts = {"train": self.train(0), "valid": self.valid, "test": self.test}
        counts = ", ".join(f"{len(strings):,} {name}" for name, strings in parts.items())
        low, high = self.join
        return f"{self.clips.description}; in strings of {low} to {high}: {counts}"

    @property
    def licence(self) -> str:
        """Under what licence they stand."""
        return self.clips.licence

    def train(self, epoch: int) -> Sequence[speech_data.Clip]:
        """What an epoch trains on."""
        later = self.clips.later if epoch else None
        clips = later(epoch) if later else self.clips.train
        return _strings(clips, self.join, self.seed, [epoch])

    @property
    def valid(self) -> Sequence[speech_data.Clip]:
        """What each epoch is judged by."""
        return _strings(self.clips.valid, self.join, self.seed, _VALID_ROUNDS)

    @property
    def test(self) -> Sequence[speech_data.Clip]:
        """What `evaluate` is given after the training."""
        return _strings(self.clips.test, self.join, self.seed, _TEST_ROUNDS)


def _strings(
    clips: Sequence[speech_data.Clip],
    join: tuple[int, int] | None,
    seed: int,
    rounds: Sequence[int],
) -> Sequence[speech_data.Clip]:
    return clips if join is None else speech_data.join_clips(clips, *join, seed=seed, rounds=rounds)


# --- data -----------------------------------------------------------------------------------------


def load_data(config: Config) -> Data:
    """Read the clips; say which cannot be learned from."""
    clips = speech_data.load(
        config.data, config.clip_options(), seed=config.seed, fits=config.fits, watch=_watched
    )
    _tell(clips.skipped)
    if clips.unseen_symbols:
        note(f"never seen in training, so never right: {' '.join(clips.unseen_symbols)}")
    data = Data(clips, config.join, config.seed)
    for name, strings in (("train", data.train(0)), ("valid", data.valid), ("test", data.test)):
        if not strings:
            raise UserError(f"--join {config.join[0]}: no speaker has as many clips in {name}.")
    return data


def _tell(skipped: Sequence[str]) -> None:
    """Name the files that were left out, as far as a person reads."""
    for reason in skipped[:_NAMED]:
        note(f"left out: {reason}")
    if skipped:
        rest = len(skipped) - _NAMED
        more = f", {rest:,} of them not named here" if rest > 0 else ""
        note(f"files left out: {len(skipped):,}{more}; --strict refuses them.")


def _watched(items: Iterable[Any]) -> Iterator[Any]:
    """The items, with a bar that shows how far they are."""
    with progress_bar() as bar:
        task = bar.add_task("reading", total=getattr(items, "__len__", lambda: None)(), status="")
        for item in items:
            yield item
            bar.update(task, advance=1)


class _Examples(Sequence[Example]):
    """Clips as the model takes them, made when they are asked for."""

    def __init__(self, clips: Sequence[speech_data.Clip]) -> None:
        self._clips = clips

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: Any) -> Any:
        samples = self._clips[index].samples
        return {"waveforms": from_int16(samples), "lengths": np.int32(len(samples))}


# --- build ----------------------------------------------------------------------------------------


def build(config: Config, data: Data) -> keras.Model:
    """The acoustic model, uncompiled."""
    return zoo.acoustic_model(
        num_labels=len(data.clips.symbols),
        sampling_rate=data.clips.sampling_rate,
        **config.feature_options(stream=not config.bidirectional),
        **config.stack,
    )


def _transcriber(config: Config, data: Data, model: keras.Model) -> Transcriber:
    return Transcriber(
        model,
        data.clips.symbols,
        sampling_rate=data.clips.sampling_rate,
        seconds_per_step=config.seconds_per_step,
        beam_size=config.beam_size,
    )


# --- train ----------------------------------------------------------------------------------------


def train(
    config: Config,
    data: Data,
    model: keras.Model,
    *,
    folder: Path | None = None,
    title: str = "acoustic model",
) -> list[dict[str, float]]:
    """Train a model; it is left with the weights of its best epoch."""
    ids = {symbol: index for index, symbol in enumerate(data.clips.symbols, start=1)}
    # XLA compiles each length of a batch anew: a quarter of a second, and eight letters, at a time.
    multiple = data.clips.sampling_rate // 4 if config.jit_compile else 1
    target_multiple = 8 if config.jit_compile else 1

    def batches(clips: Sequence[speech_data.Clip], shuffle: tuple[int, int] | None = None) -> Any:
        return padded_batches(
            _Examples(clips),
            [np.array([ids[x] for x in clip.text if x in ids], "int32") for clip in clips],
            config.batch_size,
            shuffle=shuffle,
            pad_multiple=multiple,
            target_multiple=target_multiple,
        )

    valid = batches(data.valid)
    truth = [clip.text for clip in data.valid]
    sounds = [from_int16(clip.samples) for clip in data.valid]
    transcriber = _transcriber(config, data, model)

    def validate() -> dict[str, float]:
        loss = model.evaluate(valid, verbose=0)
        found = speech_metrics(truth, texts_of(transcribe_all(transcriber.greedy, sounds)))
        return {"val_loss": loss, **{f"val_{name}": value for name, value in found.items()}}

    return fit(
        model,
        config,
        batches=lambda epoch: batches(data.train(epoch), (config.seed, epoch)),
        steps=steps(len(data.train(0)), config.batch_size),
        # Clips were chosen for the config's own steps; a trial of the search may take longer ones.
        loss=CTCLoss(zero_infinity=True),
        validate=validate,
        monitor=f"val_{data.score}",
        mode=data.mode,
        folder=folder,
        title=title,
    )


# --- evaluate -------------------------------------------------------------------------------------


def evaluate(folder: Path, clips: Sequence[speech_data.Clip]) -> dict[str, float]:
    """Metrics of an exported model on clips with transcripts, by beam and by greedy search."""
    served = SavedTranscriber(folder / SAVED_MODEL)
    answers = transcribe_all(served.transcribe, [from_int16(clip.samples) for clip in clips])
    truth = [clip.text for clip in clips]
    greedy = speech_metrics(truth, texts_of(answers, "greedy"))
    return {
        **speech_metrics(truth, texts_of(answers)),
        **{f"greedy_{name}": value for name, value in greedy.items()},
    }


def baseline(config: Config, data: Data, folder: Path) -> tuple[dict[str, float], None]:
    """The one transcript that is best for all clips: of some of training, and the commonest, that
    with the fewest errors in others of training."""
    texts = [clip.text for clip in data.train(0)]
    generator = np.random.default_rng(config.seed)
    some = [texts[index] for index in generator.permutation(len(texts))[:200]]
    candidates = {*some[:100], Counter(texts).most_common(1)[0][0]}
    errors = {text: speech_metrics(some, [text] * len(some))["cer"] for text in sorted(candidates)}
    best = min(errors, key=errors.__getitem__)
    truth = [clip.text for clip in data.test]
    return speech_metrics(truth, [best] * len(truth)), None


def load_test(folder: Path, config: Config, source: str) -> Sequence[speech_data.Clip]:
    """Clips to evaluate on, at the rate the model was trained at: the test part of the data it was
    trained on; of another source as they are, the test part or all of a manifest without splits."""
    options = config.clip_options(_about(folder)["sampling_rate"])
    if source != config.data:
        clips, skipped = speech_data.load_test(source, options, seed=config.seed, fits=config.fits)
        _tell(skipped)
        return clips
    data = speech_data.load(source, options, seed=config.seed, fits=config.fits)
    return _strings(data.test, config.join, config.seed, _TEST_ROUNDS)


def draw(folder: Path, data: Data, baseline_answers: None) -> None:
    """Draw what is heard where, and which characters are taken for which."""
    served = SavedTranscriber(folder / SAVED_MODEL)
    sounds = [from_int16(clip.samples) for clip in data.test]
    answers = transcribe_all(served.transcribe, sounds)
    truth = [clip.text for clip in data.test]
    pairs = taken_for(truth, texts_of(answers))
    names = {"": "nothing", " ": "blank"}
    columns = ([names.get(pair[side], pair[side]) for pair in pairs] for side in (0, 1))
    kit_plots.confusion(*columns, folder / PLOTS / "confusion.png", what="character")
    wrong = [row for row, text in enumerate(texts_of(answers)) if text != truth[row]]
    rows = [*range(min(3, len(truth))), *(row for row in wrong[:1] if row > 2)]
    log_mel = LogMel(data.clips.sampling_rate)
    shown = [
        plots.Heard(
            log_mel=keras.ops.convert_to_numpy(log_mel(sounds[row][None]))[0],
            seconds_per_frame=log_mel.frame_step,
            letters=timed_letters(answers[row]),
            truth=truth[row],
            **served.probabilities(sounds[row]),
        )
        for row in rows
    ]
    plots.alignment(shown, folder / PLOTS / "alignment.png")


# --- export, predict ------------------------------------------------------------------------------


def export(config: Config, data: Data, model: keras.Model, folder: Path) -> None:
    """Write the SavedModel, which takes waveforms, and what it expects of them.

    Signatures, each of `waveforms` (batch, samples) from -1 to 1 at the sampling rate of
    speech.json
    and `lengths` (batch,), the samples that count:

    - `transcribe`, also `serving_default`: `texts` (batch,) by beam search, `hypotheses` and
    `scores`
      (batch, beam), `greedy` (batch,), and `letters`, `starts`, `ends` (batch, letters) in seconds.
    - `greedy`: `texts`, `scores`, `letters`, `starts`, `ends`, by the likeliest path.
    - `log_probabilities` (batch, steps, symbols), with `symbols`, `seconds_per_step`,
      `sampling_rate`.
    """
    server = _transcriber(config, data, for_serving(model))
    save_saved_model(server.endpoints, server.resources, folder / SAVED_MODEL)
    about = {"sampling_rate": data.clips.sampling_rate, "symbols": ["", *data.clips.symbols]}
    write_json(folder / ABOUT, about)


def servable(model: keras.Model) -> keras.Model:
    """What ONNX and LiteRT can hold: waveforms in, log-probabilities of each step out."""
    return zoo.frame_decoder(for_serving(model))


def predict(
    folder: Path, paths: Iterable[Path], options: Predicting = Predicting()
) -> Iterator[dict[str, Any]]:
    """Write down what sound files of any rate say.

    Yields:
        For each file its `path`, `seconds`, `text` and `score`, with a beam the other `hypotheses`,
        and where asked for `letters`, each with its beginning and end in seconds.
    """
    served = SavedTranscriber(folder / SAVED_MODEL)
    for path in paths:
        samples, rate = read_audio(path, _about(folder)["sampling_rate"])
        if is_silent(samples):
            note(f"{path}: is silent; what is written down means nothing.")
        answer = served.answer(samples, greedy=options.search == "greedy", times=options.times)
        yield {"path": str(path), "seconds": round(len(samples) / rate, 3), **answer}


def _about(folder: Path) -> dict[str, Any]:
    return read_record(folder / ABOUT, ("sampling_rate", "symbols"))


# --- search ---------------------------------------------------------------------------------------


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    features = hp.Choice("features", ["log_mel", "mfcc"], default=config.features)
    reduction = hp.Int("time_reduction", 1, 3, default=min(config.time_reduction, 3))
    return stack_space(hp, config, features=features, time_reduction=reduction)
