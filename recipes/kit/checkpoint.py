"""The state of a training on disk, from which an interrupted one goes on."""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from recipes.kit.errors import UserError
from recipes.kit.options import FitConfig
from recipes.kit.output import STATE


@dataclass
class FitState:
    """Where a training stands after an epoch; with the arrays beside it, all there is to know."""

    epoch: int = 0
    best: float | None = None
    best_loss: float | None = None
    best_epoch: int = 0
    wait: int = 0
    rate_scale: float = 1.0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def finished(self, config: FitConfig) -> bool:
        """Whether there is nothing left to do."""
        return (
            self.epoch >= config.epochs
            or self.wait >= config.patience
            or self.seconds >= config.most_seconds
        )


class Checkpoint:
    """The state of a training on disk: one JSON that names the arrays, replaced in one move."""

    def __init__(self, folder: Path, model: keras.Model) -> None:
        self.folder = folder
        self.model = model

    @property
    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def exists(self) -> bool:
        return (self.folder / STATE).exists()

    def save(self, state: FitState, best_weights: list[np.ndarray], improved: bool) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        current = f"epoch-{state.epoch}.npz"
        self._write(current, [keras.ops.convert_to_numpy(v) for v in self._variables])
        best = f"best-{state.best_epoch}.npz"
        if improved:
            self._write(best, best_weights)
        temporary = self.folder / f"{STATE}.new"
        temporary.write_text(json.dumps(dataclasses.asdict(state)), encoding="utf-8")
        os.replace(temporary, self.folder / STATE)
        for old in self.folder.glob("*.npz"):
            if old.name not in (current, best):
                old.unlink()

    def restore(self) -> tuple[FitState, list[np.ndarray]]:
        try:
            text = (self.folder / STATE).read_text(encoding="utf-8")
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
