"""The folder of a run: written beside its final place and moved there complete, or not at all."""

from __future__ import annotations

import csv
import json
import math
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from recipes.kit.config_file import C, read_config, read_json, to_json
from recipes.kit.errors import DataError, UserError
from recipes.kit.options import RunConfig

CONFIG = "config.json"
MODEL = "model.keras"
SAVED_MODEL = "saved_model"
PLOTS = "plots"
METRICS = "metrics.json"
HISTORY = "history.csv"
ANSWERS = "test_answers.jsonl"
DATA = "data.json"
CHECKPOINTS = "checkpoints"
#: In the folder of each training below `CHECKPOINTS`: the file that makes it one to resume.
STATE = "state.json"

_PACKAGES = ("rnn-zoo", "keras", "tensorflow", "numpy")


def default_folder(recipe: str) -> Path:
    """Where a recipe's model goes unless the user says otherwise."""
    return Path("saved_models") / recipe


def unfinished_folder(out: Path) -> Path:
    """Where a run works until it is complete: a hidden folder beside its final place."""
    out = out.resolve()
    return out.parent / f".{out.name}.unfinished"


def read_record(path: Path, fields: Sequence[str]) -> dict[str, Any]:
    """Read what `export` wrote beside a model: a JSON object with these fields.

    Raises:
        DataError: If it cannot be read or lacks one.
    """
    record = read_json(path)
    for name in fields:
        if name not in record:
            raise DataError(path, f"has no {name!r}: the folder is damaged")
    return record


def is_run(folder: Path) -> bool:
    """Whether a folder is one that `train` wrote, and nothing else with a `config.json`."""
    try:
        record = read_json(folder / CONFIG)
    except UserError:
        return False
    return {"recipe", "options", "versions"} <= set(record) and (folder / METRICS).is_file()


def resumable(out: Path) -> bool:
    """Whether there is an interrupted run for `out` that can be resumed."""
    return any((unfinished_folder(out) / CHECKPOINTS).rglob(STATE))


def check_free(out: Path, *, overwrite: bool, resume: bool) -> None:
    """Refuse a folder that holds something a run would destroy, before any work is done.

    Raises:
        UserError: If `out` holds a model and `overwrite` is not given, holds anything else, cannot
            be replaced as a whole, or an unfinished run waits to be resumed or discarded.
    """
    if resume and overwrite:
        raise UserError("--resume and --overwrite cannot be combined: continue, or start again.")
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: is a file; expected a folder or a new name.")
    if out.exists() and (out.is_mount() or out.resolve() == Path.cwd()):
        raise UserError(
            f"--out {out}: is a mount point or the folder you are in, and cannot be replaced as a "
            "whole; give a folder inside it."
        )
    if out.exists() and any(out.iterdir()):
        if not is_run(out):
            raise UserError(
                f"--out {out}: contains files that are not an rnn-zoo run; give another folder."
            )
        if not overwrite and not resume:
            raise UserError(
                f"--out {out}: contains a finished run; give another folder, or --overwrite."
            )
    if resumable(out) and not (overwrite or resume):
        raise UserError(
            f"--out {out}: contains an interrupted run; --resume continues it, "
            "--overwrite discards it."
        )
    if resume and not resumable(out):
        raise UserError(f"--resume: there is no interrupted run for {out}.")


@contextmanager
def unfinished_run(
    out: Path, recipe: str, config: RunConfig, *, command: str = "", resume: bool
) -> Iterator[Path]:
    """Give a folder to work in; move it to `out` when the work is done.

    `command`, what the user typed, is noted in `config.json`; a resumed run keeps what was noted.

    When the work fails before anything could be resumed, the folder goes. When it fails or is
    interrupted later, it stays for `--resume`.
    """
    folder = unfinished_folder(out)
    made = [parent for parent in folder.parents if not parent.exists()]
    try:
        if folder.exists() and not resume:
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=resume)
        before = read_json(folder / CONFIG) if resume else {"command": command}
        write_json(folder / CONFIG, {**before, **run_record(recipe, config)})
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written: {error.strerror}.") from None
    try:
        yield folder
    except BaseException:
        if not resumable(out):
            shutil.rmtree(folder, ignore_errors=True)
            for parent in made:
                with suppress(OSError):
                    parent.rmdir()
        raise
    _publish(folder, out)


def update_config(folder: Path, config: RunConfig, **notes: Any) -> None:
    """Put other options, and notes, into the `config.json` of a run that has begun."""
    record = {**read_json(folder / CONFIG), "options": to_json(config), **notes}
    write_json(folder / CONFIG, record)


def _publish(folder: Path, out: Path) -> None:
    """Move the finished folder into place; what was there is deleted only once that has worked."""
    place = out.resolve()
    old = folder.with_suffix(".replaced")
    try:
        if old.exists():
            shutil.rmtree(old)
        if place.exists():
            place.rename(old)
        try:
            folder.rename(place)
        except OSError:
            if old.exists():
                old.rename(place)
            raise
    except OSError as error:
        raise UserError(
            f"--out {out}: cannot be replaced ({error.strerror}); the finished run is in {folder}."
        ) from None
    shutil.rmtree(place / CHECKPOINTS, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def run_record(recipe: str, config: RunConfig) -> dict[str, Any]:
    """What `config.json` says: the recipe, every option, the versions."""
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {"recipe": recipe, "options": to_json(config), "versions": versions}


def recipe_of(folder: Path) -> str:
    """The name of the recipe that wrote a folder.

    Raises:
        UserError: If the folder is missing or no recipe wrote it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected one that `rnn-zoo train` wrote.")
    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder}: has no {CONFIG}; expected a folder that `rnn-zoo train` wrote.")
    recipe = read_json(folder / CONFIG).get("recipe")
    if not isinstance(recipe, str):
        raise UserError(f"{folder / CONFIG}: does not name a recipe.")
    return recipe


def read_run_config(kind: type[C], folder: Path, recipe: str | None = None) -> C:
    """The config a folder was made with; `recipe`, where given, must be the one that made it."""
    return read_config(kind, folder / CONFIG, recipe or recipe_of(folder))


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as JSON, a line each; what is not a finite number becomes null."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(finite(row), ensure_ascii=False, allow_nan=False) + "\n")


def finite(value: Any) -> Any:
    """A value as JSON can hold it: numbers that are not finite, however deep, become None."""
    if isinstance(value, Mapping):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV, with a column for every name in any of them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=names)
        writer.writeheader()
        writer.writerows(rows)


def write_table(path: Path, content: Sequence[Mapping[str, Any]] | str | bytes) -> None:
    """Write rows as CSV, or a text or bytes as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        write_rows(path, content)
