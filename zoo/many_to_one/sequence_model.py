"""Models of the memory tasks: numbers or symbols in, an output at the end or at every step."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from custom_layers import SequencePooling1D
from custom_layers.engine.checks import require_integer
from zoo._model import ZooModel
from zoo._registry import register_model
from zoo.recurrent import StackOptions, recurrent_stack


@register_model(
    "sequence_lstm",
    shape="many-to-one",
    parameters=17_217,
    paper="Hochreiter and Schmidhuber 1997",
    cell="lstm",
)
@register_model(
    "sequence_gru", shape="many-to-one", parameters=13_121, paper="Cho et al. 2014", cell="gru"
)
@register_model(
    "sequence_irnn",
    shape="many-to-one",
    parameters=10_401,
    paper="Le et al. 2015",
    cell="simple",
    recurrent_initializer="identity",
    units=100,
)
def sequence_model(
    *,
    features: int = 2,
    symbols: int = 0,
    outputs: int = 1,
    every_step: bool = False,
    name: str = "sequence_model",
    **stack: Unpack[StackOptions],
) -> keras.Model:
    """Recurrent stack on numbers or symbols, with a linear readout at the end or at every step.

        y_t = v h_t + c                       h_t the states of the stack

    Train it with `keras.losses.MeanSquaredError()`, or, if the outputs are logits, with
    `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`.

    Args:
        features: Numbers per step. Not used with symbols.
        symbols: Number of distinct symbols; each step is then a symbol, one-hot encoded for the
            stack. 0 if steps are numbers.
        outputs: Number of outputs.
        every_step: Whether there is an output at every step (many-to-many) or only at the end
            (many-to-one).
        name: Name of the model.
        **stack: Options of `zoo.recurrent_stack`. `units` defaults to 64.

    Returns:
        A model with the input `x`, (batch, time, features) float32 or (batch, time) int32, and the
        output (batch, outputs), or (batch, time, outputs), float32.

    Raises:
        ValueError: If an option is invalid.

    Example:
        >>> import zoo
        >>> zoo.sequence_model(symbols=10, outputs=9, every_step=True, cell="gru").output_shape
        (None, None, 9)
    """
    require_integer("symbols", symbols, least=0)
    require_integer("features", features, least=0 if symbols else 1)
    require_integer("outputs", outputs)
    if symbols:
        inputs = keras.Input((None,), dtype="int32", name="x")
        x = ops.one_hot(inputs, symbols)
    else:
        x = inputs = keras.Input((None, features), name="x")
    stack.setdefault("units", 64)
    x = recurrent_stack(x, **stack)
    if not every_step:
        both = stack.get("bidirectional", False)
        x = SequencePooling1D("ends" if both else "last", name="pooling")(x)
    answers = keras.layers.Dense(outputs, dtype="float32", name="readout")(x)
    return ZooModel({"x": inputs}, answers, name=name)
