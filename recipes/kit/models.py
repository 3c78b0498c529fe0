"""From a run to its trained model: of one seed, or the best of several."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import keras

from recipes.kit.config_file import read_json
from recipes.kit.console import say
from recipes.kit.errors import UserError
from recipes.kit.export import load_keras, uncompiled
from recipes.kit.metrics import spread_of
from recipes.kit.options import RunConfig
from recipes.kit.output import CHECKPOINTS, CONFIG, MODEL, STATE
from recipes.kit.recipe import History, Recipe, Row, Run

#: In the folder of a seed: its exported model, while it is tested.
_TESTED = "tested"


class Trained(NamedTuple):
    """What the training of a run leaves.

    Attributes:
        run: The run, of several seeds with that of the model.
        model: The model: of one seed, or the one of several that is best on the validation part.
        history: Its history, with the spread over the seeds.
        seeds: For each of several seeds the `seed`, its best figures on the validation part,
            its `test` metrics and `seconds`.
        seconds: How long it all took.
    """

    run: Run[Any, Any]
    model: keras.Model
    history: History
    seeds: list[Row]
    seconds: float


def train_models(recipe: Recipe[Any, Any, Any], run: Run[Any, Any]) -> Trained:
    """Train the model of a run, or one for each of its seeds. Seeds that were finished before an
    interruption are not trained again."""
    if run.config.seeds == 1:
        model, history = _train(recipe, run)
        return Trained(run, model, history, [], _seconds(history))
    count, objective = run.config.seeds, run.data.objective
    folders = [run.folder / CHECKPOINTS / f"seed-{run.config.seed + n}" for n in range(count)]
    runs = [
        replace(
            run,
            config=replace(run.config, seed=run.config.seed + index),
            folder=folder,
            title=f"{run.title}, seed {index + 1}/{count}",
        )
        for index, folder in enumerate(folders)
    ]
    for own in runs:
        if not (own.folder / STATE).exists():
            _train_and_test(recipe, own, run.folder / CONFIG)
    records = [read_json(own.folder / STATE) for own in runs]
    best = max(range(count), key=lambda index: objective.rank(records[index]))
    for path in folders[best].iterdir():  # tables and curves that the training left
        if path.name not in (CHECKPOINTS, STATE, _TESTED):
            if path.is_dir():
                shutil.copytree(path, run.folder / path.name, dirs_exist_ok=True)
            else:
                shutil.copy2(path, run.folder)
    say(
        f"{run.title}: seed {records[best]['seed']} is the best of {count} "
        f"({objective.name} {records[best][objective.name]:.4f})"
    )
    history = History(records[best]["rows"], spread_of([record["test"] for record in records]))
    for record in records:
        del record["rows"]
    model = load_keras(folders[best] / _TESTED / MODEL)
    seconds = round(sum(record["seconds"] for record in records), 1)
    chosen = replace(run, config=runs[best].config)
    return Trained(chosen, model, history, records, seconds)


def _train(recipe: Recipe[Any, Any, Any], run: Run[Any, Any]) -> tuple[keras.Model, History]:
    with precision(run.config):
        keras.utils.set_random_seed(run.config.seed)
        model = build(recipe, run)
        say(f"{model.name}: {model.count_params():,} parameters")
        return model, recipe.train(run, model)


def _train_and_test(recipe: Recipe[Any, Any, Any], run: Run[Any, Any], config: Path) -> None:
    """Train a seed in its own folder, and test what would be exported."""
    run.folder.mkdir(parents=True, exist_ok=True)
    model, history = _train(recipe, run)
    tested = run.folder / _TESTED
    shutil.rmtree(tested, ignore_errors=True)
    tested.mkdir()
    shutil.copy2(config, tested / CONFIG)
    uncompiled(model).save(tested / MODEL)
    recipe.export(replace(run, folder=tested), model)
    objective = run.data.objective
    best = max(history.rows, key=objective.rank)
    record = {
        "seed": run.config.seed,
        **{name: best[name] for name in (objective.name, "val_loss") if name in best},
        "test": recipe.load(tested).evaluate(run.data.test),
        "seconds": _seconds(history),
        "rows": history.rows,
    }
    finished = run.folder / f"{STATE}.new"
    finished.write_text(json.dumps(record, default=float), encoding="utf-8")
    finished.replace(run.folder / STATE)


def _seconds(history: History) -> float:
    return round(sum(row["seconds"] for row in history.rows), 1)


def build(recipe: Recipe[Any, Any, Any], run: Run[Any, Any]) -> keras.Model:
    """The model of a run: new, or that of the run it starts from.

    Raises:
        UserError: If options do not fit each other.
        DataError: If the model to start from cannot be read.
    """
    if run.config.from_ is not None:
        return uncompiled(load_keras(run.config.from_ / MODEL))
    try:
        return recipe.build(run)
    except ValueError as error:
        raise UserError(f"the model cannot be built: {error}") from None


@contextmanager
def precision(config: RunConfig) -> Iterator[None]:
    """Build layers for mixed precision where a config asks for it: float16 where there is a GPU,
    bfloat16 elsewhere."""
    before = keras.config.dtype_policy()
    if getattr(config, "mixed_precision", False):
        gpu = any("gpu" in device for device in keras.distribution.list_devices())
        keras.config.set_dtype_policy("mixed_float16" if gpu else "mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
