"""Functions whose backward pass is written out, on every backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from custom_layers.engine.tensor import Tensor

Backward = Callable[[Tensor], tuple[Tensor, ...]]


def custom_gradient(function: Callable[..., tuple[Tensor, Backward]]) -> Callable[..., Tensor]:
    """Differentiate a function by the backward pass that it returns along with its result.

    Args:
        function: Function of tensors that returns one tensor and a function of the upstream
            gradient, which returns a gradient for each argument.

    Example:

    >>> import keras
    >>> @custom_gradient
    ... def square(x):
    ...     return x * x, lambda upstream: (2 * x * upstream,)
    >>> float(square(keras.ops.convert_to_tensor(3.0)))
    9.0
    """

    @ops.custom_gradient
    def run(*args: Tensor) -> Any:
        result, backward = function(*args)

        def gradient(*by_position: Tensor, upstream: Tensor | None = None) -> tuple[Tensor, ...]:
            # PyTorch passes it by name, after the arguments; the others pass it by position.
            # TensorFlow may not know its rank while it traces a SavedModel.
            upstream = by_position[0] if upstream is None else upstream
            return backward(ops.reshape(upstream, ops.shape(result)))

        return result, gradient

    return run


def with_gradient(
    forward: Callable[..., Tensor],
    backward: Callable[..., dict[str, Tensor]],
    **tensors: Tensor | None,
) -> Tensor:
    """`forward(**tensors)`, differentiated by `backward`.

    Args:
        forward: Function that returns one tensor.
        backward: Function of the upstream gradient, of what `forward` returned and of `tensors` by
            name. Returns gradients by name; the gradient of a tensor it leaves out is zero.
        **tensors: Tensors or variables. Those that are `None` are passed to neither function.
    """
    present = {name: tensor for name, tensor in tensors.items() if tensor is not None}

    @custom_gradient
    def run(*values: Tensor) -> tuple[Tensor, Backward]:
        named = dict(zip(present, values, strict=True))
        result = forward(**named)

        def by_position(upstream: Tensor) -> tuple[Tensor, ...]:
            gradients = backward(upstream, result, **named)
            return tuple(
                gradients[name] if name in gradients else ops.zeros_like(value)
                for name, value in named.items()
            )

        return result, by_position

    # TensorFlow's custom gradient takes the values of variables only.
    return run(*(ops.copy(tensor) for tensor in present.values()))
