"""What `rnn-zoo tune` may change, the same in every recipe."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import keras_tuner

from recipes.kit.option import replaced
from recipes.kit.options import DirectionConfig, FitConfig

C = TypeVar("C", bound=FitConfig)


def stack_space(
    hp: keras_tuner.HyperParameters, config: C, *, both_ways: bool = True, **options: Any
) -> C:
    """The search space of every recipe with a recurrent stack trained by gradient descent.

    Depth, direction and clipping first; then cell (simple, lstm, gru and the config's), units,
    connection, dropout and learning rate. Clipping and learning rate as in `clip_space`.
    All other options stay those of the config.

    Args:
        hp: Hyperparameters of the trial.
        config: What the trials change; a `StackConfig` too.
        both_ways: Whether to search the direction. Where the config has none, it is not searched.
        **options: What the recipe searches besides.
    """
    stack: Any = config
    if both_ways and isinstance(stack, DirectionConfig):
        options["bidirectional"] = hp.Boolean("bidirectional", default=stack.bidirectional)
    cells = ["simple", "lstm", "gru"]
    if stack.recurrent_initializer == "identity" or stack.cell_options != "{}":
        cells = [stack.cell]  # what is asked for fits no other
    elif stack.cell not in cells:
        cells.append(stack.cell)
    # Around 64, or around a width that little data, or the user, set below that.
    least = max(1, min(64, stack.units) // 2)
    return clip_space(
        hp,
        config,
        depth=hp.Int("depth", 1, 4, default=min(stack.depth, 4)),
        cell=hp.Choice("cell", cells, default=stack.cell),
        units=hp.Int("units", least, 8 * least, step=2, sampling="log", default=2 * least),
        connection=hp.Choice("connection", ["none", "residual", "dense"], default=stack.connection),
        dropout=round(hp.Float("dropout", 0.0, 0.5, step=0.1), 1),
        **options,
    )


def clip_space(hp: keras_tuner.HyperParameters, config: C, **options: Any) -> C:
    """What every recipe that is trained by gradient descent searches: clipping and learning rate.

    The threshold of the global norm is none, or from a tenth of the config's (1 where it has none)
    to ten times that; the rate is within a factor of ten around the config's. Both on a log scale.

    Args:
        hp: Hyperparameters of the trial.
        config: What the trials change.
        **options: What the recipe searches besides.
    """
    clip = hp.Choice("clip", ["global_clipnorm", "none"])
    threshold = None
    if clip == "global_clipnorm":
        with hp.conditional_scope("clip", ["global_clipnorm"]):
            start = config.global_clipnorm or 1.0
            threshold = hp.Float(
                "global_clipnorm", start / 10, start * 10, sampling="log", default=start
            )
    rate = config.learning_rate
    return replaced(
        config,
        **options,
        global_clipnorm=threshold,
        clipnorm=None,
        clipvalue=None,
        learning_rate=hp.Float(
            "learning_rate", rate / 10**0.5, rate * 10**0.5, sampling="log", default=rate
        ),
    )


def decoder_space(hp: keras_tuner.HyperParameters, config: C) -> C:
    """The search space of a decoder with attention: a `DecodingConfig` with `attention` and
    `compare`, which has nothing to compare where a trial has no attention."""
    decoder: Any = config
    attention = hp.Choice("attention", ["additive", "dot", "none"], default=decoder.attention)
    share = hp.Float("scheduled_sampling", 0.0, 0.5, step=0.25)
    return stack_space(
        hp,
        config,
        attention=attention,
        compare=decoder.compare and attention != "none",
        scheduled_sampling=share,
        sampling_schedule=decoder.sampling_schedule if share else "linear",
    )


def reservoir_space(
    hp: keras_tuner.HyperParameters,
    config: C,
    *,
    input_scaling: tuple[float, float],
    **options: Any,
) -> C:
    """The search space of a stack of reservoirs whose readout is found in closed form.

    Spectral radius, leak rate and input scaling, which join the config's cell options.

    Args:
        hp: Hyperparameters of the trial.
        config: What the trials change; a `StackConfig` too.
        input_scaling: From where to where.
        **options: What the recipe searches besides.
    """
    stack: Any = config
    reservoir = {
        "spectral_radius": hp.Float("spectral_radius", 0.3, 1.3),
        "leak_rate": hp.Float("leak_rate", 0.05, 1.0, sampling="log"),
        "input_scaling": hp.Float("input_scaling", *input_scaling, sampling="log"),
    }
    options["depth"] = hp.Int("depth", 1, 3, default=min(stack.depth, 3))
    options["cell_options"] = json.dumps({**stack.parsed_cell_options(), **reservoir})
    return replaced(config, **options)
