"""The way every recipe goes: data -> build -> train -> evaluate -> export, into one folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import keras

from recipes.kit import output, plots
from recipes.kit.amount import as_words, changed_by_hand, suited
from recipes.kit.card import model_card
from recipes.kit.config_file import read_json
from recipes.kit.console import note, say
from recipes.kit.data.facts import Fact, Unusable, as_lines, listed
from recipes.kit.data.fingerprint import fingerprint
from recipes.kit.earlier import check_kept, kept_names, started_from
from recipes.kit.export import uncompiled
from recipes.kit.judge import against_baseline
from recipes.kit.models import precision, train_models
from recipes.kit.optimizer import clipping_hint
from recipes.kit.options import FitConfig, RunConfig, StackConfig
from recipes.kit.recipe import Data, History, Recipe, Run
from recipes.kit.stack import check_layer

C = TypeVar("C", bound=RunConfig)


def train_recipe(
    recipe: Recipe[Any, Any, Any],
    name: str,
    config: RunConfig,
    out: Path,
    *,
    command: str,
    resume: bool = False,
    overwrite: bool = False,
    given: Collection[str] | None = None,
) -> dict[str, Any]:
    """Run a recipe from data to a folder with everything in it.

    Args:
        recipe: The recipe.
        name: Its name.
        config: An instance of its `config`; a resumed run has that of its beginning.
        out: Folder to make.
        command: What the user typed, for the model card.
        resume: Go on with the interrupted run for `out`.
        overwrite: Replace what is in `out`.
        given: Names of the options that the user gave, which stay with little data. By default
            those that are not at their defaults.

    Returns:
        What `metrics.json` holds.
    """
    output.check_free(out, overwrite=overwrite, resume=resume)
    check_kept(config, name)
    if resume:
        config = output.read_run_config(recipe.config, output.unfinished_folder(out), name)
    with output.unfinished_run(out, name, config, command=command, resume=resume) as folder:
        data = load_data(recipe, config)
        if not resume:
            config, little = suited_to(recipe, config, data, given)
            output.update_config(folder, config, **little)
        output.write_json(folder / output.DATA, data_record(config, data))
        run = Run(config, data, folder, name.replace("_", " "))
        trained = train_models(recipe, run)
        model, history = trained.model, trained.history
        with precision(config):
            if isinstance(config, FitConfig) and (hint := clipping_hint(config, history.rows)):
                note(hint)
            keras.utils.set_random_seed(config.seed)
            baseline = recipe.baseline(run)
            keras.utils.set_random_seed(config.seed)
            compared = recipe.compare(trained.run, model, history)
        output.write_rows(folder / output.HISTORY, history.rows)
        uncompiled(model).save(folder / output.MODEL)
        recipe.export(run, model)
        predictor = recipe.load(folder)
        judgement = predictor.judge(data.test)
        baseline_wins, verdict = against_baseline(
            data.objective, judgement.metrics, baseline.metrics
        )
        metrics: dict[str, Any] = {
            "recipe": name,
            "data": str(config.data),
            "test": judgement.metrics,
            "interval": judgement.statistics.intervals(),
            "interval_unit": judgement.statistics.unit,
            "baseline": {**baseline.metrics, **compared.metrics},
            "baseline_wins": baseline_wins,
            "notes": [*verdict, *judgement.notes],
            **judgement.facts,
            "parameters": model.count_params(),
            "seconds": trained.seconds,
        }
        if history.spread:
            metrics["spread"] = history.spread
        if trained.seeds:
            metrics["seeds"] = trained.seeds
        output.write_lines(folder / output.ANSWERS, judgement.rows)
        answers = {"model": judgement.answers, **baseline.answers, **compared.answers}
        if tables := recipe.tables(run, predictor, answers):
            for file, content in tables.items():
                output.write_table(folder / file, content)
            say(f"written: {listed(tables, 8)}")
        _draw(recipe, run, predictor, history, answers)
        output.write_json(folder / output.METRICS, metrics)
        card = model_card(
            recipe.card,
            recipe=name,
            command=read_json(folder / output.CONFIG)["command"],
            understood=_understood(config, data),
            licence=data.licence,
            metrics=metrics,
            pictures=sorted(p.name for p in (folder / output.PLOTS).glob("*.png")),
            baseline_is=baseline.what,
            answers=f"{judgement.kept}, sorted by {judgement.order}",
            inputs=predictor.inputs,
            outputs=predictor.outputs,
            signatures=predictor.served.signatures,
        )
        (folder / "README.md").write_text(card, encoding="utf-8")
    return metrics


def load_data(recipe: Recipe[Any, Any, Any], config: RunConfig) -> Any:
    """The data of a config, said to the user as it was understood."""
    if isinstance(config, StackConfig):
        check_layer(config)
    keras.utils.set_random_seed(config.seed)
    try:
        data = recipe.load_data(config.data, config)
    except Unusable as error:
        _say_all(error.understood)
        raise
    _say_all(_understood(config, data))
    return data


def _say_all(facts: Sequence[Fact]) -> None:
    for line in as_lines(facts):
        say(line)


def _understood(config: RunConfig, data: Data) -> list[Fact]:
    return [*started_from(config), *data.understood]


def suited_to(
    recipe: Recipe[Any, Any, Any], config: C, data: Data, given: Collection[str] | None = None
) -> tuple[C, dict[str, Any]]:
    """The config for the amount of data, said to the user where there is little, and what
    `config.json` notes about it. `given` as for `train_recipe`."""
    if not isinstance(config, FitConfig) or not config.for_little:
        return config, {}
    amount = recipe.amount(data, config)
    if amount is None:
        return config, {}
    kept = {*(changed_by_hand(config) if given is None else given)}
    if config.from_ is not None:
        kept.update(kept_names(type(config)))
    config, options = suited(config, amount, kept)
    if not options:
        return config, {}
    say(f"little data ({amount}): {as_words(options)}; an option given by hand wins")
    return config, {"little_data": {"examples": amount.examples, "options": options}}


def understood_by(recipe: Recipe[Any, Any, Any], config: RunConfig) -> list[Fact]:
    """What a recipe understands of its data; nothing is trained."""
    keras.utils.set_random_seed(config.seed)
    return _understood(config, recipe.load_data(config.data, config))


def data_record(config: RunConfig, data: Data) -> dict[str, Any]:
    """What `data.json` holds; by its `objective` and `test`, runs are compared."""
    objective = data.objective
    metric, mode = (
        (objective.shown, "max") if objective.shown else (objective.metric, objective.mode)
    )
    understood = [{"topic": fact.topic, "text": fact.text} for fact in _understood(config, data)]
    return {
        "data": str(config.data),
        "licence": data.licence,
        "understood": understood,
        "objective": {"metric": metric, "mode": mode},
        "test": fingerprint(data.test),
    }


def _draw(
    recipe: Recipe[Any, Any, Any],
    run: Run[Any, Any],
    predictor: Any,
    history: History,
    answers: Mapping[str, Any],
) -> None:
    objective = run.data.objective
    try:
        if "gradient_norm" in history.rows[0]:
            shown = f"val_{objective.shown or objective.metric}"
            plots.curves(history.rows, shown, run.folder / output.PLOTS / "curves.png")
        recipe.draw(run, predictor, answers)
    except Exception as error:  # A picture is not worth losing a trained model for.
        note(f"a picture could not be drawn: {error}")
