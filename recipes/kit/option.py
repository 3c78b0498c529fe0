"""Options as fields of frozen dataclasses: help, bounds, heading, and what has no effect.

`option` gives a field its help, its bounds and the heading it stands under in `--help`; a class
that changes a default writes `units: int = 100` and repeats nothing. `Group` checks the values.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from recipes.kit.errors import UserError

G = TypeVar("G", bound="Group")

#: The headings of `--help`, in their order.
HEADINGS = ("data", "model", "training", "search of answers", "run")


@dataclass(frozen=True)
class Bounds:
    """Limits of a number, or of each number of a tuple; None is no limit."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def admit(self, value: float) -> bool:
        """Whether a number is finite and within the limits."""
        return (
            math.isfinite(value)
            and (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        limits = {
            "at least": self.at_least,
            "above": self.above,
            "at most": self.at_most,
            "below": self.below,
        }
        stated = [f"{word} {limit:.15g}" for word, limit in limits.items() if limit is not None]
        return " and ".join(stated) or "a finite number"


def option(
    default: Any,
    help: str,
    *,
    heading: str | None = None,
    choices: Iterable[str] = (),
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> Any:
    """A field of an option group.

    Args:
        default: Value where the option is not given.
        help: What `--help` says, without the default.
        heading: One of `HEADINGS`; by default that of the class.
        choices: Values to show in `--help`, where the type does not list them.
        at_least: Bound of the number, or of each number of a tuple.
        above: Likewise.
        at_most: Likewise.
        below: Likewise.
    """
    metadata = {
        "help": help,
        "heading": heading,
        "choices": tuple(choices),
        "bounds": Bounds(at_least, above, at_most, below),
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Option:
    """What is known of a field: what `option` said of it, wherever it was declared first."""

    name: str
    hint: Any
    default: Any
    help: str
    heading: str
    choices: tuple[str, ...]
    bounds: Bounds

    @property
    def flag(self) -> str:
        """The option as it is typed."""
        return flag(self.name)


def flag(name: str) -> str:
    """The command-line option of a field; a name that is a word of Python ends in an underscore.

    >>> flag("batch_size"), flag("from_")
    ('--batch-size', '--from')
    """
    return "--" + name.rstrip("_").replace("_", "-")


def options_of(kind: type[Any]) -> tuple[Option, ...]:
    """The options of a group: its own first, then those of its bases, the first base first."""
    if kind not in _known:
        _known[kind] = _options_of(kind)
    return _known[kind]


_known: dict[type[Any], tuple[Option, ...]] = {}


def _options_of(kind: type[Any]) -> tuple[Option, ...]:
    hints = typing.get_type_hints(kind)
    declared: dict[str, tuple[Mapping[str, Any], str]] = {}
    places: dict[str, int] = {}
    for place, base in reversed([*enumerate(kind.__mro__)]):
        for name in base.__dict__.get("__annotations__", {}):
            field = base.__dict__.get("__dataclass_fields__", {}).get(name)
            if field is not None and "help" in field.metadata:
                declared[name] = field.metadata, getattr(base, "heading", "run")
                places[name] = place
    return tuple(
        Option(
            name=field.name,
            # A default of None stands for one that depends on the data, see `presets`.
            hint=hints[field.name] if field.default is not None else hints[field.name] | None,
            default=field.default,
            help=declared[field.name][0]["help"],
            heading=declared[field.name][0]["heading"] or declared[field.name][1],
            choices=declared[field.name][0]["choices"],
            bounds=declared[field.name][0]["bounds"],
        )
        for field in sorted(dataclasses.fields(kind), key=lambda field: places[field.name])
    )


class NoEffect(UserError):
    """An option was given that does nothing with the values of others."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{flag(name)} has no effect {reason}; leave it out.")
        self.name = name


@dataclass(frozen=True)
class Group:
    """Options that belong together. Values are checked when an instance is made."""

    #: Where the options stand in `--help`.
    heading: ClassVar[str] = "run"

    def __post_init__(self) -> None:
        """Check the values. A subclass adds its own checks after `super().__post_init__()`."""
        for name, value in self.presets().items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        options = {option.name: option for option in options_of(type(self))}
        for name, each in options.items():
            value = getattr(self, name)
            numbers = value if isinstance(value, tuple) else (value,)
            for number in numbers:
                if isinstance(number, (int, float)) and not isinstance(number, bool):
                    self.require(each.bounds.admit(number), name, str(each.bounds))
        for reason, names in self.without_effect():
            for name in names:
                if getattr(self, name) != options[name].default:
                    raise NoEffect(name, reason)

    def presets(self) -> Mapping[str, Any]:
        """Defaults that depend on other fields, such as the data: the values to take instead of
        None. A field of its own type, `units: int = option(None, ...)`, is never None then."""
        return {}

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        """Fields that do nothing with the values of others: a reason, "with --model echo_state",
        and the fields, which are refused unless they are at their defaults."""
        yield from ()

    @property
    def idle(self) -> set[str]:
        """Names of the fields that do nothing with the values of others."""
        return {name for _, names in self.without_effect() for name in names}

    def require(self, condition: bool, field: str, expected: str) -> None:
        """Raise a `UserError` about the option of `field` unless `condition` holds."""
        if not condition:
            raise UserError(f"{flag(field)} must be {expected}, not {getattr(self, field)!r}.")


def replaced(options: G, **values: Any) -> G:
    """Options with other values; those that have no effect with them go back to their defaults."""
    defaults = {option.name: option.default for option in options_of(type(options))}
    while True:
        try:
            return dataclasses.replace(options, **values)
        except NoEffect as error:
            values[error.name] = defaults[error.name]
