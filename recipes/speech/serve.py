"""An acoustic model as it is served: waveforms in, text out, all between inside the graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import zoo
from custom_layers import ctc_alignment
from recipes.kit.data.batches import pad
from recipes.kit.export import Endpoint, load_saved_model

#: Samples transcribed at once, padding counted: what a minute and a half has at 16 kHz.
_CHUNK = 1_500_000

_SOUND = (
    tf.TensorSpec([None, None], tf.float32, name="waveforms"),
    tf.TensorSpec([None], tf.int32, name="lengths"),
)


class Transcriber:
    """An acoustic model between waveforms and texts."""

    def __init__(
        self,
        model: keras.Model,
        symbols: Sequence[str],
        *,
        sampling_rate: int,
        seconds_per_step: float,
        beam_size: int,
    ) -> None:
        self._decoder = zoo.frame_decoder(model)
        self._symbols = ["", *symbols]
        self._sampling_rate = sampling_rate
        self._seconds_per_step = seconds_per_step
        self._beam_size = beam_size
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
        labels, scores = zoo.ctc_beam_search(frames, beam_size=self._beam_size)
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
        says = tf.cast(path[:, None, :] == number[:, None], tf.int32)
        first = tf.argmax(says, axis=-1, output_type=tf.int32)
        last = first + tf.reduce_sum(says, axis=-1)
        letters = tf.gather(tf.constant(self._symbols), labels)
        times = {"starts": first, "ends": last}
        spoken = labels > 0
        return {
            "letters": letters,
            **{
                name: tf.where(spoken, self._seconds_per_step * tf.cast(step, tf.float32), 0.0)
                for name, step in times.items()
            },
        }


def transcribe_all(transcribe: Any, waveforms: Sequence[np.ndarray]) -> list[dict[str, Any]]:
    """What a signature returns for each waveform; those of like length go together.

    Args:
        transcribe: Of `Transcriber`, or of a SavedModel.
        waveforms: Samples from -1 to 1, at the rate of the model.
    """
    order = sorted(range(len(waveforms)), key=lambda index: len(waveforms[index]), reverse=True)
    found: dict[int, dict[str, Any]] = {}
    while order:
        # The first is the longest, so all are padded to its length.
        count = max(1, _CHUNK // max(1, len(waveforms[order[0]])))
        rows, order = order[:count], order[count:]
        batch = pad([np.asarray(waveforms[row], "float32") for row in rows], 0.0)
        lengths = np.array([len(waveforms[row]) for row in rows], "int32")
        answer = transcribe(waveforms=tf.constant(batch), lengths=tf.constant(lengths))
        arrays = {name: values.numpy() for name, values in answer.items()}
        for index, row in enumerate(rows):
            found[row] = {name: values[index] for name, values in arrays.items() if values.ndim}
    return [found[row] for row in range(len(waveforms))]


def texts_of(answers: Sequence[dict[str, Any]], name: str = "texts") -> list[str]:
    """The texts among what `transcribe_all` returns."""
    return [answer[name].decode() for answer in answers]


def timed_letters(answer: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Each letter of an answer with when it begins and ends, in seconds."""
    rows = zip(answer["letters"], answer["starts"], answer["ends"], strict=True)
    return [(letter.decode(), float(start), float(end)) for letter, start, end in rows if letter]


class SavedTranscriber:
    """An exported acoustic model, by its SavedModel alone."""

    def __init__(self, path: Path) -> None:
        signatures = load_saved_model(path).signatures
        self.transcribe, self.greedy = signatures["transcribe"], signatures["greedy"]
        self._log_probabilities = signatures["log_probabilities"]

    def answer(self, samples: np.ndarray, *, greedy: bool, times: bool) -> dict[str, Any]:
        """The `text` of one waveform and its `score`, with a beam the other `hypotheses`, and where
        asked for `letters`, each with its beginning and end in seconds."""
        (found,) = transcribe_all(self.greedy if greedy else self.transcribe, [samples])
        scores = np.atleast_1d(found["scores"])
        one: dict[str, Any] = {
            "text": found["texts"].decode(),
            "score": round(float(scores[0]), 4),
        }
        if not greedy:
            hypotheses = zip(found["hypotheses"], scores, strict=True)
            one["hypotheses"] = [text.decode() for text, p in hypotheses if np.isfinite(p)]
        if times:
            one["letters"] = [
                [letter, round(start, 3), round(end, 3)]
                for letter, start, end in timed_letters(found)
            ]
        return one

    def probabilities(self, samples: np.ndarray) -> dict[str, Any]:
        """Of one waveform `probabilities` (steps, symbols), `symbols` and `seconds_per_step`."""
        answer = self._log_probabilities(
            waveforms=tf.constant(samples[None], tf.float32),
            lengths=tf.constant([len(samples)], tf.int32),
        )
        return {
            "probabilities": np.exp(answer["log_probabilities"].numpy()[0]),
            "symbols": [symbol.decode() for symbol in answer["symbols"].numpy()],
            "seconds_per_step": float(answer["seconds_per_step"].numpy()),
        }
