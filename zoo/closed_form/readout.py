"""Output layers that are found in closed form, behind reservoirs that do not train."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import keras
import numpy as np

Batches = Iterable[tuple[Mapping[str, np.ndarray], np.ndarray]]


def check_alone(model: keras.Model, readout: keras.layers.Layer) -> None:
    """Refuse a model of which a linear regression would leave a part untrained."""
    own = {variable.path for variable in readout.trainable_variables}
    others = sorted({variable.path for variable in model.trainable_variables} - own)
    if others:
        raise ValueError(
            "Only the output layer is found in closed form, and these would stay as they were "
            f"drawn: {', '.join(others)}. Expected `cell='reservoir'` and no layer that trains."
        )
