"""The way every recipe goes: data -> build -> train -> evaluate -> export, into one folder."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import keras
import tensorflow as tf

import recipes
from recipes.kit import output, plots
from recipes.kit.card import model_card
from recipes.kit.console import note, say
from recipes.kit.errors import UserError
from recipes.kit.export import signatures, uncompiled
from recipes.kit.fit import write_history
from recipes.kit.optimizer import clipping_hint


class Recipe(Protocol):
    """What a recipe module defines. `recipes/ner/recipe.py` is the example to follow."""

    Config: type
    CARD: Any
    INPUTS: str
    """What `predict` takes: "texts", given or a line of a file each, or the paths of "files"."""

    def load_data(self, config: Any) -> Any:
        """The data, with `test`, `description` and `licence`; `score`, the metric that `train` logs
        as `val_SCORE`, by which the best epoch and trial are chosen; and `mode`, "max" or "min",
        which says whether more or less of it is better. Where another metric says more to a person,
        `curve` names it, for the picture of the training."""

    def build(self, config: Any, data: Any) -> Any:
        """The model, uncompiled."""

    def train(
        self, config: Any, data: Any, model: Any, *, folder: Path | None = None, title: str = ""
    ) -> list:
        """Train in place, keeping the state in `folder`; a row of figures for each epoch."""

    def evaluate(self, folder: Path, examples: Any) -> dict[str, float]:
        """Metrics of what `export` wrote."""

    def baseline(self, config: Any, data: Any, folder: Path) -> tuple[dict[str, float], Any]:
        """Metrics of a trivial model on the same test part, and its answers for `draw`. The first
        paragraph of the docstring says in the model card what the baseline is."""

    def load_test(self, folder: Path, config: Any, source: str) -> Any:
        """What to evaluate the model of `folder` on, from a source the user names."""

    def export(self, config: Any, data: Any, model: Any, folder: Path) -> None:
        """Write the SavedModel and what `predict` needs beside it."""

    def servable(self, model: Any) -> Any:
        """The part of the model that other formats can hold."""

    def draw(self, folder: Path, data: Any, baseline_answers: Any) -> None:
        """Pictures of the recipe's own, beside the curves."""

    def predict(self, folder: Path, inputs: Any, *options: Any) -> Any:
        """Answers to raw inputs, from what `export` wrote. A recipe with a dataclass `Predicting`
        of options for it is given an instance of that."""

    def space(self, hp: Any, config: Any) -> Any:
        """The config of a trial of the search."""

    # A recipe that trains several models at once also has `spread(history)`: of each metric the
    # `mean` and `std` over them and the number of `models`, which `metrics.json` holds as "spread".


def recipe_names() -> list[str]:
    """Names of all recipes."""
    modules = pkgutil.iter_modules(recipes.__path__)
    return sorted(m.name for m in modules if m.ispkg and m.name != "kit")


def load_recipe(name: str) -> Any:
    """Import a recipe module.

    Raises:
        UserError: If there is none of that name, or Keras runs on another backend.
    """
    names = recipe_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of: {', '.join(names)}."
        raise UserError(f"unknown recipe {name!r}; {hint}")
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"recipes run on TensorFlow, and Keras is set to {keras.backend.backend()!r} by "
            "KERAS_BACKEND or ~/.keras/keras.json. (custom_layers and zoo run on every backend.)"
        )
    return importlib.import_module(f"recipes.{name}.recipe")


def train_recipe(
    name: str,
    config: Any,
    out: Path,
    *,
    command: str,
    resume: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Run a recipe from data to a folder with everything in it.

    Args:
        name: Name of the recipe.
        config: An instance of its `Config`.
        out: Folder to make.
        command: What the user typed, for the model card.
        resume: Go on with the interrupted run for `out`.
        overwrite: Replace what is in `out`.

    Returns:
        What `metrics.json` holds.
    """
    recipe = load_recipe(name)
    output.check_free(out, overwrite=overwrite, resume=resume)
    with output.unfinished_run(out, name, config, resume=resume) as folder:
        keras.utils.set_random_seed(config.seed)
        data = recipe.load_data(config)
        say(data.description)
        with precision(getattr(config, "mixed_precision", False)):
            try:
                model = recipe.build(config, data)
            except ValueError as error:  # options that do not fit each other
                raise UserError(f"no model can be built: {error}") from None
            say(f"{model.name}: {model.count_params():,} parameters")
            history = recipe.train(config, data, model, folder=folder)
            if hint := clipping_hint(config, history):
                note(hint)
            keras.utils.set_random_seed(config.seed)
            baseline, baseline_answers = recipe.baseline(config, data, folder)
        write_history(history, folder / "history.csv")
        uncompiled(model).save(folder / output.MODEL)
        recipe.export(config, data, model, folder)
        test = recipe.evaluate(folder, data.test)
        try:
            shown = getattr(data, "curve", data.score)
            if "gradient_norm" in history[0]:
                plots.curves(history, f"val_{shown}", folder / output.PLOTS / "curves.png")
            recipe.draw(folder, data, baseline_answers)
        except Exception as error:  # A picture is not worth losing a trained model for.
            note(f"a picture could not be drawn: {error}")
        metrics = {
            "recipe": name,
            "data": config.data,
            "test": test,
            "baseline": baseline,
            "parameters": model.count_params(),
            "seconds": round(sum(row["seconds"] for row in history), 1),
        }
        if found := recipe.spread(history) if hasattr(recipe, "spread") else {}:
            metrics["spread"] = found
        output.write_json(folder / output.METRICS, metrics)
        card = model_card(
            recipe.CARD,
            recipe=name,
            command=command,
            description=data.description,
            licence=data.licence,
            metrics=metrics,
            pictures=sorted(p.name for p in (folder / output.PLOTS).glob("*.png")),
            baseline_is=inspect.getdoc(recipe.baseline).partition("\n\n")[0].replace("\n", " "),
            signatures=signatures(folder / output.SAVED_MODEL),
        )
        (folder / "README.md").write_text(card, encoding="utf-8")
    return metrics


@contextmanager
def precision(mixed: bool) -> Iterator[None]:
    """Build layers for mixed precision: float16 where there is a GPU, bfloat16 elsewhere."""
    before = keras.config.dtype_policy()
    if mixed:
        gpu = bool(tf.config.list_physical_devices("GPU"))
        keras.config.set_dtype_policy("mixed_float16" if gpu else "mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
