"""Search over a recipe's options with keras-tuner: the same build and training, another config."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Literal

import keras
import keras_tuner
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle
from rich.table import Table

from recipes.kit import plots
from recipes.kit.config_file import read_json, to_json
from recipes.kit.console import console
from recipes.kit.errors import UserError
from recipes.kit.options import RunConfig
from recipes.kit.output import CHECKPOINTS, run_record, write_json, write_rows
from recipes.kit.recipe import Recipe, Run
from recipes.kit.run import load_data, precision

TunerName = Literal["random", "bayesian", "hyperband"]

#: Marks a folder as that of a search, and says which.
SEARCH = "search.json"


def search(
    recipe: Recipe[Any, Any, Any],
    name: str,
    config: RunConfig,
    out: Path,
    *,
    trials: int,
    tuner: TunerName,
    resume: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Try configs of a recipe and keep the best.

    Writes `trials.csv`, `best_config.json` (for `train --config`) and a picture after every trial.

    Args:
        recipe: The recipe.
        name: Its name.
        config: What the trials change.
        out: Folder of the search.
        trials: Number of trials, those of an earlier, resumed search included.
        tuner: How the next trial is chosen. Hyperband trains many briefly and goes on with the
            best.
        resume: Go on with the search in `out`.
        overwrite: Discard the search in `out`.

    Returns:
        The best trial as a row of `trials.csv`.

    Raises:
        UserError: If `out` is not free, or no trial could be completed.
    """
    if trials < 1:
        raise UserError(f"--trials must be at least 1, not {trials}.")
    record = {**run_record(name, config), "tuner": tuner}
    _check(out, record, resume=resume, overwrite=overwrite)
    data = load_data(recipe, config)
    hp = keras_tuner.HyperParameters()
    recipe.space(hp, config)
    objective = keras_tuner.Objective(data.objective.name, data.objective.mode)
    oracle = _oracle(tuner, objective, hp, trials, config)
    if not resume:
        _make(out, record)
    with contextlib.redirect_stdout(sys.stderr):  # keras-tuner prints; stdout is for results.
        searcher = _Search(
            recipe, config, data, trials, oracle, directory=out, project_name="trials"
        )
        searcher.report()
        with searcher.mute:
            searcher.search()
    rows = searcher.rows()
    done = [row for row in rows if row["status"] == "completed"]
    if not done:
        raise UserError(
            f"None of {len(rows)} trials could be completed; {out / 'trials.csv'} says why."
        )
    return data.objective.best(done, key=lambda row: row["objective"])


