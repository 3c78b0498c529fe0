"""Forecasts and outputs without a network, to compare with."""

from __future__ import annotations

import numpy as np

from recipes.chaos.series import Part


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
