"""Set up before anything imports Keras: the backend, a quiet TensorFlow, no screen, no network."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
# Tests compile thousands of small programs for JAX and run each once or twice.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
# Tests run side by side: PyTorch's threads would wait for processors that others have.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module", autouse=True)
def programs_of_jax_are_forgotten() -> Iterator[None]:
    """Each compiled program keeps its pages; thousands of them exceed what a process may map."""
    yield
    if os.environ["KERAS_BACKEND"] == "jax":
        import jax

        jax.clear_caches()
