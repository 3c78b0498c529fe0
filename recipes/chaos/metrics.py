"""How far forecasts of a series hold, and how much of its past a network keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from recipes.chaos.series import Examples, Part, Scoring
from recipes.kit.errors import UserError
from recipes.kit.recipe import Metrics


class Forecaster(Protocol):
    """Anything that can be scored, in the data's own units."""

    def predictions(self, inputs: np.ndarray) -> np.ndarray:
        """The answer `(time, targets)` at every step of `(time, features)`."""

    def runs(self, inputs: np.ndarray, starts: np.ndarray, steps: int) -> np.ndarray:
        """Free runs `(starts, steps, features)`, each from the step after its start on; the inputs
        up to the start are known."""


@dataclass(frozen=True)
class Answers:
    """A forecaster's answers on a part beside the truth; all without the lead.

    Attributes:
        truth: True answers, `(time, targets)`.
        predictions: What was predicted, `(time, targets)`.
        starts: Steps of the part after which free runs begin; empty where there are none.
        true_runs: How the series went on, `(starts, steps, features)`.
        runs: The forecasts of it, of the same shape.
    """

    truth: np.ndarray
    predictions: np.ndarray
    starts: np.ndarray
    true_runs: np.ndarray
    runs: np.ndarray


def answers_of(forecaster: Forecaster, examples: Examples) -> Answers:
    """Let a forecaster answer on a part.

    Raises:
        UserError: If the part is too short for the free runs.
    """
    part, scoring = examples
    predictions = forecaster.predictions(part.inputs)[part.lead :]
    truth = part.targets[part.lead :]
    if not scoring.continues:
        none = np.zeros((0, 0, truth.shape[1]))
        return Answers(truth, predictions, np.zeros(0, int), none, none)
    steps, last = scoring.run_steps, len(part) - scoring.run_steps - 1
    if last < 0:
        raise UserError(
            f"A part of {len(part)} steps is too short for free runs of {steps}; give a smaller "
            "--run-steps, or a larger --held-out."
        )
    starts = np.unique(np.linspace(0, last, scoring.starts).round().astype(int))
    true_runs = np.stack([truth[start : start + steps] for start in starts])
    runs = forecaster.runs(part.inputs, part.lead + starts, steps)
    return Answers(truth, predictions, starts, true_runs, runs)


def scored(forecaster: Forecaster, examples: Examples) -> Metrics:
    """Metrics of a forecaster on a part."""
    return scores(answers_of(forecaster, examples), examples.scoring)


def scores(answers: Answers, scoring: Scoring) -> Metrics:
    """Metrics of answers.

    Returns:
        `nrmse`, of the predictions one step ahead: the root of the mean squared error over the
        variance of the part, averaged over the columns. Where free runs are scored also
        `nrmse_HORIZON`, the same of the errors exactly that many steps ahead, over all starts
        (Jaeger and Haas, 2004, with 84 steps), in which a single run that diverges outweighs all
        others; `median_error_HORIZON`, the median over the starts of the error there, as
        `valid_steps` measures it; `diverged_runs`, how many runs left the range of the data; and
        the mean of `valid_steps` over the starts, or `valid_time`, in Lyapunov times, where the
        exponent is known. With targets that are earlier inputs only `memory_capacity`, the sum of
        `recalled`.
    """
    variance = _variance(answers.truth)
    if scoring.memory:
        return {"memory_capacity": float(recalled(answers).sum())}
    metrics = {"nrmse": _nrmse(answers.truth, answers.predictions, variance)}
    if scoring.continues:
        at = scoring.horizon - 1
        metrics[f"nrmse_{scoring.horizon}"] = _nrmse(
            answers.true_runs[:, at], answers.runs[:, at], variance
        )
        error = _finite(run_errors(answers)[:, at])
        metrics[f"median_error_{scoring.horizon}"] = float(np.median(error))
        metrics["diverged_runs"] = float((~inside(answers.runs, answers.truth).all(axis=1)).sum())
        steps = float(valid_steps(answers, scoring.threshold).mean())
        if scoring.lyapunov is None:
            metrics["valid_steps"] = steps
        else:
            metrics["valid_time"] = steps * scoring.lyapunov
    return metrics


def valid_steps(answers: Answers, threshold: float) -> np.ndarray:
    """For each free run the steps before its error passes the threshold, at most its length."""
    wrong = ~(run_errors(answers) <= threshold)
    return np.where(wrong.any(axis=1), wrong.argmax(axis=1), wrong.shape[1])


