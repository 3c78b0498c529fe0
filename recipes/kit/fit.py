"""Training by gradient descent, an epoch at a time, in a way that can be interrupted and resumed.

The state of a training is everything the next epoch depends on: weights, optimizer, dropout seeds,
the best epoch so far, the learning rate. It is written after every epoch; batches and shuffling
depend on (seed, epoch) alone. So a resumed run goes through the same epochs as one that was never
interrupted.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from rich.progress import Progress, TaskID

from recipes.kit.console import progress_bar, say
from recipes.kit.errors import UserError
from recipes.kit.interrupt import DeferredInterrupt
from recipes.kit.optimizer import GradientReport, make_optimizer
from recipes.kit.options import FitConfig
from recipes.kit.output import CHECKPOINTS

#: With `schedule="plateau"`, the rate is halved after this many epochs without improvement.
PLATEAU_EPOCHS = 2


@dataclass
class FitState:
    """Where a training stands after an epoch; with the arrays beside it, all there is to know."""

    epoch: int = 0
    best: float | None = None
    best_epoch: int = 0
    wait: int = 0
    rate_scale: float = 1.0
    history: list[dict[str, float]] = field(default_factory=list)

    def finished(self, config: FitConfig) -> bool:
        """Whether there is nothing left to do."""
        return self.epoch >= config.epochs or self.wait >= config.patience


def fit(
    model: keras.Model,
    config: FitConfig,
    *,
    batches: Callable[[int], tf.data.Dataset],
    steps: int,
    loss: keras.losses.Loss,
    validate: Callable[[], Mapping[str, float]],
    monitor: str,
    mode: Literal["min", "max"],
    folder: Path | None = None,
    name: str = "model",
    title: str = "training",
) -> list[dict[str, float]]:
    """Train a model; leave it with the weights of its best epoch.

    Args:
        model: Built and not compiled; its weights are trained in place.
        config: How to train.
        batches: From the number of an epoch (0 first) to its batches `(inputs, targets)`.
        steps: Batches an epoch.
        loss: Loss to minimise; the model's own regularisation is added.
        validate: Called after each epoch; returns what to log and to choose the best epoch by.
        monitor: The name in `validate()` that decides.
        mode: Whether more or less of it is better.
        folder: The folder of the run, where the state is kept after each epoch and found again;
            None keeps none.
        name: Of this training within the run.
        title: What the progress bar says.

    Returns:
        A row of figures for each epoch, the first first.

    Raises:
        UserError: If the loss stops being a number.
    """
    optimizer = make_optimizer(config, steps * config.epochs)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=config.jit_compile)
    model.optimizer.build(model.trainable_variables)
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    checkpoint = _Checkpoint(folder / CHECKPOINTS / name, model) if folder else None
    state, best_weights = FitState(), None
    if checkpoint and checkpoint.exists():
        state, best_weights = checkpoint.restore()
        if not state.finished(config):
            say(f"{title}: going on after epoch {state.epoch}")
    curves = _tensorboard(folder / "tensorboard" / name) if folder and config.tensorboard else None

    with progress_bar() as bar, DeferredInterrupt() as interrupt:
        while not state.finished(config):
            if config.schedule != "cosine":
                optimizer.learning_rate = config.learning_rate * state.rate_scale
            rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
            started = time.perf_counter()
            task = bar.add_task(
                f"{title} {state.epoch + 1}/{config.epochs}", total=steps, status=""
            )
            watch = _Watch(bar, task, interrupt)
            logs = model.fit(
                batches(state.epoch),
                steps_per_epoch=steps,
                shuffle=False,
                verbose=0,
                callbacks=[watch],
            ).history
            bar.remove_task(task)
            report = optimizer.take_report()
            if watch.diverged_at is not None or not math.isfinite(report.mean_norm):
                raise UserError(_divergence(config, state.epoch, watch.diverged_at, report))
            figures = {"loss": logs["loss"][0], **validate()}
            improved = _keep_score(state, figures[monitor], mode)
            if improved:
                best_weights = model.get_weights()
            state.epoch += 1
            if config.schedule == "plateau" and state.wait and state.wait % PLATEAU_EPOCHS == 0:
                state.rate_scale /= 2
            row = {
                "epoch": state.epoch,
                **figures,
                "gradient_norm": report.mean_norm,
                "gradient_norm_max": report.max_norm,
                "clipped_fraction": report.clipped_fraction,
                "learning_rate": rate,
                "seconds": round(time.perf_counter() - started, 2),
            }
            state.history.append(row)
            say(_line(title, config.epochs, row, improved))
            if curves:
                _write_curves(curves, row)
            if checkpoint:
                checkpoint.save(state, best_weights, improved)
            interrupt.check()

    model.set_weights(best_weights)
    stopped = f", stopped after {state.epoch}" if state.epoch < config.epochs else ""
    say(f"{title}: best epoch {state.best_epoch} ({monitor} {state.best:.4f}){stopped}")
    return state.history


def write_history(history: list[dict[str, float]], path: Path) -> None:
    """Write the rows of `fit` as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)


