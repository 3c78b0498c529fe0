"""Shared by the readouts of models that consist of reservoirs otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import keras
import numpy as np

Batches = Iterable[tuple[Mapping[str, np.ndarray], np.ndarray]]


def check_alone(model: keras.Model, readout: keras.layers.Layer) -> None:
    """Check that the readout is the only part of the model that has to be trained."""
    own = {variable.path for variable in readout.trainable_variables}
    others = sorted({variable.path for variable in model.trainable_variables} - own)
    if others:
        raise ValueError(
            "Only the output layer is fitted in closed form, and these weights would stay "
            f"untrained: {', '.join(others)}. Expected `cell='reservoir'` and no trainable layers."
        )
