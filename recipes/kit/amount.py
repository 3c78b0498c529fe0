"""Options that depend on how much there is to train on.

Training is counted in epochs, and with 48 examples in batches of 32 an epoch is two updates: it
would stop before anything is learned. So with little data batches are smaller, and epochs and
patience are worth a number of updates. A recipe's `for_little` changes other defaults besides, such
as the width of a model that would learn so few examples by heart. What the user gave by hand stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from recipes.kit.option import flag, options_of, replaced
from recipes.kit.options import FitConfig, RunConfig

C = TypeVar("C", bound=FitConfig)

#: With little data, no training stops before so many updates.
LEAST_UPDATES = 300

#: With little data, an epoch has about so many batches, as long as they hold `_LEAST_BATCH`.
_BATCHES = 25
_LEAST_BATCH = 4


@dataclass(frozen=True)
class Amount:
    """How much there is to train on.

    Attributes:
        examples: Number of examples; batches are made of them.
        what: What they are called, "clips".
        updates: From the size of a batch to the number of batches in an epoch, where it is not that
            of the examples.
        limits: Highest values of options that the data allows.
    """

    examples: int
    what: str
    updates: Callable[[int], int] | None = None
    limits: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.examples:,} {self.what}"

    def steps(self, batch_size: int) -> int:
        """Number of batches in an epoch."""
        return self.updates(batch_size) if self.updates else -(-self.examples // batch_size)


def suited(config: C, amount: Amount, given: Collection[str]) -> tuple[C, dict[str, Any]]:
    """A config for the amount of data.

    Args:
        config: The options as they are for plenty of data.
        amount: How much there is.
        given: Names of the options that the user gave, which stay.

    Returns:
        The config, and the options that are not as they were, by name; none with plenty of data.
    """
    limits = [limit for limit in sorted(config.for_little) if amount.examples < limit]
    if not limits or "epochs" in config.idle:
        return config, {}
    values: dict[str, Any] = {
        "batch_size": min(config.batch_size, _batch_size(amount.examples)),
        **config.for_little[limits[0]],
    }
    for name, limit in amount.limits.items():
        if name in values:
            values[name] = min(values[name], limit)
    kept = {*given, *config.idle}
    batch_size = config.batch_size if "batch_size" in kept else values["batch_size"]
    enough = -(-LEAST_UPDATES // amount.steps(batch_size))
    values["epochs"] = max(values.get("epochs", config.epochs), enough)
    epochs = config.epochs if "epochs" in kept else values["epochs"]
    values["patience"] = max(values.get("patience", config.patience), min(enough, epochs))
    changed = {
        name: value
        for name, value in values.items()
        if name not in kept and value != getattr(config, name)
    }
    return replaced(config, **changed), changed


def _batch_size(examples: int) -> int:
    """A power of two that cuts the examples into about `_BATCHES`."""
    return max(_LEAST_BATCH, 1 << max(0, (examples // _BATCHES).bit_length() - 1))


def changed_by_hand(config: RunConfig) -> frozenset[str]:
    """The options that are not at their defaults: what counts as given where no words say so."""
    presets = config.presets()
    usual = {
        option.name: presets.get(option.name) if option.default is None else option.default
        for option in options_of(type(config))
    }
    return frozenset(name for name, value in usual.items() if getattr(config, name) != value)


def described(kind: type[Any]) -> str:
    """What little data changes, for the help of a recipe; empty where nothing depends on it."""
    if not issubclass(kind, FitConfig) or not kind.for_little:
        return ""
    tables = sorted(kind.for_little.items(), reverse=True)
    text = (
        f"With fewer than {tables[0][0]:,} training examples, options that are not given follow "
        f"their number: smaller batches, and epochs and patience for {LEAST_UPDATES} updates"
    )
    return (
        "; ".join(
            [text, *(f"below {limit:,} {as_words(table)}" for limit, table in tables if table)]
        )
        + "."
    )


def as_words(options: Mapping[str, Any]) -> str:
    """Options as they would be typed.

    >>> as_words({"batch_size": 4, "dropout": 0.5, "spec_augment": False})
    '--batch-size 4 --dropout 0.5 --no-spec-augment'
    """
    return " ".join(
        (flag(name) if value else flag(f"no_{name}"))
        if isinstance(value, bool)
        else f"{flag(name)} {value:g}"
        if isinstance(value, float)
        else f"{flag(name)} {value}"
        for name, value in options.items()
    )
