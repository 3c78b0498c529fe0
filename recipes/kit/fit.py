"""Training by gradient descent, an epoch at a time, in a way that can be interrupted and resumed.

The state of a training is everything the next epoch depends on: weights, optimizer, dropout seeds,
the best epoch so far, the learning rate, the time taken. It is written after every epoch; batches
and shuffling depend on (seed, epoch) alone. So a resumed run goes through the same epochs as one
that was never interrupted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
from rich.progress import Progress, TaskID

from recipes.kit.checkpoint import Checkpoint, FitState
from recipes.kit.console import progress_bar, say
from recipes.kit.errors import UserError
from recipes.kit.interrupt import DeferredInterrupt
from recipes.kit.objective import Objective
from recipes.kit.optimizer import make_optimizer
from recipes.kit.options import FitConfig
from recipes.kit.output import CHECKPOINTS
from recipes.kit.recipe import History, Run

#: With `schedule="plateau"`, the rate is halved after this many epochs without improvement.
PLATEAU_EPOCHS = 2


def fit(
    run: Run[Any, Any],
    model: keras.Model,
    *,
    batches: Callable[[int], Iterable[Any]],
    steps: int,
    loss: keras.losses.Loss,
    validate: Callable[[], Mapping[str, float]],
    name: str = "model",
) -> History:
    """Train a model; leave it with the weights of its best epoch.

    Args:
        run: How to train (its config is a `FitConfig`), by which figure of `validate` to choose
            (the objective of its data), and the folder where the state is kept after each epoch
            and found again.
        model: Built and not compiled; its weights are trained in place.
        batches: From the number of an epoch (0 first) to its batches `(inputs, targets)`.
        steps: Batches per epoch.
        loss: Loss to minimise; the model's own regularisation is added.
        validate: Called after each epoch; returns what to log: the objective, by which the best
            epoch is chosen, and `val_loss`, which breaks ties.
        name: Name of this training within the run.

    Returns:
        A row of figures for each epoch, the first first.

    Raises:
        UserError: If the loss stops being a number.
    """
    config, title, objective = run.config, run.title, run.data.objective
    optimizer = make_optimizer(config, steps * config.epochs)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=config.jit_compile)
    model.optimizer.build(model.trainable_variables)
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    checkpoint = Checkpoint(run.folder / CHECKPOINTS / name, model)
    state, best_weights = FitState(), model.get_weights()
    if checkpoint.exists():
        state, best_weights = checkpoint.restore()
        if not state.finished(config):
            say(f"{title}: resuming after epoch {state.epoch}")
    curves = _Curves(run.folder / "tensorboard" / name) if config.tensorboard else None

    with progress_bar() as bar, DeferredInterrupt() as interrupt:
        while not state.finished(config):
            if config.schedule != "cosine":
                optimizer.learning_rate = config.learning_rate * state.rate_scale
            rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
            started = time.perf_counter()
            task = bar.add_task(
                f"{title} {state.epoch + 1}/{config.epochs}", total=steps, status=""
            )
            watch = _Watch(bar, task, interrupt, started + config.most_seconds - state.seconds)
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
                raise UserError(_divergence(config, state.epoch, watch.diverged_at))
            figures = {"loss": logs["loss"][0], **validate()}
            improved = _keep_score(state, figures, objective)
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
            state.seconds += time.perf_counter() - started
            if watch.late and watch.done < steps:
                say(f"{title}: the time was over after step {watch.done} of {steps}")
            say(_line(title, config.epochs, row, improved))
            if curves:
                curves.write(row)
            checkpoint.save(state, best_weights, improved)
            interrupt.check()

    model.set_weights(best_weights)
    stopped = f", stopped after {state.epoch}" if state.epoch < config.epochs else ""
    if stopped and state.seconds >= config.most_seconds:
        stopped += f" by --time-limit {config.time_limit}"
    say(f"{title}: best epoch {state.best_epoch} ({objective.name} {state.best:.4f}){stopped}")
    return History(state.history)


def _keep_score(state: FitState, figures: Mapping[str, float], objective: Objective) -> bool:
    """Note the figures of an epoch; whether they are the best so far.

    A lower loss at the same score is better, too. Patience starts anew for it only where the score
    is at its worst: one that rests at its best has nothing more to learn.
    """
    rank, best = objective.rank(figures), None
    if state.best is not None:
        best = objective.rank({objective.name: state.best, "val_loss": state.best_loss})
    better = best is None or rank > best
    progress = best is None or rank[0] > best[0] or (better and objective.is_worst(figures))
    if better:
        state.best, state.best_loss = figures[objective.name], figures["val_loss"]
        state.best_epoch = state.epoch + 1
    state.wait = 0 if progress else state.wait + 1
    return better


class _Watch(keras.callbacks.Callback):
    """Moves the bar, and stops at Ctrl-C, at the first loss that is not a number, and when the time
    is over."""

    def __init__(
        self, bar: Progress, task: TaskID, interrupt: DeferredInterrupt, deadline: float
    ) -> None:
        super().__init__()
        self.bar, self.task, self.interrupt, self.deadline = bar, task, interrupt, deadline
        self.done, self.late = 0, False
        self.diverged_at: int | None = None

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self.done = batch + 1
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            self.diverged_at = self.done
            self.model.stop_training = True
        if time.perf_counter() >= self.deadline:
            self.late = self.model.stop_training = True
        self.bar.update(self.task, advance=1, status=f"loss {loss:.4f}")
        self.interrupt.check()


def _divergence(config: FitConfig, epoch: int, step: int | None) -> str:
    where = f"epoch {epoch + 1}" + (f", step {step}" if step else "")
    remedy = f"Lower --learning-rate (now {config.learning_rate:g})"
    if not config.clipping:
        remedy += " or clip the gradient with --global-clipnorm 1"
    return (
        f"Training diverged: the loss or its gradient became NaN or infinite in {where}. "
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


class _Curves:
    """The figures of each epoch for TensorBoard."""

    def __init__(self, folder: Path) -> None:
        from tensorboard.summary import Writer

        self._writer = Writer(str(folder))

    def write(self, row: Mapping[str, float]) -> None:
        for name, value in row.items():
            self._writer.add_scalar(name, float(value), int(row["epoch"]))
        self._writer.flush()
