"""The trials of a search for people to read: as a file, on the screen, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras_tuner
from rich.table import Table

from recipes.kit import plots
from recipes.kit.console import console
from recipes.kit.objective import Objective
from recipes.kit.output import PLOTS, write_rows
from recipes.kit.recipe import Row

TRIALS = "trials.csv"

#: Columns on the screen, where a search has them, and their titles.
_TITLES = {
    "depth": "depth",
    "bidirectional": "direction",
    "global_clipnorm": "clip",
    "cell": "cell",
    "units": "units",
    "connection": "connection",
    "layer": "layer",
}

#: Columns that are not options.
_MEASURED = ("trial", "status", "objective", "val_loss", "parameters", "seconds", "reason")


def rows_of(oracle: keras_tuner.Oracle) -> list[Row]:
    """The trials so far, in the order they were made."""
    names = [name for name in oracle.hyperparameters.values if name != "clip"]
    return [_row(trial, names) for _, trial in sorted(oracle.trials.items())]


def best_of(rows: Sequence[Row], objective: Objective) -> Row | None:
    """The best trial among those that have a score; the validation loss breaks ties."""
    scored = [row for row in rows if row["objective"] is not None]
    return max(
        scored,
        key=lambda row: objective.rank(
            {"val_loss": row["val_loss"], objective.name: row["objective"]}
        ),
        default=None,
    )


def _row(trial: Any, names: list[str]) -> Row:
    values = dict(trial.hyperparameters.values)
    if values.get("clip") == "none":
        values["global_clipnorm"] = None
    measured = {
        name: trial.metrics.get_best_value(name) if trial.metrics.exists(name) else None
        for name in ("val_loss", "parameters", "seconds")
    }
    return {
        "trial": trial.trial_id,
        "status": str(trial.status).lower(),
        "objective": trial.score,
        **{name: values.get(name) for name in names},
        **measured,
        "reason": trial.message or "",
    }


def report_trials(oracle: keras_tuner.Oracle, objective: Objective, folder: Path) -> None:
    """Write `trials.csv` and the picture of the trials so far, and show them."""
    rows = rows_of(oracle)
    if not rows:
        return
    write_rows(folder / TRIALS, rows)
    console.print(_table(rows, objective))
    scored = [row for row in rows if row["objective"] is not None]
    if scored:
        _draw(scored, oracle.hyperparameters, objective, folder / PLOTS / "trials.png")


def _draw(
    rows: list[Row], hp: keras_tuner.HyperParameters, objective: Objective, path: Path
) -> None:
    if "clip" in hp.values:
        plots.trials(rows, objective.name, objective.mode, path)
    else:
        scales = {p.name: getattr(p, "sampling", None) or "linear" for p in hp.space}
        plots.trials_by(scales, rows, objective.name, objective.mode, path)


def _table(rows: list[Row], objective: Objective) -> Table:
    options = [name for name in rows[0] if name not in _MEASURED]
    if "global_clipnorm" in options:
        titles = {name: title for name, title in _TITLES.items() if name in options}
    else:  # without gradient descent, there are few options
        titles = {name: name for name in options}
    titles = {"objective": objective.name, **titles, "seconds": "s"}
    table = Table("trial", *titles.values(), "status", title="trials", title_justify="left")
    best = best_of(rows, objective)
    for row in rows:
        table.add_row(
            row["trial"],
            *(_cell(name, row.get(name)) for name in titles),
            row["status"] + (f": {row['reason']}" if row["reason"] else ""),
            style="bold" if row is best else None,
        )
    return table


def _cell(name: str, value: Any) -> str:
    if name == "bidirectional":
        return "both" if value else "forward"
    if name == "global_clipnorm" and value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
