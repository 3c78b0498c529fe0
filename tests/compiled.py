"""Calls of layers and models: compiled on JAX, which else compiles a loop anew in each call."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras


def jitted(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of tensors, which on JAX is compiled."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


def apply(layer: Any, inputs: Any, **arguments: Any) -> Any:
    """`layer(inputs, **arguments)`, in inference unless `training` is given."""
    if keras.backend.backend() != "jax" or "training" in arguments:
        return layer(inputs, **arguments)
    if not layer.built:
        layer.build(tuple(inputs.shape))
    fixed = {
        name: value
        for name, value in arguments.items()
        if value is None or isinstance(value, bool | int | float | str)
    }
    arrays = {name: value for name, value in arguments.items() if name not in fixed}
    weights = [
        [variable.value for variable in variables]
        for variables in (layer.trainable_variables, layer.non_trainable_variables)
    ]
    return _compiled(layer, tuple(sorted(fixed.items())))(*weights, inputs, arrays)


def forget() -> None:
    """Forget what was compiled, after a model was changed in place, as `quantize` does."""
    _compiled.cache_clear()


@functools.lru_cache(maxsize=16)
def _compiled(layer: Any, fixed: tuple[tuple[str, Any], ...]) -> Callable[..., Any]:
    def call(trainable: Any, others: Any, inputs: Any, arrays: Any) -> Any:
        return layer.stateless_call(trainable, others, inputs, **arrays, **dict(fixed))[0]

    return jitted(call)
