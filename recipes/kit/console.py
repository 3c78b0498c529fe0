"""What a person reads while something runs. All of it goes to stderr: stdout is for results."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from recipes.kit.data.facts import Fact

#: A log has no width of its own: tables in it are not to be squeezed.
_WIDTH = None if sys.stderr.isatty() else 140

console = Console(stderr=True, highlight=False, soft_wrap=True, width=_WIDTH)


def note(message: str) -> None:
    """Print a line that is good to know."""
    console.print(f"[cyan]note:[/] {_literal(message)}")


def note_facts(facts: Iterable[Fact]) -> None:
    """Show on stderr what was understood of data that is not trained on."""
    for fact in facts:
        note(f"{fact.topic}: {fact.text}")


def say(message: str) -> None:
    """Print a plain line."""
    console.print(_literal(message))


def progress_bar() -> Progress:
    """A bar that shows itself on a terminal and stays away from logs."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[status]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def metrics_table(title: str, columns: Mapping[str, Mapping[str, float | str]]) -> Table:
    """Metrics side by side: a row each metric, a column each model, or texts about its metrics."""
    table = Table(title=title, title_justify="left")
    table.add_column("metric")
    for name in columns:
        table.add_column(name, justify="right")
    for metric in dict.fromkeys(m for values in columns.values() for m in values):
        cells = (values.get(metric, "") for values in columns.values())
        table.add_row(metric, *(c if isinstance(c, str) else figure(c) for c in cells))
    return table


def spans(intervals: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """Intervals as people read them.

    >>> spans({"mae": [0.5, 0.75]})
    {'mae': '0.5000 to 0.7500'}
    """
    return {name: f"{figure(low)} to {figure(high)}" for name, (low, high) in intervals.items()}


def figure(value: float) -> str:
    """A metric as people read it: four decimals, of small ones two digits more than the first.

    >>> figure(0.98765), figure(0.0), figure(6.123e-05)
    ('0.9877', '0.0000', '6.12e-05')
    """
    return f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.2e}"


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Show the warnings of our own packages as notes, and drop those of others."""

    def show(
        message: Warning | str, category: type[Warning], filename: str, *_: object, **__: object
    ) -> None:
        if issubclass(category, UserWarning):
            note(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for package in ("zoo", "custom_layers", "recipes"):
            warnings.filterwarnings("once", category=UserWarning, module=rf"{package}\b")
        warnings.showwarning = show
        yield


def quiet_start() -> None:
    """Start TensorFlow, and drop what its C++ side writes to stderr meanwhile at any log level."""
    stderr = os.dup(2)
    try:
        with open(os.devnull, "wb") as devnull:
            os.dup2(devnull.fileno(), 2)
        import tensorflow as tf

        tf.config.list_physical_devices()
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def _literal(message: str) -> str:
    return message.replace("[", r"\[")
