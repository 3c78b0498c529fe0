"""Search over a recipe's options with keras-tuner: the same build and training, another config."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import shutil
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import keras
import keras_tuner
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle

from recipes.kit.amount import changed_by_hand
from recipes.kit.config_file import read_json, to_json
from recipes.kit.errors import UserError
from recipes.kit.models import precision
from recipes.kit.option import NoEffect, flag
from recipes.kit.options import FitConfig, RunConfig
from recipes.kit.output import CHECKPOINTS, run_record, write_json
from recipes.kit.recipe import Data, Recipe, Row, Run
from recipes.kit.run import load_data, suited_to
from recipes.kit.trials import TRIALS, best_of, report_trials, rows_of

TunerName = Literal["random", "bayesian", "hyperband"]

#: Marks a folder as that of a search, and says which.
SEARCH = "search.json"
BEST = "best_config.json"


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
    given: Collection[str] | None = None,
) -> Row:
    """Try configs of a recipe and keep the best.

    Writes `trials.csv`, `best_config.json` (for `train --config`) and a picture after every trial.

    Args:
        recipe: The recipe.
        name: Its name.
        config: What the trials change.
        out: Folder of the search.
        trials: Number of trials, at least 1; those of an earlier, resumed search included.
        tuner: How the next trial is chosen. Hyperband trains many briefly and goes on with the
            best.
        resume: Go on with the search in `out`.
        overwrite: Discard the search in `out`.
        given: As for `train_recipe`. A resumed search has those of its beginning.

    Returns:
        The best trial as a row of `trials.csv`.

    Raises:
        UserError: If `out` is not free, or no trial could be completed.
    """
    if config.seeds > 1:
        raise NoEffect("seeds", "in a search; train its best config with several")
    if config.from_ is not None:
        raise NoEffect("from_", "in a search, which tries models of other shapes")
    record = {**run_record(name, config), "tuner": tuner}
    _check(out, record, resume=resume, overwrite=overwrite)
    given = changed_by_hand(config) if given is None else given
    if resume:
        given = read_json(out / SEARCH).get("given", record["options"])
    data = load_data(recipe, config)
    config, _ = suited_to(recipe, config, data, given)
    hp = keras_tuner.HyperParameters()
    recipe.space(hp, config)
    objective = keras_tuner.Objective(data.objective.name, data.objective.mode)
    oracle = _oracle(tuner, objective, hp, trials, config)
    if not resume:
        _make(out, {**record, "given": sorted(given)})
    with contextlib.redirect_stdout(sys.stderr):  # keras-tuner prints; stdout is for results.
        searcher = _Search(
            recipe, config, data, trials, oracle, directory=out, project_name="trials"
        )
        searcher.report()
        with searcher.mute:
            searcher.search()
    rows = rows_of(oracle)
    best = best_of([row for row in rows if row["status"] == "completed"], data.objective)
    if best is None:
        raise UserError(f"None of {len(rows)} trials completed; {out / TRIALS} has the reasons.")
    return best


def _check(out: Path, record: dict[str, Any], *, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that is not free for a search, or not that of the search to go on with."""
    if resume and overwrite:
        raise UserError("--resume and --overwrite cannot be combined: continue, or start again.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not (out / SEARCH).is_file():
            raise UserError(f"--out {out}: contains something that is not a search; give another.")
        if not (resume or overwrite):
            raise UserError(
                f"--out {out}: contains a search; --resume continues it, --overwrite discards it."
            )
    if not resume:
        return
    if not (out / SEARCH).is_file():
        raise UserError(f"--resume: there is no search in {out}.")
    before = read_json(out / SEARCH)
    for part, shown in (("recipe", "the recipe"), ("tuner", "--tuner")):
        if before.get(part) != record[part]:
            raise UserError(
                f"--resume: the search in {out} has {shown} {before.get(part)}, not {record[part]}."
            )
    options = before.get("options", {})
    for option, value in record["options"].items():
        if options.get(option) != value:
            raise UserError(
                f"--resume: the search in {out} has {flag(option)} {options.get(option)}, not "
                f"{value}."
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
    config: RunConfig,
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
    if not isinstance(config, FitConfig) or "epochs" in config.idle:
        raise UserError(
            "--tuner hyperband extends trials that were trained for few epochs, but this model is "
            "not trained in epochs; expected random or bayesian."
        )
    oracle = HyperbandOracle(max_epochs=config.epochs, hyperband_iterations=trials, **common)
    oracle.max_trials = trials
    return oracle


class _Search(keras_tuner.Tuner):
    """A tuner whose trial is a recipe's build and train with another config."""

    def __init__(
        self,
        recipe: Recipe[Any, Any, Any],
        config: RunConfig,
        data: Data,
        trials: int,
        oracle: keras_tuner.Oracle,
        **kwargs: Any,
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
        best = max(rows, key=self.data.objective.rank)
        return {
            **{name: best[name] for name in (self.data.objective.name, "val_loss") if name in best},
            "parameters": model.count_params(),
            "seconds": round(time.perf_counter() - started, 1),
        }

    def config_of(self, trial: Any, *, whole: bool = False) -> RunConfig:
        """The config a trial stands for; `whole` where it is to be trained for all epochs, of which
        Hyperband gives a trial some."""
        config: RunConfig = self.recipe.space(trial.hyperparameters, self.config)
        values = trial.hyperparameters.values
        if whole or "tuner/epochs" not in values:
            return config
        brief: dict[str, Any] = {"epochs": int(values["tuner/epochs"])}
        return dataclasses.replace(config, **brief)

    def on_trial_end(self, trial: Any) -> None:
        """Keep the reason of a failure instead of its traceback."""
        self.mute.close()
        trial.message = self.reasons.get(trial.trial_id)
        super().on_trial_end(trial)
        self.report()

    def report(self) -> None:
        """Write what is known so far, and show it."""
        folder = Path(self.directory)
        report_trials(self.oracle, self.data.objective, folder)
        best = best_of(rows_of(self.oracle), self.data.objective)
        if best is not None:
            config = self.config_of(self.oracle.trials[best["trial"]], whole=True)
            record = {"recipe": read_json(folder / SEARCH)["recipe"], "options": to_json(config)}
            write_json(folder / BEST, record)
