"""Going on from the weights of an earlier run (`--from`): what is kept of it, and what is refused.

The model is that of the earlier run, and with it its scaling. Its recipe's `load_data` takes
vocabulary, classes or symbols from the lists beside it (`read_earlier`) instead of the new data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from recipes.kit import output
from recipes.kit.data.facts import Fact
from recipes.kit.errors import UserError
from recipes.kit.option import flag, options_of
from recipes.kit.options import RunConfig

#: Names of things listed in a message.
_LISTED = 10


def kept_options(kind: type[RunConfig], folder: Path, recipe: str) -> dict[str, Any]:
    """The options of a finished run that belong to its model: a training that starts from it has
    the same.

    Args:
        kind: The recipe's `Config`.
        folder: The run.
        recipe: Name of the recipe.

    Raises:
        UserError: If the folder is not a finished run of the recipe.
    """
    found = output.recipe_of(folder)
    if found != recipe:
        raise UserError(f"--from {folder}: is a run of {found}; expected one of {recipe}.")
    if not output.is_run(folder):
        raise UserError(f"--from {folder}: expected a finished run, with {output.METRICS}.")
    config = output.read_run_config(kind, folder, recipe)
    return {name: getattr(config, name) for name in kept_names(kind)}


def kept_names(kind: type[RunConfig]) -> list[str]:
    """Names of the options that belong to the model."""
    options = options_of(kind)
    return [o.name for o in options if o.heading == "model" or o.name in kind.kept]


def check_kept(config: RunConfig, recipe: str) -> None:
    """Refuse options of another model than that of the run to start from.

    Raises:
        UserError: Names the option, and what it has to be.
    """
    if config.from_ is None:
        return
    for name, value in kept_options(type(config), config.from_, recipe).items():
        if getattr(config, name) != value:
            raise UserError(
                f"{flag(name)} is {value} in the model of --from {config.from_}, not "
                f"{getattr(config, name)}; leave it out."
            )


def read_earlier(config: RunConfig, file: str, fields: Sequence[str]) -> dict[str, Any] | None:
    """What the run to start from left beside its model; None where there is none.

    Args:
        config: Says whether there is one.
        file: Name of the file.
        fields: What it must hold.

    Raises:
        DataError: If the file is missing or damaged.
    """
    return None if config.from_ is None else output.read_record(config.from_ / file, fields)


def check_known(config: RunConfig, what: str, used: Iterable[str], known: Collection[str]) -> None:
    """Refuse what the model to start from has no output for; everything is welcome without one.

    Args:
        config: Says which model that is, if any.
        what: What they are, "tags".
        used: Those of the new training part.
        known: Those of the model.

    Raises:
        UserError: Names the new ones.
    """
    if config.from_ is None:
        return
    if new := [name for name in dict.fromkeys(used) if name not in known]:
        raise UserError(
            f"--from {config.from_}: its model has no output for the {what} {_listed(new)} of the "
            f"new training data; expected some of {_listed([*known])}."
        )


def started_from(config: RunConfig) -> list[Fact]:
    """What is said of a start from an earlier run; nothing where there was none."""
    if config.from_ is None:
        return []
    about = (
        f"the model in {config.from_}; its vocabulary, outputs and scaling are kept; whether it "
        "was trained on examples of the test part here is not checked"
    )
    return [Fact("started from", about)]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
