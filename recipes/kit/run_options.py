"""The options of `train` and `tune`: from the command line, a file, and runs that came before."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from textwrap import indent
from typing import Any, Literal

from recipes.kit import output
from recipes.kit.config_file import OptionFile, read_options
from recipes.kit.earlier import kept_options
from recipes.kit.errors import UserError
from recipes.kit.finding import description_of
from recipes.kit.option import Group, flag, option
from recipes.kit.parse import HELP, given_options, parse_values, value_of


@dataclass(frozen=True)
class RunFlags(Group):
    """Where a run goes, and how it starts; no part of the config."""

    out: Path | None = option(None, "Output folder; by default in saved_models/.")
    config: Path | None = option(
        None, "JSON file of options, such as config.json; options given here override it."
    )
    resume: bool = option(False, "Continue an interrupted run.")
    overwrite: bool = option(False, "Replace an existing run.")


@dataclass(frozen=True)
class TuneFlags(RunFlags):
    """How a search goes."""

    trials: int = option(10, "Number of configurations to try.", at_least=1)
    tuner: Literal["random", "bayesian", "hyperband"] = option(
        "bayesian", "How the next configuration is chosen."
    )


def read_run_options(
    name: str, kind: type[Any], flags: type[Any], words: list[str], prog: str
) -> tuple[Any, Any]:
    """The config and the flags; what `--config` holds takes the place of the defaults."""
    file = _option_file(name, kind, words)
    defaults = {**_kept(name, kind, words, file), **({} if file is None else file.values)}
    about = _about(name)
    values, given = parse_values(
        words, kind, flags, prog=prog, description=about, defaults=defaults
    )
    return kind(**values) if file is None else file.config(values), flags(**given)


def given_by_hand(name: str, kind: type[Any], words: list[str]) -> frozenset[str]:
    """The options that the user gave: in the words, in the file of `--config`, by `--from`."""
    file = _option_file(name, kind, words)
    kept = _kept(name, kind, words, file)
    return given_options(words, kind).union(kept, () if file is None else file.values)


def _option_file(name: str, kind: type[Any], words: list[str]) -> OptionFile[Any] | None:
    path = value_of("--config", words)
    return None if path is None else read_options(kind, Path(path), name)


def _kept(
    name: str, kind: type[Any], words: list[str], file: OptionFile[Any] | None
) -> dict[str, Any]:
    """The options of the model that `--from` names."""
    folder = value_of("--from", words) or (file and file.values.get("from_"))
    return kept_options(kind, Path(folder), name) if folder and not HELP & {*words} else {}


def _about(name: str) -> str:
    """What the help of a recipe says first."""
    first, facts, rest = description_of(name).split("\n\n", 2)
    return "\n\n".join((first, indent(facts, "    "), rest))


def read_resumed(name: str, kind: type[Any], words: list[str], prog: str) -> tuple[Any, RunFlags]:
    """The config of the interrupted run, and the flags; options that differ are refused."""
    out = Path(value_of("--out", words) or output.default_folder(name))
    output.check_free(out, overwrite="--overwrite" in words, resume=True)
    before = output.read_run_config(kind, output.unfinished_folder(out), name)
    values = {field.name: getattr(before, field.name) for field in fields(before)}
    file = _option_file(name, kind, words)
    defaults = values if file is None else {**values, **file.values}
    now, given = parse_values(words, kind, RunFlags, prog=prog, defaults=defaults)
    for field, value in values.items():
        if _absolute(now[field]) != _absolute(value):
            raise UserError(
                f"--resume: the interrupted run has {flag(field)} {value}, not {now[field]}; "
                "leave it out, or start again with --overwrite."
            )
    return before, RunFlags(**given)


def _absolute(value: Any) -> Any:
    """A path from the root; other values as they are."""
    return value.resolve() if isinstance(value, Path) else value
