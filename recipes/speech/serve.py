"""An acoustic model as it is served: waveforms in, text out, all between inside the graph."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf

import zoo
from custom_layers import ctc_alignment
from recipes.kit.console import note
from recipes.kit.data.audio import SUFFIXES, from_int16, is_silent, read_audio
from recipes.kit.data.batches import pad
from recipes.kit.export import Endpoint
from recipes.kit.judge import Judgement, worst
from recipes.kit.output import read_record, read_run_config
from recipes.kit.recipe import Field, Predictor
from recipes.kit.serving import Arrays, Served, answer_each, by_length, rows_of
from recipes.kit.unknown import Unknown, notes_of
from recipes.speech.clips import Clip
from recipes.speech.data import ABOUT
from recipes.speech.metrics import speech_statistics
from recipes.speech.options import Config, Predict

#: Of the probability of the best class at a frame, what a label needs to be written there by the
#: beam search (`zoo.ctc_beam_search`): without it, a model that is unsure writes letters by dozens.
_LEAST_SHARE = 0.2

#: Samples transcribed at once, including padding: a minute and a half at 16 kHz.
_BUDGET = 1_500_000

#: Files read at once.
_COUNT = 16

_SOUND = (
    tf.TensorSpec([None, None], tf.float32, name="waveforms"),
    tf.TensorSpec([None], tf.int32, name="lengths"),
)


class Transcriber:
    """An acoustic model between waveforms and texts.

    Args:
        model: As `zoo.acoustic_model` makes it.
        symbols: The labels of the model, without the blank.
        sampling_rate: Samples per second of the waveforms.
        config: Options of the run.
    """

    def __init__(
        self, model: keras.Model, symbols: Sequence[str], sampling_rate: int, config: Config
    ) -> None:
        self._decoder = zoo.frame_decoder(model)
        self._symbols = ["", *symbols]
        self._sampling_rate = sampling_rate
        self._seconds_per_step = config.seconds_per_step
        self._beam_size = config.beam_size
        self.transcribe = tf.function(self._transcribe, input_signature=_SOUND)
        self.greedy = tf.function(self._greedy, input_signature=_SOUND)

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._decoder]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signatures of the exported model."""
        return {
            "transcribe": (self._transcribe, _SOUND),
            "greedy": (self._greedy, _SOUND),
            "log_probabilities": (self._log_probabilities, _SOUND),
        }

    def _transcribe(self, waveforms: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        frames = self._frames(waveforms, lengths)
        labels, scores = zoo.ctc_beam_search(
            frames, beam_size=self._beam_size, least_share=_LEAST_SHARE
        )
        hypotheses = self._texts(labels)
        return {
            "texts": hypotheses[:, 0],
            "hypotheses": hypotheses,
            "scores": scores,
            "greedy": self._texts(zoo.ctc_greedy_search(frames)[0]),
            **self._times(frames, labels[:, 0]),
        }

    def _greedy(self, waveforms: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        frames = self._frames(waveforms, lengths)
        labels, scores = zoo.ctc_greedy_search(frames)
        return {"texts": self._texts(labels), "scores": scores, **self._times(frames, labels)}

    def _log_probabilities(self, waveforms: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "log_probabilities": self._frames(waveforms, lengths),
            "symbols": tf.constant(self._symbols),
            "seconds_per_step": tf.constant(self._seconds_per_step),
            "sampling_rate": tf.constant(self._sampling_rate),
        }

    def _frames(self, waveforms: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        inputs = {"waveforms": waveforms, "lengths": lengths}
        return self._decoder(inputs, training=False)["log_probabilities"]

    def _texts(self, labels: tf.Tensor) -> tf.Tensor:
        return tf.strings.reduce_join(tf.gather(tf.constant(self._symbols), labels), axis=-1)

    def _times(self, frames: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        """The letters of a transcript, with when each begins and ends on its likeliest path."""
        count = tf.reduce_sum(tf.cast(labels > 0, tf.int32), axis=1)
        labels = labels[:, : tf.maximum(tf.reduce_max(count), 1)]
        path = ctc_alignment(frames, labels)
        number = tf.range(1, tf.shape(labels)[1] + 1)
        active = tf.cast(path[:, None, :] == number[:, None], tf.int32)
        first = tf.argmax(active, axis=-1, output_type=tf.int32)
        last = first + tf.reduce_sum(active, axis=-1)

        def seconds(steps: tf.Tensor) -> tf.Tensor:
            times = self._seconds_per_step * tf.cast(steps, tf.float32)
            return tf.where(labels > 0, times, 0.0)

        letters = tf.gather(tf.constant(self._symbols), labels)
        return {"letters": letters, "starts": seconds(first), "ends": seconds(last)}


class TranscriberPredictor(Predictor[Sequence[Clip]]):
    """An exported acoustic model, warm."""

    takes: ClassVar[Literal["texts", "files"]] = "files"
    suffixes: ClassVar[Sequence[str]] = SUFFIXES
    inputs: ClassVar[Sequence[Field]] = (
        Field("path", "sound", "A sound file, of any sampling rate and number of channels."),
    )
    outputs: ClassVar[Sequence[Field]] = (
        Field("path", "text", "The file."),
        Field("seconds", "number", "Its length."),
        Field("text", "text", "The transcript."),
        Field("score", "number", "Natural logarithm of its probability, as the search finds it."),
        Field("hypotheses", "tokens", "Transcripts of the beam search, the best first."),
        Field(
            "letters",
            "table",
            "With `--times`, each letter of the transcript with its beginning and end in seconds.",
        ),
    )

    def __init__(self, folder: Path) -> None:
        record = read_record(folder / ABOUT, ("sampling_rate", "symbols"))
        self.sampling_rate: int = record["sampling_rate"]
        #: What it can write: the first symbol of the record is the blank.
        self.symbols: list[str] = record["symbols"][1:]
        self.config = read_run_config(Config, folder)
        self.served = Served(folder)

    def predict(
        self, inputs: Iterable[Path | str], options: Predict | None = None
    ) -> Iterator[dict[str, Any]]:
        """Transcribe sound files; see `outputs` for what an answer holds."""
        answers = functools.partial(self._answers, options=options or Predict())
        return answer_each(inputs, self._read, answers, count=_COUNT)

    def unknown(self, examples: Sequence[Clip]) -> Sequence[Unknown]:
        """Symbols of the transcripts that the model cannot write."""
        symbols = Unknown.among(
            (clip.text for clip in examples),
            self.symbols,
            unit="clips",
            what="have transcripts with symbols unknown to the model",
            decides="Transcripts must be written as those of the training were; its --lowercase "
            "applies to them.",
        )
        return (symbols,)

    def judge(self, examples: Sequence[Clip]) -> Judgement:
        """Transcribe clips with transcripts, by beam and by greedy search."""
        answers = self.transcribe([clip.samples for clip in examples])
        texts = texts_of(answers)
        statistics = speech_statistics(
            [clip.text for clip in examples], {"": texts, "greedy_": texts_of(answers, "greedy")}
        )
        errors = statistics.terms["cer"] / statistics.terms["characters"]
        scores = np.array([answer["scores"][0] for answer in answers])

        def row(index: int) -> dict[str, Any]:
            return {
                "input": examples[index].name,
                "truth": examples[index].text,
                "answer": texts[index],
                "cer": round(float(errors[index]), 4),
                "score": round(float(scores[index]), 4),
            }

        rows = worst(row, errors, scores)
        judgement = Judgement(statistics, rows, len(examples), "cer, the highest first", answers)
        return judgement.noting(notes_of(self.unknown(examples)))

    def transcribe(
        self, waveforms: Sequence[np.ndarray], signature: str = "transcribe"
    ) -> list[Arrays]:
        """What a signature returns for each waveform, see `transcribe_all`."""
        return transcribe_all(functools.partial(self.served, signature), waveforms)

    def probabilities(self, waveform: np.ndarray) -> dict[str, Any]:
        """`probabilities` (steps, symbols) of a waveform, `symbols` and `seconds_per_step`."""
        (samples,) = _as_floats([waveform])
        answer = self.served(
            "log_probabilities", waveforms=samples[None], lengths=np.array([len(samples)])
        )
        return {
            "probabilities": np.exp(answer["log_probabilities"][0]),
            "symbols": [symbol.decode() for symbol in answer["symbols"]],
            "seconds_per_step": float(answer["seconds_per_step"]),
        }

    def _read(self, path: Path | str) -> tuple[str, np.ndarray]:
        samples, _ = read_audio(Path(path), self.sampling_rate)
        if is_silent(samples):
            note(f"{path}: is silent; its transcript is meaningless.")
        return str(path), samples

    def _answers(
        self, recordings: Sequence[tuple[str, np.ndarray]], options: Predict
    ) -> Iterator[dict[str, Any]]:
        greedy = options.search == "greedy"
        waveforms = [samples for _, samples in recordings]
        rows = self.transcribe(waveforms, "greedy" if greedy else "transcribe")
        for (path, samples), row in zip(recordings, rows, strict=True):
            scores = np.atleast_1d(row["scores"])
            answer = {
                "path": path,
                "seconds": round(len(samples) / self.sampling_rate, 3),
                "text": bytes(row["texts"]).decode(),
                "score": round(float(scores[0]), 4),
            }
            if not greedy:
                hypotheses = zip(row["hypotheses"], scores, strict=True)
                answer["hypotheses"] = [text.decode() for text, p in hypotheses if np.isfinite(p)]
            if options.times:
                answer["letters"] = [
                    [letter, round(start, 3), round(end, 3)]
                    for letter, start, end in timed_letters(row)
                ]
            yield answer


def transcribe_all(run: Callable[..., Any], waveforms: Sequence[np.ndarray]) -> list[Arrays]:
    """What a signature returns for each waveform; those of like length go together.

    Args:
        run: Of a `Transcriber` or of a SavedModel.
        waveforms: Samples at the rate of the model, int16 or floats from -1 to 1.
    """

    def batch(members: list[np.ndarray]) -> Iterator[Arrays]:
        lengths = np.array([len(samples) for samples in members], "int32")
        answer = run(waveforms=pad(_as_floats(members), 0.0), lengths=lengths)
        return rows_of({name: np.asarray(values) for name, values in answer.items()})

    return by_length(waveforms, batch, budget=_BUDGET)


def _as_floats(waveforms: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [
        from_int16(samples) if samples.dtype == np.int16 else samples.astype("float32")
        for samples in waveforms
    ]


def texts_of(answers: Sequence[Arrays], name: str = "texts") -> list[str]:
    """The texts among what `transcribe_all` returns."""
    return [bytes(answer[name]).decode() for answer in answers]


def timed_letters(answer: Arrays) -> list[tuple[str, float, float]]:
    """Each letter of an answer with when it begins and ends, in seconds."""
    rows = zip(answer["letters"], answer["starts"], answer["ends"], strict=True)
    return [(letter.decode(), float(start), float(end)) for letter, start, end in rows if letter]
