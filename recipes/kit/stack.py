"""From options to the recurrent stack of `zoo` models."""

from __future__ import annotations

import dataclasses
from typing import Any

from recipes.kit.errors import UserError
from recipes.kit.options import StackConfig
from zoo import StackOptions, recurrent_layer


def stack_of(config: StackConfig) -> StackOptions:
    """The options of a config as keyword arguments of `zoo` models; those it does not have, such as
    a direction, are left to the model."""
    names = {field.name for field in dataclasses.fields(config)}
    options: Any = {
        name: getattr(config, name) for name in StackOptions.__annotations__ if name in names
    }
    return {**options, "cell_options": config.parsed_cell_options()}


def check_layer(config: StackConfig) -> None:
    """Refuse what the recurrent layer itself refuses, before any data is read.

    Raises:
        UserError: What does not fit.
    """
    try:
        recurrent_layer(
            config.cell,
            config.units,
            recurrent_dropout=config.recurrent_dropout,
            recurrent_initializer=config.recurrent_initializer,
            cell_options=config.parsed_cell_options(),
        )
    except (TypeError, ValueError) as error:
        raise UserError(f"--cell {config.cell}: {str(error).rstrip('.')}.") from None
