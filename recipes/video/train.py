"""Training of classifiers of clips and of frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from recipes.kit.calibration import Calibration, calibrate_classes
from recipes.kit.data.batches import (
    Example,
    class_weights,
    padded_batches,
    shuffled_batches,
    steps,
)
from recipes.kit.errors import UserError
from recipes.kit.fit import fit
from recipes.kit.recipe import History, Run
from recipes.video.clips import Clip
from recipes.video.data import Data
from recipes.video.options import Config

_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)


def example_of(clip: Clip, generator: np.random.Generator | None = None) -> Example:
    """A clip as the model takes it; with a generator, its frames in a random order."""
    order = np.arange(len(clip)) if generator is None else generator.permutation(len(clip))
    return {
        "frames": clip.frames[order].astype("float32") / 255,
        "lengths": np.array(len(clip), "int32"),
    }


class _Examples(Sequence[Example]):
    """Clips, of which one at a time is turned into floats; shuffled once where asked for."""

    def __init__(self, clips: Sequence[Clip], seed: tuple[int, ...] | None) -> None:
        self._clips, self._seed = clips, seed

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: Any) -> Any:
        seed = self._seed
        generator = None if seed is None else np.random.default_rng((*seed, int(index)))
        return example_of(self._clips[index], generator)


class Training:
    """Batches to train on, and how good a model is on those to validate on.

    Args:
        run: The run.
        model: Of `zoo.video_classifier`.
        shuffled: Whether the frames of each clip are in a random order.
    """

    def __init__(
        self, run: Run[Config, Data], model: keras.Model, *, shuffled: bool = False
    ) -> None:
        config, data = run.config, run.data
        self._run, self._model, self._shuffled = run, model, shuffled
        self._ids = {label: index for index, label in enumerate(data.labels)}
        valid = [clip for clip in data.valid if {*clip.labels} <= {*self._ids}]
        if not valid:
            raise UserError("None of the validation clips has a class that occurs in training.")
        self._targets = [self._target(clip) for clip in data.train]
        self._weights = class_weights(config, self._targets, len(self._ids))
        self._valid = padded_batches(
            _Examples(valid, (config.seed, 1) if shuffled else None),
            [self._target(clip) for clip in valid],
            config.batch_size,
        )

    def _target(self, clip: Clip) -> np.ndarray:
        ids = np.array([self._ids[label] for label in clip.labels], "int32")
        return ids if self._run.config.labels == "frame" else ids[0]

    def descend(self, name: str = "model") -> History:
        """Train the model; it is left with the weights of its best epoch."""
        run, config = self._run, self._run.config

        def batches(epoch: int) -> Any:
            seed = (config.seed, 2, epoch) if self._shuffled else None
            examples = _Examples(run.data.train, seed)
            return shuffled_batches(config, examples, self._targets, weights=self._weights)(epoch)

        return fit(
            run,
            self._model,
            batches=batches,
            steps=steps(len(self._targets), config.batch_size),
            loss=_LOSS,
            validate=self._validate,
            name=name,
        )

    def _validate(self) -> dict[str, float]:
        nats, right, count = 0.0, 0, 0
        for inputs, truth in self._valid:
            logits, truth = self._model.predict_on_batch(inputs), truth.numpy()
            known = truth >= 0
            nats += float(_LOSS(truth[known], logits[known])) * int(known.sum())
            right += int((logits.argmax(axis=-1) == truth)[known].sum())
            count += int(known.sum())
        return {"val_loss": nats / count, f"val_{self._run.data.accuracy}": right / count}

    def calibrate(self) -> Calibration:
        """The temperature that suits the validation part."""
        if self._run.config.labels == "clip":
            return calibrate_classes("clips", self._model, self._valid)
        pairs = [(self._model.predict_on_batch(x), y.numpy()) for x, y in self._valid]
        flat = [(logits[y >= 0], y[y >= 0]) for logits, y in pairs]
        return calibrate_classes("frames", _Known(), flat)


class _Known:
    """A model whose answers are its inputs."""

    def predict_on_batch(self, logits: np.ndarray) -> np.ndarray:
        return logits
