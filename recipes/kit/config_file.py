"""Config files: options as JSON, read as typed values and written back the same."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.kit.option import NoEffect, options_of
from recipes.kit.options import RunConfig

C = TypeVar("C", bound=RunConfig)


def to_json(config: RunConfig) -> dict[str, Any]:
    """The options as plain JSON values."""
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {_key(name): _plain(value) for name, value in values.items()}


def _key(name: str) -> str:
    """The name of an option in a file: `from` for the field `from_`."""
    return name.rstrip("_")


def _plain(value: Any) -> Any:
    if isinstance(value, (Path, Source)):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class OptionFile(Generic[C]):
    """The options that a file sets.

    Attributes:
        path: The file.
        kind: The recipe's `Config`.
        values: By name, of the types of the fields.
        is_record: Whether a run or a search wrote it: with every option, in effect or not.
    """

    path: Path
    kind: type[C]
    values: Mapping[str, Any]
    is_record: bool

    def config(self, values: Mapping[str, Any] | None = None) -> C:
        """The config of the file; of these values where others took the place of some.

        A value of the file that has no effect beside those others goes back to its default, and
        one of a record in any case: it has every option, and earlier versions accepted more.

        Raises:
            DataError: If the file is wrong by itself; names the option.
            UserError: If the other values are.
        """
        merged = dict(self.values if values is None else values)
        while True:
            try:
                return self.kind(**merged)
            except UserError as error:
                alone = self._fault() if values is not None else str(error)
                if isinstance(error, NoEffect) and (self.is_record or alone != str(error)):
                    name = error.name
                    if name in self.values and merged[name] == self.values[name]:
                        del merged[name]
                        continue
                if alone == str(error):
                    raise DataError(self.path, alone) from None
                raise

    def _fault(self) -> str:
        """What is wrong with the file by itself."""
        try:
            self.kind(**self.values)
        except UserError as error:
            return str(error)
        return ""


def read_options(kind: type[C], path: Path, recipe: str) -> OptionFile[C]:
    """Read a file of options: a `config.json` or `best_config.json`, or a plain object.

    Args:
        kind: The recipe's `Config`.
        path: The file.
        recipe: Name of the recipe.

    Raises:
        DataError: If it cannot be read, is not JSON, belongs to another recipe, or has an option
            that does not exist or a value of another type; names the file and the option.
    """
    content = read_json(path)
    if content.get("recipe", recipe) != recipe:
        raise DataError(path, f"is for the recipe {content['recipe']!r}, expected {recipe!r}")
    options = content.get("options", {k: v for k, v in content.items() if k != "recipe"})
    if not isinstance(options, dict):
        raise DataError(path, f"expected an object of options, found {options!r}")
    known = {_key(option.name): option for option in options_of(kind)}
    values: dict[str, Any] = {}
    for name, value in options.items():
        if name in known:
            values[known[name].name] = _typed(path, name, known[name].hint, value)
        elif name not in kind.retired:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise DataError(path, f"has an unknown option {name!r}{hint}")
        elif kind.retired[name] not in (None, value):
            raise DataError(
                path,
                f"sets the retired option {name!r}, which must be "
                f"{kind.retired[name]!r}, not {value!r}",
            )
    return OptionFile(path, kind, values, is_record="versions" in content)


def read_config(kind: type[C], path: Path, recipe: str) -> C:
    """The config that a run wrote.

    Raises:
        DataError: As for `read_options`; or if it does not say which data the run was made from.
    """
    file = read_options(kind, path, recipe)
    if "data" not in file.values:
        raise DataError(path, "does not say which data it was made from: the folder is damaged")
    return dataclasses.replace(file, is_record=True).config()


def _typed(path: Path, name: str, hint: Any, value: Any) -> Any:
    """A JSON value as the type of a field, without any conversion that loses or guesses."""
    from pydantic import TypeAdapter, ValidationError

    try:
        if hint is Source:
            return Source.parse(TypeAdapter(str).validate_python(value, strict=True))
        if hint == tuple[str, ...] and not isinstance(value, list):
            value = [] if value is None else [value]  # Earlier versions took one at most.
        return TypeAdapter(hint).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        reasons = dict.fromkeys(e["msg"].removeprefix("Input should be ") for e in error.errors())
        expected = " or ".join(reasons)
        raise DataError(path, f"{name}: expected {expected}, found {json.dumps(value)}") from None
    except UserError as error:
        raise DataError(path, str(error)) from None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: If it cannot be read or is not one; names the line.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(path, "is not UTF-8 text; expected a JSON object") from None
    except json.JSONDecodeError as error:
        raise DataError(path, f"is not JSON: {error.msg}", line=error.lineno) from None
    if not isinstance(content, dict):
        raise DataError(path, f"holds a {type(content).__name__}; expected a JSON object")
    return content
