"""A classifier of clips as it is served: bytes of frames in, classes of clip and frames out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.calibration import Calibration, noted
from recipes.kit.data.batches import pad
from recipes.kit.errors import DataError, UserError
from recipes.kit.export import Endpoint
from recipes.kit.judge import Judgement
from recipes.kit.metrics import class_judgement
from recipes.kit.output import read_record, read_run_config
from recipes.kit.recipe import Field, Predictor
from recipes.kit.serving import Served, answer_each, by_length, rows_of
from recipes.kit.unknown import Unknown, notes_of
from recipes.video.clips import ANIMATED, VIDEOS, Clip, is_clip, read_frames
from recipes.video.data import RECORD
from recipes.video.formats import canvas_of
from recipes.video.metrics import pair_metrics
from recipes.video.options import Config

#: Frames in a batch that is classified at once, and files read for one.
_FRAMES, _FILES = 2048, 8


class VideoServer:
    """A model with the names of its classes, for frames of any size.

    Args:
        model: Of `zoo.video_classifier`.
        labels: Names of the classes.
        temperature: What the logits are divided by.
    """

    def __init__(self, model: keras.Model, labels: Sequence[str], temperature: float = 1.0) -> None:
        self._every_frame = len(model.output_shape) == 3
        self._model = model
        self._states = model if self._every_frame else zoo.video_states(model)
        self._labels, self._temperature = list(labels), temperature
        _, _, self._height, self._width, channels = model.input["frames"].shape
        self._specs = [
            tf.TensorSpec([None, None, None, None, channels], tf.uint8, name="frames"),
            tf.TensorSpec([None], tf.int32, name="lengths"),
        ]

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._model, self._states]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signatures of the exported model."""
        own = {} if self._every_frame else {"classify": (self._classify, self._specs)}
        return {**own, "frames": (self._frames, self._specs)}

    def _classify(self, frames: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        answer = self._answer(frames, lengths)
        return self._named(answer["logits"])

    def _frames(self, frames: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        answer = self._answer(frames, lengths)
        if self._every_frame:
            return self._named(answer)
        return self._named(zoo.running_logits(self._model, answer["states"]))

    def _answer(self, frames: tf.Tensor, lengths: tf.Tensor) -> Any:
        inputs = {"frames": self._resized(frames), "lengths": lengths}
        return self._states(inputs, training=False)

    def _resized(self, frames: tf.Tensor) -> tf.Tensor:
        """Fractions in the size of the model; those of that size are left as they are."""
        shape = tf.shape(frames)
        flat = tf.reshape(frames, tf.concat([[-1], shape[2:]], 0))
        size = (self._height, self._width)
        sized = tf.cond(
            tf.reduce_all(tf.equal(shape[2:4], size)),
            lambda: tf.cast(flat, tf.float32),
            lambda: tf.image.resize(flat, size, antialias=True),
        )
        whole = tf.round(sized) / 255.0
        return tf.reshape(whole, [shape[0], shape[1], *size, frames.shape[-1]])

    def _named(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        probabilities = tf.nn.softmax(logits / self._temperature)
        return {
            "label": tf.gather(tf.constant(self._labels), tf.argmax(probabilities, axis=-1)),
            "confidence": tf.reduce_max(probabilities, axis=-1),
            "probabilities": probabilities,
            "labels": tf.constant(self._labels),
        }


class _Read(NamedTuple):
    path: Path
    clip: Clip


class VideoPredictor(Predictor[Sequence[Clip]]):
    """An exported classifier, warm."""

    takes: ClassVar[Literal["texts", "files"]] = "files"
    suffixes: ClassVar[Sequence[str]] = (*ANIMATED, *VIDEOS)
    inputs: ClassVar[Sequence[Field]] = (
        Field("path", "text", "A GIF, WebP or video file: one clip."),
    )
    outputs: ClassVar[Sequence[Field]] = (
        Field("path", "text", "The file."),
        Field(
            "label",
            "label",
            "The class of the clip; with --labels frame the one that is likeliest on average.",
        ),
        Field("probabilities", "probabilities", "Of each class; of frames their mean."),
        Field("frames", "number", "How many frames were taken."),
        Field("fps", "number", "Frames a second, as taken; 0 where the file does not say."),
        Field(
            "running",
            "table",
            "For each frame `label` and `confidence`: of a classifier of clips what it says after "
            "that frame (with --bidirectional the states have read later frames, too).",
        ),
    )

    def __init__(self, folder: Path) -> None:
        record = read_record(folder / RECORD, ("labels", "shape", "opposites"))
        self.labels: list[str] = record["labels"]
        self.shape: tuple[int, ...] = tuple(record["shape"])
        self.opposites: dict[str, str] = record["opposites"]
        self.calibration = Calibration.read(record)
        self.config = read_run_config(Config, folder)
        self.served = Served(folder)

    def predict(self, inputs: Iterable[Path], options: Any = None) -> Iterator[dict[str, Any]]:
        """Classify clips; see `outputs` for what an answer holds."""
        return answer_each(inputs, self._read, self._answers, count=_FILES)

    def unknown(self, examples: Sequence[Clip]) -> Sequence[Unknown]:
        """Classes that the model does not have."""
        classes = Unknown.among(
            (clip.labels for clip in examples),
            self.labels,
            unit="clips",
            what="have classes unknown to the model",
            decides=""
            if self.config.labels == "frame"
            else "Folders, or the array of labels, name them.",
        )
        return (classes,)

    def judge(self, examples: Sequence[Clip]) -> Judgement:
        """Classify clips with known classes."""
        for clip in examples:
            if clip.frames.shape[1:] != self.shape:
                found = clip.frames.shape[1:]
                raise DataError(clip.name, f"expected frames {self.shape}, found {found}")
        if self.config.labels == "frame":
            judgement = self._judge_frames(examples)
        else:
            shares = self.probabilities(examples)
            truth = [clip.label for clip in examples]
            names = [clip.name for clip in examples]
            judgement = class_judgement("clips", names, truth, shares, self.labels)
            statistics = judgement.statistics
            groups = {group: n for n, group in enumerate(dict.fromkeys(c.group for c in examples))}
            if "" not in groups and len(groups) < len(examples):
                numbers = np.array([groups[clip.group] for clip in examples])
                statistics = statistics.grouped("groups", numbers)
            pairs = pair_metrics(truth, shares, self.labels, self.opposites)
            facts = {**judgement.facts, **({"pairs": pairs} if pairs else {})}
            judgement = dataclasses.replace(judgement, statistics=statistics, facts=facts)
        return noted(judgement.noting(notes_of(self.unknown(examples))), self.calibration)

    def _judge_frames(self, examples: Sequence[Clip]) -> Judgement:
        shares = self.running(examples)
        flat = np.concatenate(shares)
        truth = [label for clip in examples for label in clip.labels]
        names = [f"{clip.name}, frame {n}" for clip in examples for n in range(len(clip))]
        judgement = class_judgement("frames", names, truth, flat, self.labels)
        owner = np.repeat(np.arange(len(examples)), [len(clip) for clip in examples])
        return dataclasses.replace(
            judgement, statistics=judgement.statistics.grouped("clips", owner)
        )

    def probabilities(self, clips: Sequence[Clip]) -> np.ndarray:
        """(clips, classes)."""
        return np.stack([row["probabilities"] for row in self._run("classify", clips)])

    def running(self, clips: Sequence[Clip]) -> list[np.ndarray]:
        """Of each clip (frames, classes)."""
        rows = self._run("frames", clips)
        return [row["probabilities"][: len(clip)] for clip, row in zip(clips, rows, strict=True)]

    def _run(self, signature: str, clips: Sequence[Clip]) -> list[dict[str, Any]]:
        def run(batch: list[Clip]) -> Iterator[dict[str, Any]]:
            lengths = np.array([len(clip) for clip in batch], "int32")
            frames = pad([clip.frames for clip in batch], 0)
            arrays = self.served(signature, frames=frames, lengths=lengths)
            del arrays["labels"]
            return rows_of(arrays)

        return by_length(clips, run, budget=_FRAMES)

    def _read(self, path: Path) -> _Read:
        if not path.exists():
            raise UserError(f"{path}: no such file; expected a GIF, WebP or video file.")
        if not is_clip(path):
            raise DataError(path, f"expected a clip ({', '.join(self.suffixes)})")
        config = self.config
        height, width, channels = self.shape
        if height != width:
            raise DataError(path, f"expected frames {height} x {width}, which files do not become")
        canvas = dataclasses.replace(
            canvas_of(config), size=height, colour="rgb" if channels == 3 else "grey"
        )
        frames, fps = read_frames(path, canvas, config.every, config.max_frames)
        return _Read(path, Clip(frames, (), str(path), fps=fps))

    def _answers(self, batch: list[_Read]) -> Iterator[dict[str, Any]]:
        clips = [each.clip for each in batch]
        running = self.running(clips)
        if self.config.labels == "clip":
            shares = [*self.probabilities(clips)]
        else:
            shares = [each.mean(axis=0) for each in running]
        for (path, clip), share, frames in zip(batch, shares, running, strict=True):
            best = frames.argmax(axis=1)
            commonest = share.argmax()
            yield {
                "path": str(path),
                "label": self.labels[int(commonest)],
                "probabilities": {
                    label: round(float(p), 4) for label, p in zip(self.labels, share, strict=True)
                },
                "frames": len(clip),
                "fps": round(clip.fps, 3),
                "running": [
                    {"label": self.labels[i], "confidence": round(float(row[i]), 4)}
                    for i, row in zip(best, frames, strict=True)
                ],
            }
