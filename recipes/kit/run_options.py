"""The options of `train` and `tune`: from the command line, a file, and runs that came before."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from textwrap import indent
from typing import Any, ClassVar, Literal

from recipes.kit import output
from recipes.kit.amount import described
from recipes.kit.config_file import OptionFile, read_options
from recipes.kit.data.source import SPLITS, Source
from recipes.kit.earlier import kept_options
from recipes.kit.errors import UserError
from recipes.kit.finding import description_of
from recipes.kit.option import Group, flag, option
from recipes.kit.parse import HELP, given_options, parse_values, value_of


@dataclass(frozen=True)
class PartFlags(Group):
    """Files of the parts, instead of `--data`; together they become the config's source."""

    heading: ClassVar[str] = "data"

    train: str | None = option(
        None,
        "File to train on, instead of --data; where a recipe reads two files side by side, with a "
        "comma between them.",
    )
    valid: str | None = option(
        None, "File to validate on, with --train; without it a part of --train is split off."
    )
    test: str | None = option(
        None, "File to test on, with --train; without it a part of --train is split off."
    )

    @property
    def source(self) -> Source | None:
        """The files of the parts; None where none is named.

        Raises:
            UserError: If there is none to train on, or a path is empty.
        """
        named = {split: text for split in SPLITS if (text := getattr(self, split)) is not None}
        for split, text in named.items():
            if not text.strip():
                raise UserError(f"--{split} is empty; expected a path.")
        parts = {split: Source.parse(text).paths for split, text in named.items()}
        for split, paths in parts.items():
            if not paths:
                raise UserError(f"--{split} {named[split]}: expected a path.")
        return Source.of_parts(parts) if parts else None


@dataclass(frozen=True)
class RunFlags(PartFlags):
    """Where a run goes, and how it starts; no part of the config."""

    heading: ClassVar[str] = "run"

    out: Path | None = option(None, "Output folder; by default in saved_models/.")
    config: Path | None = option(
        None, "JSON file of options, such as config.json; options given here override it."
    )
    resume: bool = option(False, "Continue an interrupted run.")
    overwrite: bool = option(False, "Replace an existing run.")


@dataclass(frozen=True)
class CheckFlags(PartFlags):
    """How what was understood is printed."""

    heading: ClassVar[str] = "run"

    config: Path | None = option(
        None, "JSON file of options, such as config.json; options given here override it."
    )
    json: bool = option(False, "Print one JSON object.")


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
    about = "\n\n".join(part for part in (_about(name), described(kind)) if part)
    values, given = parse_values(
        words, kind, flags, prog=prog, description=about, defaults=defaults
    )
    parsed = flags(**given)
    values = _with_parts(values, parsed, words)
    return kind(**values) if file is None else file.config(values), parsed


def _with_parts(values: dict[str, Any], flags: PartFlags, words: list[str]) -> dict[str, Any]:
    """The values, with the files of `--train`, `--valid` and `--test` as their source."""
    source = flags.source
    if source is None:
        return values
    if value_of("--data", words) is not None:
        raise UserError("--data and --train cannot be combined: a source, or a file for each part.")
    return {**values, "data": source}


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
    now = _with_parts(now, flags := RunFlags(**given), words)
    for field, value in values.items():
        if _absolute(now[field]) != _absolute(value):
            raise UserError(
                f"--resume: the interrupted run has {flag(field)} {value}, not {now[field]}; "
                "leave it out, or start again with --overwrite."
            )
    return before, flags


def _absolute(value: Any) -> Any:
    """A path from the root; other values as they are."""
    return value.resolve() if isinstance(value, Path) else value
