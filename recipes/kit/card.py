"""The model card: what a stranger who finds the folder needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recipes.kit.console import figure


@dataclass(frozen=True)
class Card:
    """What a recipe says of every model it makes.

    Attributes:
        task: What the model does, in a sentence.
        use: What it is for.
        limits: What it is not for, and where it fails.
    """

    task: str
    use: str
    limits: str


def model_card(
    card: Card,
    *,
    recipe: str,
    command: str,
    description: str,
    licence: str,
    metrics: Mapping[str, Any],
    pictures: list[str],
    baseline_is: str,
    signatures: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]],
) -> str:
    """The card as Markdown."""
    test, baseline = metrics["test"], metrics["baseline"]
    rows = [
        f"| {n} | {_cell(test.get(n))} | {_cell(baseline.get(n))} |" for n in {**test, **baseline}
    ]
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
        f"{description}.",
        "",
        f"Licence: {licence}.",
        "",
        "## Results on the test part",
        "",
        "| metric | model | baseline |",
        "|---|---:|---:|",
        *rows,
        "",
        f"The baseline: {baseline_is}",
        "",
        *_spread(metrics.get("spread", {})),
        *(f"![{picture}](plots/{picture})" for picture in pictures),
        "",
        "## Use",
        "",
        f"For: {card.use}",
        "",
        f"Not for, and limits: {card.limits}",
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
