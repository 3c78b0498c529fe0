"""Initial states of recurrent layers: zero, learned or random."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from custom_layers.engine.checks import is_integer, require_number, require_one_of
from custom_layers.engine.tensor import Tensor

_MODES = ("zeros", "learned", "random")


@keras.saving.register_keras_serializable(package="rnn_zoo")
class InitialState(keras.layers.Layer):
    """Initial states for a recurrent layer, to be passed to it as `initial_state`.

    One vector per state, the same for every row of the batch unless random::

        zeros     s_0 = 0
        learned   s_0 = w                                      trained with everything else
        random    s_0 ~ Normal(0, stddev) in training, 0 in inference

    With a learned state the layer need not spend its first steps on moving from 0 to its working
    range. Noise teaches it to forget the initial state, so that later outputs depend on the inputs
    alone, as they should if a sequence was cut out of a longer one.

    Args:
        state_size: Size of the state, or a list of sizes if there are several, as in
            `cell.state_size`. For `keras.layers.Bidirectional`, those of the forward layer and then
            those of the backward layer. A list may hold lists, as that of stacked cells does.
            `InitialState.for_layer` determines the sizes.
        mode: `"zeros"`, `"learned"` or `"random"`. Defaults to `"learned"`.
        stddev: Standard deviation of the noise, or, with `mode="learned"`, of the initial weights.
            At least 0. Defaults to `0.01`.
        seed: Integer seed of the noise or of the initial weights. Defaults to `None`, a random
            seed.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Any tensor with the batch as its first axis, such as the inputs of the recurrent
            layer. Only the batch size is used.
        training: Whether to add noise with `mode="random"`.

    Input shape:
        `(batch, ...)`; the batch may be unknown.

    Output shape:
        List of tensors `(batch, size)`, even if there is only one; nested like `state_size`. In the
        compute dtype.

    Masking:
        A mask of the inputs is ignored and not passed on. Note that with `initial_state` Keras does
        not pass the implicit mask of the inputs to a recurrent layer: pass `mask` as an argument.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import keras
    >>> inputs = keras.Input((None, 3))
    >>> layer = keras.layers.LSTM(5)
    >>> states = InitialState.for_layer(layer, mode="learned")(inputs)
    >>> [state.shape for state in states]
    [(None, 5), (None, 5)]
    >>> model = keras.Model(inputs, layer(inputs, initial_state=states))

    Reference:
        [Gers et al., 2002](https://www.jmlr.org/papers/v3/gers02a.html) for the learned state.
        [Zimmermann et al., 2012](https://doi.org/10.1007/978-3-642-35289-8_37) for the noise, whose
        size they adapt to the error of the state; here `stddev` is fixed.
    """

    def __init__(
        self,
        state_size: int | Sequence[Any],
        mode: str = "learned",
        stddev: float = 0.01,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_one_of("mode", mode, _MODES)
        if seed is not None and not is_integer(seed):
            raise ValueError(f"`seed` must be an integer or None, found {seed!r}.")
        self.state_size = _checked(state_size, whole=state_size)
        self.mode = mode
        self.stddev = require_number("stddev", stddev, least=0)
        self.seed = seed
        if mode == "random" and stddev > 0:
            self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    @classmethod
    def for_layer(
        cls, layer: keras.layers.Layer, mode: str = "learned", **kwargs: Any
    ) -> InitialState:
        """Initial states for a recurrent layer.

        Args:
            layer: A recurrent layer of Keras or of this package, `keras.layers.RNN` of a cell or of
                stacked cells, or a `keras.layers.Bidirectional` or `ResidualRNN` of any of these.
                It need not be built.
            mode: As in `InitialState`. Defaults to `"learned"`.
            **kwargs: Other arguments of `InitialState`.

        Returns:
            A new `InitialState`.

        Raises:
            ValueError: If the states of the layer are not vectors, or it has none.
        """
        return cls(state_sizes(layer), mode=mode, **kwargs)

    def build(self, input_shape: Any) -> None:
        self.states: list[Any] = []
        if self.mode == "learned":
            for i, size in enumerate(keras.tree.flatten(self.state_size)):
                # Each has a seed of its own, so that h and c of an LSTM differ.
                seed = None if self.seed is None else self.seed + i
                self.states.append(
                    self.add_weight(
                        name=f"state_{i}",
                        shape=(size,),
                        initializer=keras.initializers.RandomNormal(stddev=self.stddev, seed=seed),
                    )
                )

    def call(self, inputs: Tensor, training: bool | None = None) -> list[Any]:
        batch = ops.shape(inputs)[0]
        sizes = keras.tree.flatten(self.state_size)
        if self.mode == "learned":
            flat = [
                ops.broadcast_to(ops.convert_to_tensor(state), (batch, size))
                for state, size in zip(self.states, sizes, strict=True)
            ]
        elif self.mode == "random" and self.stddev > 0 and training:
            flat = [
                keras.random.normal(
                    (batch, size),
                    stddev=self.stddev,
                    dtype=self.compute_dtype,
                    seed=self.seed_generator,
                )
                for size in sizes
            ]
        else:
            flat = [ops.zeros((batch, size), dtype=self.compute_dtype) for size in sizes]
        return self._packed(flat)

    def _packed(self, flat: Sequence[Any]) -> list[Any]:
        """A list nested like `state_size`."""
        packed = _pack(self.state_size, iter(flat))
        return packed if isinstance(packed, list) else [packed]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> list[Any]:
        sizes = keras.tree.flatten(self.state_size)
        return self._packed([(input_shape[0], size) for size in sizes])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "state_size": self.state_size,
            "mode": self.mode,
            "stddev": self.stddev,
            "seed": self.seed,
        }


def _checked(size: Any, whole: Any) -> Any:
    """The size as an integer or as a list of checked sizes."""
    if isinstance(size, (list, tuple)) and size:
        return [_checked(part, whole) for part in size]
    if not is_integer(size, 1):
        raise ValueError(
            f"`state_size` must be a positive integer or a list of positive integers, "
            f"found {whole!r}."
        )
    return size


def _pack(size: Any, flat: Iterator[Any]) -> Any:
    # `keras.tree.pack_sequence_as` would return the kind of list that Keras turns attributes into.
    return [_pack(part, flat) for part in size] if isinstance(size, list) else next(flat)


def state_sizes(layer: Any) -> list[Any]:
    """Sizes of the states of a recurrent layer, in the order of its `initial_state`.

    Raises:
        ValueError: If the states of the layer are not vectors, or it has none.
    """
    if hasattr(layer, "forward_layer") and hasattr(layer, "backward_layer"):
        return state_sizes(layer.forward_layer) + state_sizes(layer.backward_layer)
    images = (keras.layers.ConvLSTM1D, keras.layers.ConvLSTM2D, keras.layers.ConvLSTM3D)
    takes_states = isinstance(layer, keras.layers.Layer) and (
        "initial_state" in inspect.signature(layer.call).parameters
    )
    if takes_states and not isinstance(layer, images):
        for owner in (layer, getattr(layer, "cell", None)):
            size = getattr(owner, "state_size", None)
            if size is not None:
                return list(size) if isinstance(size, (list, tuple)) else [size]
        if isinstance(layer, keras.layers.Wrapper):
            return state_sizes(layer.layer)
    raise ValueError(
        "`layer` must be a recurrent layer with a `call` that takes `initial_state` and a "
        f"`state_size` of states that are vectors, found {layer!r}."
    )