def _keep_score(state: FitState, value: float, mode: str) -> bool:
    """Note the value of an epoch; whether it is the best so far."""
    if math.isnan(value):
        value = -math.inf if mode == "max" else math.inf
    better = state.best is None or (value > state.best if mode == "max" else value < state.best)
    if better:
        state.best, state.best_epoch, state.wait = value, state.epoch + 1, 0
    else:
        state.wait += 1
    return better


class _Watch(keras.callbacks.Callback):
    """Moves the bar, and stops at Ctrl-C and at the first loss that is not a number."""

    def __init__(self, bar: Progress, task: TaskID, interrupt: DeferredInterrupt) -> None:
        super().__init__()
        self.bar, self.task, self.interrupt = bar, task, interrupt
        self.diverged_at: int | None = None

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            self.diverged_at = batch + 1
            self.model.stop_training = True
        self.bar.update(self.task, advance=1, status=f"loss {loss:.4f}")
        self.interrupt.check()


def _divergence(config: FitConfig, epoch: int, step: int | None, report: GradientReport) -> str:
    where = f"epoch {epoch + 1}" + (f", step {step}" if step else "")
    remedy = f"Lower --learning-rate (now {config.learning_rate:g})"
    if not config.clipping:
        remedy += " or clip the gradient with --global-clipnorm 1"
    return (
        f"The loss or its gradient stopped being a number in {where}: the training diverged. "
        f"{remedy}, and start again with --overwrite."
    )


def _line(title: str, epochs: int, row: Mapping[str, float], improved: bool) -> str:
    figures = " ".join(
        f"{name} {value:.4f}"
        for name, value in row.items()
        if name not in ("epoch", "seconds", "learning_rate", "gradient_norm_max")
    )
    best = " (best)" if improved else ""
    return f"{title} {row['epoch']:.0f}/{epochs}: {figures} {row['seconds']:.1f} s{best}"


class _Checkpoint:
    """The state of a training on disk: one JSON that names the arrays, replaced in one move."""

    def __init__(self, folder: Path, model: keras.Model) -> None:
        self.folder = folder
        self.model = model

    @property
    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def exists(self) -> bool:
        return (self.folder / "state.json").exists()

    def save(self, state: FitState, best_weights: list[np.ndarray], improved: bool) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        current = f"epoch-{state.epoch}.npz"
        self._write(current, [keras.ops.convert_to_numpy(v) for v in self._variables])
        best = f"best-{state.best_epoch}.npz"
        if improved:
            self._write(best, best_weights)
        temporary = self.folder / "state.json.new"
        temporary.write_text(json.dumps(dataclasses.asdict(state)), encoding="utf-8")
        os.replace(temporary, self.folder / "state.json")
        for old in self.folder.glob("*.npz"):
            if old.name not in (current, best):
                old.unlink()

    def restore(self) -> tuple[FitState, list[np.ndarray]]:
        try:
            text = (self.folder / "state.json").read_text(encoding="utf-8")
            state = FitState(**json.loads(text))
            values = self._read(f"epoch-{state.epoch}.npz")
            best = self._read(f"best-{state.best_epoch}.npz")
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile):
            raise UserError(
                f"{self.folder}: the saved training is damaged; start again with --overwrite."
            ) from None
        variables = self._variables
        if [v.shape for v in values] != [tuple(v.shape) for v in variables]:
            raise UserError(
                f"{self.folder}: the saved training does not fit this model; "
                "the data or the code has changed since. Start again with --overwrite."
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return state, best

    def _write(self, name: str, arrays: list[np.ndarray]) -> None:
        temporary = self.folder / "new.npz.part"
        with temporary.open("wb") as file:
            np.savez(file, *arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.folder / name)

    def _read(self, name: str) -> list[np.ndarray]:
        with np.load(self.folder / name) as arrays:
            return [arrays[f"arr_{index}"] for index in range(len(arrays.files))]


def _tensorboard(folder: Path) -> tf.summary.SummaryWriter:
    return tf.summary.create_file_writer(str(folder))


def _write_curves(writer: tf.summary.SummaryWriter, row: Mapping[str, float]) -> None:
    with writer.as_default():
        for name, value in row.items():
            tf.summary.scalar(name, value, step=int(row["epoch"]))
    writer.flush()
