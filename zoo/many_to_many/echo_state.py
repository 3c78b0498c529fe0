"""Echo state network: fixed reservoirs under a linear readout.

model = echo_state_network(features=1, targets=1, units=500)
fit_readout(model, x, y, alpha=1e-8, washout=100)      no gradient descent
model.predict(x)                                       an ordinary Keras model

The readout is fitted in `zoo.closed_form.echo_state`; a fitted network runs on its own predictions
in `zoo.decoding.free_running`.
"""

from __future__ import annotations

import keras

from custom_layers import Reservoir
from zoo._model import ZooModel
from zoo._registry import register_model
from zoo.cells import layer_seeds

_JAEGER, _GALLICCHIO = "Jaeger 2001", "Gallicchio et al. 2017"


@register_model(
    "echo_state_small", shape="many-to-many", parameters=4_402, paper=_JAEGER, units=200
)
@register_model(
    "echo_state_base", shape="many-to-many", parameters=22_002, paper=_JAEGER, units=1000
)
@register_model(
    "deep_echo_state_base",
    shape="many-to-many",
    parameters=181_202,
    paper=_GALLICCHIO,
    units=200,
    depth=5,
)
def echo_state_network(
    *,
    features: int = 1,
    targets: int = 1,
    units: int = 500,
    depth: int = 1,
    spectral_radius: float = 0.9,
    leak_rate: float = 1.0,
    input_scaling: float = 1.0,
    bias_scaling: float = 0.0,
    density: float | None = None,
    topology: str = "random",
    activation: str = "tanh",
    feedback: bool = False,
    feedback_scaling: float = 1.0,
    read_inputs: bool = True,
    seed: int | None = None,
    dtype: str | None = None,
    name: str = "echo_state_network",
) -> keras.Model:
    """Echo state network: fixed reservoirs, and a linear readout of all their states.

    Args:
        features: Width of the inputs; may be 0 with `feedback=True`.
        targets: Width of the outputs.
        units: Units of each reservoir.
        depth: Number of reservoirs, each driven by the one before; the readout sees them all.
        spectral_radius: Largest absolute eigenvalue of the recurrent weights.
        leak_rate: Share of the state renewed at each step, above 0 and at most 1.
        input_scaling: Range of the input weights.
        bias_scaling: Range of the biases; 0 for none. Without biases and with symmetric inputs, the
            response of a reservoir to a negated pattern is only negated.
        density: Share of nonzero recurrent weights; `None` for ten per unit.
        topology: `"random"`, `"orthogonal"` or `"ring"`.
        activation: Activation of the units; `"linear"` for the longest memory.
        feedback: Whether to feed the outputs of the step before back into the first reservoir. The
            inputs are then `features` inputs followed by `targets` earlier outputs. `fit_readout`
            and `free_run` supply these.
        feedback_scaling: Range of the feedback weights.
        read_inputs: Whether the readout sees the inputs as well as the states.
        seed: Seed of the weights; `None` for a random seed.
        dtype: `"float32"` or `"float64"`, for weights, states and outputs; `None` for Keras's
            default. The readout is always solved in float64, but rounding the states to float32
            limits its accuracy: for Mackey-Glass, with 1,000 units, the error 84 steps ahead was a
            tenth in float64. (On JAX this needs `jax_enable_x64`; on PyTorch, Keras's products are
            always float32.)
        name: Name of the model.

    Returns:
        A model with the input `x` (batch, time, features), with feedback (batch, time, features +
        targets), and the output (batch, time, targets). Only the `Dense` layer `readout` has
        trainable weights.

    Raises:
        ValueError: If there are neither inputs nor feedback, or an option is invalid.
    """
    fed_back = targets if feedback else 0
    if features + fed_back < 1 or features < 0:
        raise ValueError(
            f"`features` must be at least 1, or 0 with `feedback=True`, found {features!r}."
        )
    x = keras.Input((None, features + fed_back), name="x", dtype=dtype)
    seeds = layer_seeds(seed, depth)
    seen = [x] if read_inputs else []
    y = x
    for index in range(depth):
        reservoir = Reservoir(
            units,
            spectral_radius=spectral_radius,
            leak_rate=leak_rate,
            input_scaling=input_scaling,
            bias_scaling=bias_scaling,
            density=density,
            topology=topology,
            activation=activation,
            feedback_units=fed_back if index == 0 else 0,
            feedback_scaling=feedback_scaling,
            seed=seeds[index],
            return_sequences=True,
            return_state=True,
            dtype=dtype,
            name=f"reservoir_{index}",
        )
        y, _ = reservoir(y)
        seen.append(y)
    joined = seen[0]
    if len(seen) > 1:
        joined = keras.layers.Concatenate(name="states", dtype=dtype)(seen)
    outputs = keras.layers.Dense(targets, name="readout", dtype=dtype)(joined)
    return ZooModel(x, outputs, name=name)
