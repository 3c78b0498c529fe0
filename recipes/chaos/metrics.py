"""How far forecasts of a series hold, and how much of its past a network keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from recipes.chaos.series import Examples, Scoring
from recipes.kit.errors import UserError
from recipes.kit.judge import Judgement, Statistics, Sums, ratio, worst
from recipes.kit.recipe import Metrics, Row

#: What the answers on a part are cut into, and how many they are where there are no free runs.
_UNIT, _STRETCHES = "stretches of the series", 50


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
    """Metrics of answers, see `statistics_of`."""
    return statistics_of(answers, scoring).values


def statistics_of(answers: Answers, scoring: Scoring) -> Statistics:
    """What the metrics of answers are computed from, stretch by stretch of the part: from the start
    of a free run to that of the next; of a driven system, fifty equal ones.

    Returns:
        The statistics of `nrmse`, of the predictions one step ahead: the root of the mean squared
        error over the variance of the part, averaged over the columns. Where free runs are scored
        also `nrmse_HORIZON`, the same of the errors exactly that many steps ahead, over all starts
        (Jaeger and Haas, 2004, with 84 steps), in which a single run that diverges outweighs all
        others; `median_error_HORIZON`, the median over the starts of the error there, as
        `valid_steps` measures it; `diverged_runs`, how many runs left the range of the data; and
        the mean of `valid_steps` over the starts, or `valid_time`, in Lyapunov times, where the
        exponent is known. With targets that are earlier inputs only `memory_capacity`, the sum of
        `recalled`.
    """
    if scoring.memory:
        moments = _stretches(_moments(answers), answers, scoring)
        return Statistics(_UNIT, {"moments": moments}, _capacity)
    squares = _squares(answers.predictions, answers.truth, answers)
    terms = {
        name: _stretches(values, answers, scoring)
        for name, values in (("nrmse", squares), ("steps", np.ones(len(squares))))
    }
    if not scoring.continues:
        return Statistics(_UNIT, terms, _one_step)
    at, lyapunov = scoring.horizon - 1, scoring.lyapunov
    ahead, median = f"nrmse_{scoring.horizon}", f"median_error_{scoring.horizon}"
    valid = "valid_steps" if lyapunov is None else "valid_time"
    error = _finite(run_errors(answers)[:, at])
    terms["runs"] = np.ones(len(error))
    terms[ahead] = _squares(answers.runs[:, at], answers.true_runs[:, at], answers)
    terms["diverged_runs"] = diverged(answers)
    terms[valid] = valid_steps(answers, scoring.threshold) * (lyapunov or 1)

    def metrics(sums: Sums) -> Metrics:
        return {
            **_one_step(sums),
            ahead: math.sqrt(ratio(sums[ahead], sums["runs"])),
            "diverged_runs": float(sums["diverged_runs"]),
            valid: ratio(sums[valid], sums["runs"]),
        }

    def weighted(counts: np.ndarray) -> Metrics:
        return {median: float(np.median(np.repeat(error, counts.astype(int))))}

    return Statistics(_UNIT, terms, metrics, weighted)


def judged(answers: Answers, scoring: Scoring) -> Judgement:
    """What is to be said of answers; the worst free runs, or the worst steps of a driven system."""
    statistics = statistics_of(answers, scoring)
    if not scoring.continues:
        errors = np.sqrt(_squares(answers.predictions, answers.truth, answers))

        def step(index: int) -> Row:
            return {
                "input": {"step": index},
                "truth": answers.truth[index].tolist(),
                "answer": answers.predictions[index].tolist(),
                "error": float(f"{errors[index]:.5g}"),
            }

        rows, order = worst(step, errors), "error, in standard deviations, the highest first"
        return Judgement(statistics, rows, len(errors), order, answers)

    at, lost = scoring.horizon - 1, diverged(answers)
    valid = valid_steps(answers, scoring.threshold)
    errors, name = _finite(run_errors(answers)[:, at]), f"error_{scoring.horizon}"

    def run(index: int) -> Row:
        return {
            "input": {"step": int(answers.starts[index])},
            "truth": answers.true_runs[index, at].tolist(),
            "answer": answers.runs[index, at].tolist(),
            "valid_steps": int(valid[index]),
            name: float(f"{errors[index]:.5g}"),
            "diverged": bool(lost[index]),
        }

    order = (
        f"valid_steps, the lowest first; `truth`, `answer` and `{name}` are those "
        f"{scoring.horizon} steps ahead"
    )
    notes = []
    if count := int(lost.sum()):
        notes.append(
            f"{count} of {len(lost)} free runs diverged: nrmse_{scoring.horizon} is a mean over "
            f"these too, median_error_{scoring.horizon} hardly depends on them."
        )
    return Judgement(
        statistics, worst(run, -valid, errors), len(lost), order, answers, tuple(notes)
    )


def _stretches(values: np.ndarray, answers: Answers, scoring: Scoring) -> np.ndarray:
    """The sums of the steps of each stretch."""
    bounds = answers.starts
    if not scoring.continues:
        bounds = np.unique(np.linspace(0, len(values), _STRETCHES, endpoint=False).astype(int))
    sums: np.ndarray = np.add.reduceat(values, bounds)
    return sums


def _one_step(sums: Sums) -> Metrics:
    return {"nrmse": math.sqrt(ratio(sums["nrmse"], sums["steps"]))}


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


def diverged(answers: Answers) -> np.ndarray:
    """Whether each free run left the range of the data, (starts,)."""
    return np.any(~inside(answers.runs, answers.truth), axis=1)


def recalled(answers: Answers) -> np.ndarray:
    """For each target the squared correlation with what was predicted of it, 0 to 1."""
    return _correlations(_moments(answers).sum(axis=0))


def _moments(answers: Answers) -> np.ndarray:
    """What each step adds to the correlations, `(time, 6, targets)`. Around the means, so that
    little is lost in the difference of large sums."""
    x = answers.truth - answers.truth.mean(axis=0)
    y = answers.predictions - answers.predictions.mean(axis=0)
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)


def _correlations(moments: np.ndarray) -> np.ndarray:
    count, x, y, xx, yy, xy = moments
    shared, size = (xy - x * y / count) ** 2, (xx - x * x / count) * (yy - y * y / count)
    return np.divide(shared, size, out=np.zeros_like(shared), where=size > 0)


def _capacity(sums: Sums) -> Metrics:
    return {"memory_capacity": float(_correlations(sums["moments"]).sum())}


def _squares(values: np.ndarray, truth: np.ndarray, answers: Answers) -> np.ndarray:
    """Squared errors over the variance of the part, averaged over the columns."""
    error = _finite((values - truth) / np.sqrt(_variance(answers.truth)))
    squares: np.ndarray = (error**2).mean(axis=-1)
    return squares


def _finite(error: np.ndarray) -> np.ndarray:
    """An error counts as 1,000 deviations at most, also where a run overflowed."""
    return np.clip(np.nan_to_num(error, nan=np.inf), -1000.0, 1000.0)


def _variance(values: np.ndarray) -> np.ndarray:
    """Variance of each column; 1 where a column is constant, so that errors stay finite."""
    variance = values.var(axis=0)
    return np.where(variance > 0, variance, 1.0)
