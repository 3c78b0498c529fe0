"""Optimizers that clip the gradient and remember how large it was before."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from recipes.kit.options import FitConfig


@dataclass(frozen=True)
class GradientReport:
    """Gradients of some training steps.

    Attributes:
        mean_norm: Mean over the steps of the norm over all weights, before clipping.
        max_norm: The largest of these norms.
        clipped_fraction: Share of the steps in which clipping changed the gradient.
    """

    mean_norm: float
    max_norm: float
    clipped_fraction: float


class _WatchGradients(keras.optimizers.Optimizer):
    """Mixin for a Keras optimizer: counts steps, norms before clipping, and clipped steps."""

    def build(self, variables: Any) -> None:
        super().build(variables)
        self._watch = {
            name: self.add_variable((), "zeros", "float32", name=f"gradient_{name}")
            for name in ("steps", "norm_sum", "norm_max", "clipped")
        }

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        if not self.built:
            self.build(trainable_variables)
        variables = trainable_variables or self._trainable_variables
        grads = [_whole(g, v) for g, v in zip(grads, variables, strict=True)]
        values = [g for g in grads if g is not None]
        squares = [ops.sum(ops.square(ops.cast(v, "float32"))) for v in values]
        norm = ops.sqrt(sum(squares))
        clipped = ops.cast(self._bites(values, squares, norm), "float32")
        watch = self._watch
        watch["steps"].assign(watch["steps"] + 1)
        watch["norm_sum"].assign(watch["norm_sum"] + norm)
        watch["norm_max"].assign(ops.maximum(watch["norm_max"], norm))
        watch["clipped"].assign(watch["clipped"] + clipped)
        return super().apply(grads, trainable_variables)

    def _bites(self, values: list[Any], squares: list[Any], norm: Any) -> Any:
        if self.clipvalue is not None:
            return ops.max(ops.stack([ops.max(ops.abs(v)) for v in values])) > self.clipvalue
        if self.clipnorm is not None:
            return ops.max(ops.stack(squares)) > self.clipnorm**2
        if self.global_clipnorm is not None:
            return norm > self.global_clipnorm
        return False

    def take_report(self) -> GradientReport:
        """The report of the steps since the last call."""
        values = {name: float(ops.convert_to_numpy(v)) for name, v in self._watch.items()}
        for variable in self._watch.values():
            variable.assign(ops.zeros_like(variable))
        steps = max(values["steps"], 1.0)
        return GradientReport(
            values["norm_sum"] / steps, values["norm_max"], values["clipped"] / steps
        )


def _whole(gradient: Any, variable: Any) -> Any:
    """A gradient as one tensor.

    TensorFlow gives an embedding's as a row for each look-up. Those of one word belong together:
    Keras clips them apart otherwise, and the norm would be too small.
    """
    if not hasattr(gradient, "dense_shape"):
        return gradient
    return ops.segment_sum(gradient.values, gradient.indices, num_segments=variable.shape[0])


class WatchedAdam(_WatchGradients, keras.optimizers.Adam):
    pass


class WatchedAdamW(_WatchGradients, keras.optimizers.AdamW):
    pass


class WatchedRMSprop(_WatchGradients, keras.optimizers.RMSprop):
    pass


class WatchedSGD(_WatchGradients, keras.optimizers.SGD):
    pass


def make_optimizer(config: FitConfig, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer of a config.

    Args:
        config: Says the rule, the learning rate, its schedule and the clipping.
        steps: Steps of the whole training, for the cosine schedule.
    """
    rate: Any = config.learning_rate
    if config.schedule == "cosine":
        warmup = max(1, steps // 20)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(1, steps - warmup), warmup_target=config.learning_rate, warmup_steps=warmup
        )
    if config.optimizer == "sgd":
        return WatchedSGD(rate, momentum=0.9, **config.clipping)
    rule = {"adam": WatchedAdam, "adamw": WatchedAdamW, "rmsprop": WatchedRMSprop}[config.optimizer]
    return rule(rate, **config.clipping)


def clipping_hint(config: FitConfig, history: Sequence[Mapping[str, float]]) -> str | None:
    """A hint when the clipping threshold never acts, or always does.

    Args:
        config: Has the threshold.
        history: Rows of the training.
    """
    if "clipped_fraction" not in history[0] or not config.clipping:
        return None  # there was no gradient, or nothing clips
    ((rule, threshold),) = config.clipping.items()
    option = "--" + rule.replace("_", "-")
    if all(row["clipped_fraction"] == 0 for row in history):
        largest = max(row["gradient_norm_max"] for row in history)
        return (
            f"{option} {threshold:g} never acted: the largest gradient norm was {largest:.3g}. "
            "It only guards against exploding gradients here."
        )
    if all(row["clipped_fraction"] >= 0.99 for row in history):
        typical = statistics.median(row["gradient_norm"] for row in history)
        return (
            f"{option} {threshold:g} clipped every step (gradient norm about {typical:.3g}): it "
            f"acts as a smaller learning rate. Try {option} {float(f'{2 * typical:.1g}'):g}."
        )
    return None
