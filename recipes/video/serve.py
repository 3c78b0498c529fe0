"""A classifier of clips as it is served: bytes of frames in, classes of clip and frames out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from recipes.video.clips import ANIMATED, VIDEOS, Clip, is_clip
from recipes.video.data import RECORD
from recipes.video.decoding import Taking, read_frames
from recipes.video.metrics import frame_statistics, pair_metrics
from recipes.video.npz import read_npz
from recipes.video.options import Config
from recipes.video.pixels import Shape, fitted

#: Frames in a batch that is classified at once, and files read for one.
_FRAMES, _FILES = 2048, 8

_EXPECTED = "a folder of images, an animated image, a video or an .npz file"


class VideoServer:
    """A model with the names of its classes, for grey or RGB frames of any size.

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
        self._shape = model.input["frames"].shape[2:]
        self._specs = [
            tf.TensorSpec([None] * 5, tf.uint8, name="frames"),
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
        shape = tf.shape(frames)
        flat = fitted(tf.reshape(frames, tf.concat([[-1], shape[2:]], 0)), self._shape)
        whole = tf.reshape(flat, [shape[0], shape[1], *self._shape])
        inputs = {"frames": tf.cast(whole, tf.float32) / 255.0, "lengths": lengths}
        return self._states(inputs, training=False)

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
    clips: list[Clip]


class VideoPredictor(Predictor[Sequence[Clip]]):
    """An exported classifier, warm."""

    takes: ClassVar[Literal["texts", "files"]] = "files"
    suffixes: ClassVar[Sequence[str]] = (*ANIMATED, *VIDEOS, ".npz")
    inputs: ClassVar[Sequence[Field]] = (
        Field(
            "path",
            "text",
            "A clip: a GIF, WebP or video file, or a folder of images; or an .npz file of clips.",
        ),
    )
    outputs: ClassVar[Sequence[Field]] = (
        Field("path", "text", "The file or folder."),
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
        Field(
            "clips",
            "table",
            "Of an .npz file instead of these: for each clip `clip`, its number from 0, and these.",
        ),
    )

    def __init__(self, folder: Path) -> None:
        record = read_record(folder / RECORD, ("labels", "shape", "opposites"))
        self.labels: list[str] = record["labels"]
        height, width, channels = record["shape"]
        self.shape: Shape = (height, width, channels)
        self.opposites: dict[str, str] = record["opposites"]
        self.calibration = Calibration.read(record)
        self.config = read_run_config(Config, folder)
        self.served = Served(folder)

    @property
    def table_columns(self) -> Sequence[str]:
        """A row of the table for each clip."""
        return ("path", "clip", "label", "probabilities", "frames", "fps", "running")

    def table_rows(self, answer: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """A row for each clip of a file."""
        if "clips" not in answer:
            return [answer]
        return ({"path": answer["path"], **clip} for clip in answer["clips"])

    def is_input(self, folder: Path) -> bool:
        """A folder of images is one clip."""
        return is_clip(folder)

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
            else "Folders, a column of a table, or the array of labels name them.",
        )
        return (classes,)

    def judge(self, examples: Sequence[Clip]) -> Judgement:
        """Classify clips with known classes."""
        judge = self._judge_frames if self.config.labels == "frame" else self._judge_clips
        judgement = judge(examples)
        return noted(judgement.noting(notes_of(self.unknown(examples))), self.calibration)

    def _judge_clips(self, examples: Sequence[Clip]) -> Judgement:
        shares = self.probabilities(examples)
        truth, names = [clip.label for clip in examples], [clip.name for clip in examples]
        judgement = class_judgement("clips", names, truth, shares, self.labels)
        statistics = judgement.statistics
        groups = {group: n for n, group in enumerate(dict.fromkeys(c.group for c in examples))}
        if "" not in groups and len(groups) < len(examples):
            numbers = np.array([groups[clip.group] for clip in examples])
            statistics = statistics.grouped("groups", numbers)
        pairs = pair_metrics(truth, shares, self.labels, self.opposites)
        facts = {**judgement.facts, **({"pairs": pairs} if pairs else {})}
        return dataclasses.replace(judgement, statistics=statistics, facts=facts)

    def _judge_frames(self, examples: Sequence[Clip]) -> Judgement:
        shares = np.concatenate(self.running(examples))
        truth = [label for clip in examples for label in clip.labels]
        names = [f"{clip.name}, frame {n + 1}" for clip in examples for n in range(len(clip))]
        judgement = class_judgement("frames", names, truth, shares, self.labels)
        lengths = [len(clip) for clip in examples]
        statistics = frame_statistics(judgement.statistics, lengths)
        return dataclasses.replace(judgement, statistics=statistics)

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
            raise UserError(f"{path}: no such file or folder; expected {_EXPECTED}.")
        if path.suffix.lower() == ".npz":
            splits, _ = read_npz(path, self.config, shape=self.shape, labelled=False)
            every = [clip for clips in splits.values() for clip in clips]
            return _Read(path, sorted(every, key=lambda clip: int(clip.name)))
        if not is_clip(path):
            raise DataError(path, f"expected {_EXPECTED}")
        taken = read_frames(path, Taking.of(self.config, self.shape))
        return _Read(path, [Clip(taken.frames, (), str(path), fps=taken.fps)])

    def _answers(self, batch: list[_Read]) -> Iterator[dict[str, Any]]:
        clips = [clip for each in batch for clip in each.clips]
        answers = iter(self._answers_to(clips))
        for path, own in batch:
            each = [next(answers) for _ in own]
            if path.suffix.lower() == ".npz":
                named = zip(own, each, strict=True)
                yield {"path": str(path), "clips": [{"clip": c.name, **a} for c, a in named]}
            else:
                yield {"path": str(path), **each[0]}

    def _answers_to(self, clips: Sequence[Clip]) -> Iterator[dict[str, Any]]:
        running = self.running(clips)
        if self.config.labels == "clip":
            shares = [*self.probabilities(clips)]
        else:
            shares = [each.mean(axis=0) for each in running]
        for clip, share, frames in zip(clips, shares, running, strict=True):
            pairs = zip(self.labels, share, strict=True)
            best = zip(frames.argmax(axis=1), frames, strict=True)
            yield {
                "label": self.labels[int(share.argmax())],
                "probabilities": {label: round(float(p), 4) for label, p in pairs},
                "frames": len(clip),
                "fps": round(clip.fps, 3),
                "running": [
                    {"label": self.labels[i], "confidence": round(float(row[i]), 4)}
                    for i, row in best
                ],
            }
