"""Shared by the solvers of the readouts of models that consist of reservoirs otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import keras
import numpy as np

Batches = Iterable[tuple[Mapping[str, np.ndarray], np.ndarray]]


def check_alone(model: keras.Model, readout: keras.layers.Dense) -> None:
    """Check that the readout can be fitted, and is all of the model that has to be trained."""
    check_plain(readout)
    own = {variable.path for variable in readout.trainable_variables}
    others = sorted({variable.path for variable in model.trainable_variables} - own)
    if others:
        raise ValueError(
            "Only the output layer is fitted in closed form, and these weights would stay "
            f"untrained: {', '.join(others)}. Expected `cell='reservoir'` and no trainable layers."
        )


def check_plain(readout: keras.layers.Dense) -> None:
    """Check that the outputs of the readout are those of its kernel and bias."""
    mode = readout.quantization_mode or ("LoRA" if readout.lora_enabled else None)
    if mode:
        raise ValueError(
            f"Layer '{readout.name}' must be fitted before `quantize` and `enable_lora`, found it "
            f"with {mode}."
        )


def set_readout(readout: keras.layers.Dense, kernel: np.ndarray, bias: np.ndarray) -> None:
    """Give the readout new weights."""
    readout.kernel.assign(kernel)
    readout.bias.assign(bias)