def run_errors(answers: Answers) -> np.ndarray:
    """The error of each free run at each step, `(starts, steps)`; NaN or infinite where a run
    overflowed.

    It is the distance from the truth over the root mean square distance of the part from its mean,
    over all columns together (Pathak et al., 2018, who take 0.4 for the end of a valid forecast).
    """
    scale = np.sqrt(_variance(answers.truth).sum())
    with np.errstate(over="ignore", invalid="ignore"):
        return np.linalg.norm(answers.runs - answers.true_runs, axis=-1) / scale


def inside(values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Whether `values` (..., columns) are within the range of `truth`, widened on both sides by its
    width: beyond, a run is not on the attractor any more, but diverges."""
    low, high = truth.min(axis=0), truth.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    within: np.ndarray = ((values >= low - width) & (values <= high + width)).all(axis=-1)
    return within


def recalled(answers: Answers) -> np.ndarray:
    """For each target the squared correlation with what was predicted of it, 0 to 1."""
    truth = answers.truth - answers.truth.mean(axis=0)
    predicted = answers.predictions - answers.predictions.mean(axis=0)
    shared = (truth * predicted).sum(axis=0) ** 2
    size = (truth**2).sum(axis=0) * (predicted**2).sum(axis=0)
    return np.divide(shared, size, out=np.zeros_like(shared), where=size > 0)


def _nrmse(truth: np.ndarray, predicted: np.ndarray, variance: np.ndarray) -> float:
    error = _finite((predicted - truth) / np.sqrt(variance))
    return float(np.sqrt((error**2).mean()))


def _finite(error: np.ndarray) -> np.ndarray:
    """An error counts as 1,000 deviations at most, also where a run overflowed."""
    return np.clip(np.nan_to_num(error, nan=np.inf), -1000.0, 1000.0)


def _variance(values: np.ndarray) -> np.ndarray:
    """Variance of each column; 1 where a column is constant, so that errors stay finite."""
    variance = values.var(axis=0)
    return np.where(variance > 0, variance, 1.0)


class Persistence:
    """The last value, held; of a driven system, the mean of its outputs."""

    def __init__(self, train: Part, continues: bool) -> None:
        self.mean = None if continues else train.targets.mean(axis=0)

    def predictions(self, inputs: np.ndarray) -> np.ndarray:
        if self.mean is None:
            return inputs
        return np.broadcast_to(self.mean, (len(inputs), len(self.mean)))

    def runs(self, inputs: np.ndarray, starts: np.ndarray, steps: int) -> np.ndarray:
        return np.repeat(inputs[starts][:, None], steps, axis=1)


class LinearModel:
    """Least squares on the last inputs: a linear autoregression, or a finite impulse response."""

    def __init__(self, train: Part, lags: int) -> None:
        self.lags = min(lags, len(train.inputs) // 2)
        self.mean, deviation = train.inputs.mean(axis=0), train.inputs.std(axis=0)
        self.deviation = np.where(deviation > 0, deviation, 1.0)
        window = self._window(train.inputs)[self.lags :]
        self.weights = np.linalg.lstsq(window, train.targets[self.lags :], rcond=None)[0]

    def predictions(self, inputs: np.ndarray) -> np.ndarray:
        return self._window(inputs) @ self.weights

    def runs(self, inputs: np.ndarray, starts: np.ndarray, steps: int) -> np.ndarray:
        padded = np.concatenate([np.repeat(inputs[:1], self.lags, axis=0), inputs])
        windows = np.stack([padded[start + 1 : start + 1 + self.lags] for start in starts])
        run = []
        for _ in range(steps):
            flat = ((windows[:, ::-1] - self.mean) / self.deviation).reshape(len(starts), -1)
            following = np.concatenate([flat, np.ones((len(flat), 1))], axis=1) @ self.weights
            # A run that diverges is held there: it is wrong anyway.
            bound = 100 * self.deviation
            following = np.clip(following, self.mean - bound, self.mean + bound)
            windows = np.concatenate([windows[:, 1:], following[:, None]], axis=1)
            run.append(following)
        return np.stack(run, axis=1)

    def _window(self, inputs: np.ndarray) -> np.ndarray:
        """The last inputs of each step, the newest first, and a one. Before the first input it is
        repeated."""
        scaled = (inputs - self.mean) / self.deviation
        padded = np.concatenate([np.repeat(scaled[:1], self.lags - 1, axis=0), scaled])
        columns = [padded[self.lags - 1 - lag : len(padded) - lag] for lag in range(self.lags)]
        return np.concatenate([*columns, np.ones((len(inputs), 1))], axis=1)
