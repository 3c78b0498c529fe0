"""The model card: what a stranger who finds the folder needs to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recipes.kit.console import figure, spans
from recipes.kit.data.facts import Fact
from recipes.kit.judge import FEWEST
from recipes.kit.output import ANSWERS
from recipes.kit.recipe import Card, Field


def model_card(
    card: Card,
    *,
    recipe: str,
    command: str,
    understood: Sequence[Fact],
    licence: str,
    metrics: Mapping[str, Any],
    pictures: list[str],
    baseline_is: str,
    answers: str,
    inputs: Sequence[Field],
    outputs: Sequence[Field],
    signatures: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]],
) -> str:
    """The card as Markdown."""
    test, baseline, ends = metrics["test"], metrics["baseline"], spans(metrics["interval"])
    rows = [
        f"| {n} | {_cell(test.get(n))} | {ends.get(n, '')} | {_cell(baseline.get(n))} |"
        for n in {**test, **baseline}
    ]
    fields = [*(("in", field) for field in inputs), *(("out", field) for field in outputs)]
    lines = [
        f"# {recipe}",
        "",
        card.task,
        "",
        f"Made by rnn-zoo with `{command}`: {metrics['parameters']:,} parameters, trained in "
        f"{metrics['seconds']:.0f} seconds.",
        "",
        "## Data",
        "",
        *(f"- {fact.topic}: {fact.text}" for fact in understood),
        "",
        f"Licence: {licence}.",
        "",
        "## Results on the test part",
        "",
        "| metric | model | 95 % interval | baseline |",
        "|---|---:|---:|---:|",
        *rows,
        "",
        f"Intervals are what other {metrics['interval_unit']} of the same kind would give "
        "(bootstrap, percentiles of 1,000 resamples); they do not cover what another training "
        f"would change. There is none for fewer than {FEWEST} of them, or where none of them makes "
        "a difference.",
        "",
        f"Baseline: {baseline_is}",
        "",
        *(line for note in metrics["notes"] for line in (f"**{note}**", "")),
        f"`{ANSWERS}` has {answers}.",
        "",
        *_spread(metrics.get("spread", {})),
        *(f"![{picture}](plots/{picture})" for picture in pictures),
        "",
        "## Use",
        "",
        f"For: {card.use}",
        "",
        f"Limits: {card.limits}",
        "",
        "Inputs and outputs of `rnn-zoo predict`:",
        "",
        "| | name | kind | what |",
        "|---|---|---|---|",
        *(f"| {way} | `{f.name}` | {f.kind} | {f.what} |" for way, f in fields),
        "",
        "`model.keras` loads with Keras and rnn-zoo; `config.json` has every option.",
        "`saved_model/` runs in plain TensorFlow:",
        "",
        "```python",
        "import tensorflow as tf",
        "",
        'served = tf.saved_model.load("saved_model").signatures["serving_default"]',
        "```",
        "",
        "| signature | inputs | outputs |",
        "|---|---|---|",
        *(
            f"| `{name}` | {_tensors(inputs)} | {_tensors(outputs)} |"
            for name, (inputs, outputs) in signatures.items()
        ),
        "",
    ]
    return "\n".join(lines)


def _spread(spread: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Lines about several models of which the one here is the best on the validation part."""
    lines = [
        f"- {name}: {figure(row['mean'])}, standard deviation {figure(row['std'])}"
        for name, row in spread.items()
    ]
    if not lines:
        return []
    count = next(iter(spread.values()))["models"]
    return [f"Means of {count:.0f} models, the one here the best on validation:", "", *lines, ""]


def _tensors(tensors: Mapping[str, str]) -> str:
    return "; ".join(f"`{name}` {what}" for name, what in tensors.items())


def _cell(value: float | None) -> str:
    return "" if value is None else figure(value)
