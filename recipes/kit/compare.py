"""Finished runs side by side: what they were made with, and what they reached on one test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from recipes.kit import output
from recipes.kit.config_file import read_json
from recipes.kit.console import figure
from recipes.kit.errors import DataError, UserError
from recipes.kit.option import flag


def compare(folders: Sequence[Path]) -> dict[str, Any]:
    """Compare finished runs of a recipe.

    Runs are comparable when `data.json` has the same fingerprint of the test part for all of them,
    whatever they were trained on.

    Returns:
        `recipe`; `objective`, with the `metric` that decides and its `mode`, those of the first
        run; and `runs`, the best first, each with its `folder`, whether it is `best`, the `options`
        that are not the same in all runs, `test`, `baseline`, `parameters` and `seconds`, and
        `spread` where several models were trained.

    Raises:
        UserError: If there are fewer than two, a folder is not a run, or they are of different
            recipes or were tested on different data.
        DataError: If a file of a run is damaged or of an earlier version; names it.
    """
    if len(folders) < 2:
        raise UserError("compare: expected two or more folders that `rnn-zoo train` wrote.")
    recipes = [output.recipe_of(folder) for folder in folders]
    for folder, recipe in zip(folders, recipes, strict=True):
        if recipe != recipes[0]:
            raise UserError(
                f"compare: {folders[0]} is a run of {recipes[0]} and {folder} one of {recipe}; "
                "expected runs of one recipe."
            )
    tested = [_tested(folder) for folder in folders]
    for folder, data in zip(folders, tested, strict=True):
        if data["test"] != tested[0]["test"]:
            raise UserError(
                f"compare: {folders[0]} and {folder} were tested on different data: "
                f"{_difference(tested[0], data)}; expected one test part."
            )
    objective = tested[0]["objective"]
    options = [read_json(folder / output.CONFIG)["options"] for folder in folders]
    runs = [
        {"folder": str(folder), "options": own, **_reached(folder)}
        for folder, own in zip(folders, _differing(options), strict=True)
    ]
    sign = -1 if objective["mode"] == "max" else 1
    runs.sort(key=lambda run: sign * run["test"][objective["metric"]])
    marked = [{"best": index == 0, **run} for index, run in enumerate(runs)]
    return {"recipe": recipes[0], "objective": objective, "runs": marked}


def table(compared: Mapping[str, Any]) -> Table:
    """What `compare` returns as a table: a row for each run, the best first and marked."""
    runs, metric = compared["runs"], compared["objective"]["metric"]
    options = [*dict.fromkeys(name for run in runs for name in run["options"])]
    names = [metric, *dict.fromkeys(n for run in runs for n in run["test"] if n != metric)]
    way = "more" if compared["objective"]["mode"] == "max" else "less"
    title = f"{compared['recipe']} on the test part; {way} {metric} is better, * is the best"
    if any("spread" in run for run in runs):
        title += "; in brackets mean ± standard deviation over seeds"
    rows = Table(title=title, title_justify="left")
    rows.add_column("run", overflow="fold")
    for option in options:
        rows.add_column(flag(option))
    for name in (*names, f"baseline {metric}", "parameters", "seconds"):
        rows.add_column(name, justify="right")
    for run in runs:
        rows.add_row(
            ("* " if run["best"] else "  ") + run["folder"],
            *(_shown(run["options"].get(name)) for name in options),
            *(_figure(run, name) for name in names),
            figure(run["baseline"][metric]) if metric in run["baseline"] else "",
            f"{run['parameters']:,}",
            f"{run['seconds']:.0f}",
        )
    return rows


def _tested(folder: Path) -> dict[str, Any]:
    record = read_json(folder / output.DATA)
    if not {"objective", "test", "understood"} <= {*record}:
        raise DataError(
            folder / output.DATA,
            "does not identify the test part, as it is of an earlier version; train again",
        )
    return record


def _difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """The first thing that was understood of one and not of the other."""
    facts, others = (
        {"--data": data["data"], **{fact["topic"]: fact["text"] for fact in data["understood"]}}
        for data in (first, second)
    )
    for topic, text in facts.items():
        if others.get(topic) != text:
            return f"{topic} {text!r} and {others.get(topic, '')!r}"
    return "the examples are not the same"


def _differing(options: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The options of each run without those that are the same in all."""
    names = dict.fromkeys(name for own in options for name in own)
    differ = [name for name in names if any(o.get(name) != options[0].get(name) for o in options)]
    return [{name: own[name] for name in differ if name in own} for own in options]


def _reached(folder: Path) -> dict[str, Any]:
    fields = ("test", "baseline", "parameters", "seconds")
    metrics = output.read_record(folder / output.METRICS, fields)
    return {name: metrics[name] for name in (*fields, "spread") if name in metrics}


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


def _figure(run: Mapping[str, Any], name: str) -> str:
    if name not in run["test"]:
        return ""
    shown = figure(run["test"][name])
    if spread := run.get("spread", {}).get(name):
        shown += f" ({figure(spread['mean'])} ± {figure(spread['std'])})"
    return shown
