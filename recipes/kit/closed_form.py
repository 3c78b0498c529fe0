"""Readouts that are found in closed form, for several penalties."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from recipes.kit.errors import UserError
from recipes.kit.output import write_rows
from recipes.kit.recipe import Row, Run


def solve(run: Run[Any, Any], fit_readout: Callable[[], list[Row]]) -> tuple[list[Row], float]:
    """Find the readout of an echo state network; write the figures of each penalty.

    Args:
        run: Its folder gets `penalties.csv`.
        fit_readout: Leaves the model with the best readout; returns a row for each penalty.

    Returns:
        The rows, and the seconds it took.

    Raises:
        UserError: If the model is not one whose readout can be solved for.
    """
    started = time.perf_counter()
    try:
        rows = fit_readout()
    except ValueError as error:
        raise UserError(f"--model echo_state: {error}") from None
    write_rows(run.folder / "penalties.csv", rows)
    return rows, round(time.perf_counter() - started, 2)
