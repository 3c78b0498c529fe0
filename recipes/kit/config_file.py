"""Config files: options as JSON, read as typed values and written back the same."""

from __future__ import annotations

import dataclasses
import difflib
import json
from pathlib import Path
from typing import Any, TypeVar

from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.kit.option import NoEffect, options_of
from recipes.kit.options import RunConfig

C = TypeVar("C", bound=RunConfig)


def to_json(config: RunConfig) -> dict[str, Any]:
    """The options as plain JSON values."""
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, (Path, Source)):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def read_config(
    kind: type[C],
    path: Path,
    recipe: str,
    *,
    default: C | None = None,
    data: Source | None = None,
    whole: bool = False,
) -> C:
    """Read a config file: a `config.json` or `best_config.json`, or a plain object of options.

    Args:
        kind: The recipe's `Config`.
        path: The file.
        recipe: Name of the recipe.
        default: Values of the options that the file leaves out; None takes those of the class.
        data: Takes the place of the data that the file names, before defaults that depend on it are
            chosen.
        whole: Whether the file is that of a run, which says at least which data it was made from.

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
    if whole and "data" not in options:
        raise DataError(path, "does not say which data it was made from: the folder is damaged")
    known = {option.name: option for option in options_of(kind)}
    values: dict[str, Any] = {}
    for name, value in options.items():
        if name in known:
            values[name] = _typed(path, name, known[name].hint, value)
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
    if data is not None:
        values["data"] = data
    while True:
        try:
            return kind(**values) if default is None else dataclasses.replace(default, **values)
        except NoEffect as error:
            if not whole:
                raise DataError(path, str(error)) from None
            del values[error.name]  # An earlier version accepted and ignored it.
        except UserError as error:
            raise DataError(path, str(error)) from None


def _typed(path: Path, name: str, hint: Any, value: Any) -> Any:
    """A JSON value as the type of a field, without any conversion that loses or guesses."""
    from pydantic import TypeAdapter, ValidationError

    try:
        if hint is Source:
            return Source.parse(TypeAdapter(str).validate_python(value, strict=True))
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
