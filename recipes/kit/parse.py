"""Words of a command line into options, by tyro; what is wrong with them in one line."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import os
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import tyro

from recipes.kit.data.source import Source
from recipes.kit.errors import UserError
from recipes.kit.option import HEADINGS, Option, options_of

#: Words that ask for help.
HELP = {"-h", "--help"}


def parse(
    words: Sequence[str], *kinds: type[Any], prog: str, description: str = ""
) -> tuple[Any, ...]:
    """Read options into one or several dataclasses. `--help` prints them by heading and exits.

    Args:
        words: Words of the command line.
        kinds: Subclasses of `Group`; their fields are the options, and no name occurs twice.
        prog: Name of the program in the help.
        description: What the help says first.

    Returns:
        An instance of each kind.

    Raises:
        UserError: Which option is wrong, in one line.
    """
    values = parse_values(words, *kinds, prog=prog, description=description)
    return tuple(kind(**fields) for kind, fields in zip(kinds, values, strict=True))


def parse_values(
    words: Sequence[str],
    *kinds: type[Any],
    prog: str,
    description: str = "",
    defaults: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], ...]:
    """What `parse` makes its dataclasses of: for each kind the values of its fields.

    Args:
        words: Words of the command line.
        kinds: As for `parse`.
        prog: Likewise.
        description: Likewise.
        defaults: Values of options that are not given, in place of the fields' own.

    Raises:
        UserError: Which option cannot be read; values that do not fit each other are not noticed.
    """
    options = [option for kind in kinds for option in options_of(kind)]
    values = {option.name: option.default for option in options} | dict(defaults or {})
    headings = [h for h in HEADINGS if any(option.heading == h for option in options)]
    groups = {
        heading: [option for option in options if option.heading == heading] for heading in headings
    }
    view = dataclasses.make_dataclass(
        "Options",
        [
            (heading.replace(" ", "_"), _view(heading, members), _default(heading, members, values))
            for heading, members in groups.items()
        ],
    )
    parsed = _run_tyro(view, words, prog, description)
    given: dict[str, Any] = {}
    for heading, members in groups.items():
        group = getattr(parsed, heading.replace(" ", "_"))
        given.update({option.name: getattr(group, option.name) for option in members})
    for option in options:
        if option.hint in (Source, Source | None) and given[option.name] is not None:
            given[option.name] = Source.parse(given[option.name])
    return tuple({o.name: given[o.name] for o in options_of(kind)} for kind in kinds)


def value_of(flag: str, words: Sequence[str]) -> str | None:
    """The word given for an option, looked up before all others are parsed; None without it.

    >>> value_of("--config", ["--config", "b.json", "--units", "3", "--config=c.json"])
    'c.json'
    """
    value = None
    for word, following in itertools.pairwise([*words, ""]):
        if word == flag:
            value = following or value
        elif word.startswith(f"{flag}="):
            value = word.partition("=")[2]
    return value


def given_options(words: Sequence[str], kind: type[Any]) -> frozenset[str]:
    """Names of the options of a kind that are among the words, whatever their values.

    >>> from recipes.kit.options import FitConfig
    >>> sorted(given_options(["--epochs", "20", "--no-tensorboard", "--seed=3"], FitConfig))
    ['epochs', 'seed', 'tensorboard']
    """
    flags = {word.partition("=")[0].replace("_", "-") for word in words if word.startswith("--")}
    names = {option.flag: option.name for option in options_of(kind)}
    names |= {option.flag.replace("--", "--no-", 1): option.name for option in options_of(kind)}
    return frozenset(names[flag] for flag in flags & {*names})


def split_words(words: Sequence[str], *kinds: type[Any]) -> tuple[list[str], list[str]]:
    """Plain words, and options with their values, wherever they stand; after `--` all are plain.

    A word with a blank in it is plain, though it begins with a dash, unless it is an option of the
    kinds. Of an option with several values each stands after a flag of its own.

    >>> from recipes.kit.options import RunConfig
    >>> split_words(["--seed", "3", "folder", "- text", "--data=x", "--", "-1"], RunConfig)
    (['folder', '- text', '-1'], ['--seed', '3', '--data=x'])
    """
    every = [option for kind in kinds for option in options_of(kind)]
    alone = {option.flag for option in every if option.hint is bool}
    several: dict[str, list[str]] = {
        option.flag: [] for option in every if typing.get_args(option.hint)[1:] == (...,)
    }
    plain: list[str] = []
    options: list[str] = []
    remaining = iter(words)
    for word in remaining:
        name, equals, value = word.partition("=")
        if word == "--":
            plain += remaining
        elif not word.startswith("-") or word == "-":
            plain.append(word)
        elif any(map(str.isspace, word)) and not is_option(word, *kinds):
            plain.append(word)
        elif name in several:
            several[name] += [value] if equals else [*itertools.islice(remaining, 1)]
        elif word in HELP or equals or word.replace("--no-", "--", 1) in alone:
            options.append(word)
        else:
            options += [word, *itertools.islice(remaining, 1)]
    options += [word for flag, values in several.items() if values for word in (flag, *values)]
    return plain, options


def is_option(word: str, *kinds: type[Any]) -> bool:
    """Whether a word is an option of some kinds, with a value or without.

    >>> from recipes.kit.options import RunConfig
    >>> is_option("--data=my file", RunConfig), is_option("-5 degrees", RunConfig)
    (True, False)
    """
    name = word.partition("=")[0].replace("_", "-").replace("--no-", "--", 1)
    return name in HELP or any(name == o.flag for kind in kinds for o in options_of(kind))


def _view(heading: str, members: Sequence[Option]) -> Any:
    return Annotated[_class_of(heading, members), tyro.conf.OmitArgPrefixes]


def _default(heading: str, members: Sequence[Option], values: dict[str, Any]) -> Any:
    make = _class_of(heading, members)
    shown = {o.name: values[o.name] for o in members}
    shown = {name: str(v) if isinstance(v, Source) else v for name, v in shown.items()}
    return dataclasses.field(default_factory=lambda: make(**shown))


_classes: dict[tuple[Any, ...], type] = {}


def _class_of(heading: str, members: Sequence[Option]) -> type:
    """The options under one heading as tyro reads them, in a dataclass of their own."""
    key = (heading, *((o.name, str(o.hint)) for o in members))
    if key not in _classes:
        kind = dataclasses.make_dataclass(heading, [(o.name, _annotated(o)) for o in members])
        kind.__doc__ = ""
        _classes[key] = kind
    return _classes[key]


def _annotated(option: Option) -> Any:
    hint = _as_typed(option.hint)
    metavar = "{" + ",".join(option.choices) + "}" if option.choices else None
    unset = option.default in (None, ())  # The help of such an option says what applies without it.
    if option.default is None:
        metavar = metavar or _metavar(hint)
    argument = tyro.conf.arg(
        name=option.flag.removeprefix("--") if option.name.endswith("_") else None,
        help=option.help,
        metavar=metavar,
        help_behavior_hint="" if unset else None,
    )
    if hint is bool and option.heading == "run":
        return Annotated[hint, argument, tyro.conf.FlagCreatePairsOff]
    return Annotated[hint, argument]


def _metavar(hint: Any) -> str:
    """What stands for a value in the help, without the None that nobody types.

    >>> _metavar(tuple[int, int] | None)
    'INT INT'
    >>> _metavar(tuple[int, ...] | None)
    'INT ...'
    >>> _metavar(typing.Literal["a", "b"] | None)
    '{a,b}'
    >>> _metavar(typing.Literal[",", "."])
    '{, .}'
    """
    members = typing.get_args(hint)
    match typing.get_origin(hint):
        case typing.Union | types.UnionType:
            return "|".join(_metavar(each) for each in members if each is not types.NoneType)
        case typing.Literal:
            return "{" + (" " if "," in members else ",").join(map(str, members)) + "}"
        case origin if origin is tuple:
            return " ".join("..." if each is ... else _metavar(each) for each in members)
    return str(hint.__name__).upper()


def _as_typed(hint: Any) -> Any:
    """The type of what a person types: a source is a word."""
    return {Source: str, Source | None: str | None}.get(hint, hint)


def _run_tyro(view: type, words: Sequence[str], prog: str, description: str) -> Any:
    errors = io.StringIO()
    asks = bool(HELP & {*words})
    try:
        with contextlib.redirect_stderr(errors), _wide_terminal(not asks):
            return tyro.cli(view, args=list(words), prog=prog, description=description)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UserError(_one_line(errors.getvalue())) from None


@contextlib.contextmanager
def _wide_terminal(wide: bool) -> Iterator[None]:
    """Keep tyro from wrapping its message, which is to become one line."""
    before = os.environ.get("COLUMNS")
    if wide:
        os.environ["COLUMNS"] = "2000"
    try:
        yield
    finally:
        if before is not None:
            os.environ["COLUMNS"] = before
        elif wide:
            del os.environ["COLUMNS"]


def _one_line(box: str) -> str:
    """Reduce tyro's framed message to its first sentence and its suggestion."""
    lines = [line.strip("│ ") for line in box.splitlines()]
    if "╭" not in box:  # where the terminal has no UTF-8, the title stands in a line of its own
        lines = lines[1:]
    lines = [line for line in lines if line.strip("─-") and line[0] not in "╭╰"]
    message = lines[0].rstrip(".") if lines else "The options cannot be read"
    message = re.sub(r"('None', |, 'None'(?=\)))", "", message)  # Nobody types it.
    if message.endswith(":"):
        message += " " + " ".join(lines[1 : lines.index("For full helptext, run:")])
    if "Perhaps you meant:" in lines:
        near = lines[lines.index("Perhaps you meant:") + 1].split()[0].rstrip(",")
        message += f"; did you mean {near}?"
    return message