def _check(out: Path, record: dict[str, Any], *, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that is not free for a search, or not that of the search to go on with."""
    if resume and overwrite:
        raise UserError("--resume and --overwrite exclude each other: go on, or start again.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not (out / SEARCH).is_file():
            raise UserError(f"--out {out}: holds something that is no search; give another folder.")
        if not (resume or overwrite):
            raise UserError(
                f"--out {out}: holds a search; --resume goes on with it, --overwrite discards it."
            )
    if not resume:
        return
    if not (out / SEARCH).is_file():
        raise UserError(f"--resume: there is no search in {out}.")
    before = read_json(out / SEARCH)
    for part in ("recipe", "tuner"):
        if before.get(part) != record[part]:
            raise UserError(f"--resume: {out} holds a search with {part} {before.get(part)!r}.")
    options = before.get("options", {})
    for option, value in record["options"].items():
        if options.get(option) != value:
            raise UserError(
                f"--resume: the search in {out} has --{option.replace('_', '-')} "
                f"{options.get(option)}, not {value}."
            )


def _make(out: Path, record: dict[str, Any]) -> None:
    """Make the folder of a new search."""
    try:
        if out.exists():
            shutil.rmtree(out)
        out.mkdir(parents=True)
        write_json(out / SEARCH, record)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written: {error.strerror}.") from None


def _oracle(
    tuner: TunerName,
    objective: keras_tuner.Objective,
    hp: keras_tuner.HyperParameters,
    trials: int,
    config: Any,
) -> keras_tuner.Oracle:
    common: dict[str, Any] = {
        "objective": objective,
        "hyperparameters": hp,
        "seed": config.seed,
        "max_consecutive_failed_trials": trials + 1,
    }
    if tuner == "random":
        return RandomSearchOracle(max_trials=trials, **common)
    if tuner == "bayesian":
        return BayesianOptimizationOracle(max_trials=trials, **common)
    if not hasattr(config, "epochs"):
        raise UserError(
            "--tuner hyperband goes on with trials that were trained briefly, and this recipe is "
            "not trained in epochs; expected random or bayesian."
        )
    oracle = HyperbandOracle(max_epochs=config.epochs, hyperband_iterations=trials, **common)
    oracle.max_trials = trials
    return oracle


class _Search(keras_tuner.Tuner):
    """A tuner whose trial is a recipe's build and train with another config."""

    def __init__(
        self, recipe: Any, config: Any, data: Any, trials: int, oracle: Any, **kwargs: Any
    ) -> None:
        self.recipe, self.config, self.data, self.trials = recipe, config, data, trials
        self.reasons: dict[str, str] = {}
        self.mute = contextlib.ExitStack()
        super().__init__(oracle=oracle, hypermodel=None, **kwargs)
        oracle.max_trials = trials
        oracle.verbose = 0

    def run_trial(self, trial: Any, *_: Any, **__: Any) -> dict[str, float]:
        """Build and train what the trial stands for; keras-tuner calls this."""
        try:
            return self._run(trial)
        except Exception as error:
            self.reasons[trial.trial_id] = " ".join(str(error).split()) or type(error).__name__
            # keras-tuner prints the traceback before it calls `on_trial_end`; the table has the
            # reason.
            self.mute.enter_context(contextlib.redirect_stderr(io.StringIO()))
            raise

    def _run(self, trial: Any) -> dict[str, float]:
        values = trial.hyperparameters.values
        started = time.perf_counter()
        config = self.config_of(trial)
        keras.utils.clear_session()
        keras.utils.set_random_seed(config.seed)
        folder = Path(self.get_trial_dir(trial.trial_id))
        if "tuner/trial_id" in values and not (folder / CHECKPOINTS).exists():
            # Hyperband: this trial goes on where a shorter one stopped.
            earlier = Path(self.get_trial_dir(values["tuner/trial_id"])) / CHECKPOINTS
            if earlier.exists():
                shutil.copytree(earlier, folder / CHECKPOINTS)
        title = f"trial {len(self.oracle.trials)}/{self.trials}"
        run = Run(config, self.data, folder, title)
        with precision(config):
            model = self.recipe.build(run)
            rows = self.recipe.train(run, model).rows
        name = self.data.objective.name
        return {
            name: self.data.objective.best(row[name] for row in rows),
            "parameters": model.count_params(),
            "seconds": round(time.perf_counter() - started, 1),
        }

    def config_of(self, trial: Any) -> Any:
        """The config a trial stands for."""
        config = self.recipe.space(trial.hyperparameters, self.config)
        epochs = trial.hyperparameters.values.get("tuner/epochs")
        return config if epochs is None else dataclasses.replace(config, epochs=int(epochs))

    def on_trial_end(self, trial: Any) -> None:
        """Keep the reason of a failure instead of its traceback."""
        self.mute.close()
        trial.message = self.reasons.get(trial.trial_id)
        super().on_trial_end(trial)
        self.report()

    def rows(self) -> list[dict[str, Any]]:
        """The trials, in the order they were made."""
        names = [name for name in self.oracle.hyperparameters.values if name != "clip"]
        rows = []
        for trial_id, trial in sorted(self.oracle.trials.items()):
            values = dict(trial.hyperparameters.values)
            if values.get("clip") == "none":
                values["global_clipnorm"] = None
            measured = {
                name: trial.metrics.get_best_value(name) if trial.metrics.exists(name) else None
                for name in ("parameters", "seconds")
            }
            rows.append(
                {
                    "trial": trial_id,
                    "status": str(trial.status).lower(),
                    "objective": trial.score,
                    **{name: values.get(name) for name in names},
                    **measured,
                    "reason": trial.message or "",
                }
            )
        return rows

    def report(self) -> None:
        """Write what is known so far, and show it."""
        rows = self.rows()
        if not rows:
            return
        folder = Path(self.directory)
        write_rows(folder / "trials.csv", rows)
        console.print(_table(rows, self.oracle.objective.name, self.data.objective.mode))
        done = [trial for trial in self.oracle.trials.values() if trial.score is not None]
        if done:
            best = self.data.objective.best(done, key=lambda trial: trial.score)
            whole = {"epochs": self.config.epochs} if hasattr(self.config, "epochs") else {}
            config = dataclasses.replace(self.config_of(best), **whole)
            record = {"recipe": read_json(folder / SEARCH)["recipe"], "options": to_json(config)}
            write_json(folder / "best_config.json", record)
            done = [row for row in rows if row["objective"] is not None]
            how = (
                self.oracle.objective.name,
                self.data.objective.mode,
                folder / "plots" / "trials.png",
            )
            if "clip" in self.oracle.hyperparameters.values:
                plots.trials(done, *how)
            else:
                parameters = self.oracle.hyperparameters.space
                scales = {p.name: getattr(p, "sampling", None) for p in parameters}
                plots.trials_by({p: s or "linear" for p, s in scales.items()}, done, *how)


def _table(rows: list[dict[str, Any]], objective: str, mode: str) -> Table:
    shown = {
        "objective": objective,
        "depth": "depth",
        "bidirectional": "direction",
        "global_clipnorm": "clip",
        "cell": "cell",
        "units": "units",
        "connection": "connection",
        "layer": "layer",
        "seconds": "s",
    }
    if "global_clipnorm" not in rows[0]:  # of a recipe without gradient descent all it searches
        own = list(rows[0])[list(rows[0]).index("objective") + 1 : -3]
        shown = {"objective": objective, **{name: name for name in own}, "seconds": "s"}
    shown = {name: title for name, title in shown.items() if any(name in row for row in rows)}
    table = Table("trial", *shown.values(), "status", title="trials", title_justify="left")
    found = [row["objective"] for row in rows if row["objective"] is not None]
    best = (max if mode == "max" else min)(found, default=None)
    for row in rows:
        direction = "both" if row.get("bidirectional") else "forward"
        clip = "none" if row.get("global_clipnorm") is None else row["global_clipnorm"]
        readable = {**row, "bidirectional": direction, "global_clipnorm": clip}
        table.add_row(
            row["trial"],
            *(_cell(readable.get(column)) for column in shown),
            row["status"] + (f": {row['reason']}" if row["reason"] else ""),
            style="bold" if best is not None and row["objective"] == best else None,
        )
    return table


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
