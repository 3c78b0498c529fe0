"""Interleaved timing: functions to compare take turns, so that they see the same machine load."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def medians(
    functions: Mapping[str, Callable[[], Any]], seconds: float = 0.5, least: int = 5
) -> dict[str, float]:
    """Median seconds of each function; they are called in turns, after two warm-up calls.

    Args:
        functions: Functions by name. Each has to wait for its own result.
        seconds: Approximate total time for each function.
        least: Smallest number of calls of each function.
    """
    slowest = 0.0
    for function in functions.values():
        function()
        start = time.perf_counter()
        function()
        slowest = max(slowest, time.perf_counter() - start)
    durations: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(max(least, min(50, int(seconds / max(slowest, 1e-6))))):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            durations[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in durations.items()}


def machine() -> str:
    """Processor, cores and versions, for the line under a table."""
    import keras
    import tensorflow as tf

    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores, TensorFlow {tf.__version__}, Keras {keras.__version__}, CPU"


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
