"""What each command does with its words. `_cli` finds `NAME_command` here."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from recipes.kit import output
from recipes.kit.console import note
from recipes.kit.data.source import stream_lines
from recipes.kit.errors import UserError
from recipes.kit.options import parse_options, read_config
from recipes.kit.run import load_recipe, recipe_names, train_recipe

_Flag = tyro.conf.FlagCreatePairsOff[bool]
_Folder = Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")]


def _extend(kind: type, fields: dict[str, tuple[Any, Any, str]]) -> type:
    """A config class with more options: name to type, default and help."""
    extra = [
        (name, Annotated[hint, tyro.conf.arg(help=text)], dataclasses.field(default=default))
        for name, (hint, default, text) in fields.items()
    ]
    return dataclasses.make_dataclass(kind.__name__, extra, bases=(kind,), frozen=True)


def _split(kind: type, options: Any) -> Any:
    """The config within the options of `_extend`."""
    return kind(**{field.name: getattr(options, field.name) for field in dataclasses.fields(kind)})


def _recipe_word(command: str, words: list[str]) -> tuple[str, list[str]]:
    """The recipe's name, wherever it stands before the first option."""
    if words and not words[0].startswith("-"):
        return words[0], words[1:]
    if {"-h", "--help"} & {*words}:
        names = "\n".join(f"  rnn-zoo {command} {name} --help" for name in recipe_names())
        print(
            f"usage: rnn-zoo {command} RECIPE [options]\n\nOptions depend on the recipe:\n{names}"
        )
        raise SystemExit(0)
    raise UserError(f"{command}: names no recipe; expected one of: {', '.join(recipe_names())}.")


_RUN_FLAGS = {
    "config": (
        Path | None,
        None,
        "File of options (config.json or best_config.json); those given here win.",
    ),
    "resume": (_Flag, False, "Go on with what was interrupted."),
    "overwrite": (_Flag, False, "Replace what is there."),
}


def _read_options(
    recipe: Any,
    name: str,
    words: list[str],
    prog: str,
    flags: dict[str, tuple[Any, Any, str]],
    default: Any = None,
) -> Any:
    """Parse the options; what `--config` holds, else `default`, takes the place of the defaults."""
    kind = _extend(recipe.Config, flags)
    options = parse_options(kind, words, prog=prog)
    if options.config is not None:
        default = read_config(recipe.Config, options.config, name, default)
    if default is not None:
        values = {f.name: getattr(default, f.name) for f in dataclasses.fields(default)}
        options = parse_options(kind, words, prog=prog, default=kind(**values))
    if Path(options.data).exists():
        # What is written down has to be found from any folder.
        options = dataclasses.replace(options, data=str(Path(options.data).resolve()))
    return options


def train_command(words: list[str]) -> int:
    """`rnn-zoo train RECIPE [options]`."""
    name, rest = _recipe_word("train", words)
    recipe = load_recipe(name)
    prog = f"rnn-zoo train {name}"
    options = _read_options(recipe, name, rest, prog, _RUN_FLAGS)
    config = _split(recipe.Config, options)
    out = config.out or output.default_folder(name)
    output.check_free(out, overwrite=options.overwrite, resume=options.resume)
    if options.resume:
        config = _resumed(recipe, name, rest, prog, out)
    config = dataclasses.replace(config, out=out)
    command = shlex.join(
        [
            "rnn-zoo",
            "train",
            name,
            *(word for word in rest if word not in ("--resume", "--overwrite")),
        ]
    )
    try:
        metrics = train_recipe(
            name,
            config,
            out,
            command=command,
            resume=options.resume,
            overwrite=options.overwrite,
        )
    except BaseException as error:
        if output.resumable(out) and not isinstance(error, UserError):
            again = shlex.join(["rnn-zoo", "train", name, "--out", str(out), "--resume"])
            print(f"What was done is kept. Go on with: {again}", file=sys.stderr)
        raise
    _summary(out, metrics)
    return 0


def _resumed(recipe: Any, name: str, words: list[str], prog: str, out: Path) -> Any:
    """The config of the interrupted run; options that differ from it are refused."""
    if not output.resumable(out):
        raise UserError(f"--resume: there is no interrupted run for {out}.")
    before = output.read_run_config(recipe.Config, output.unfinished_folder(out))
    now = _read_options(recipe, name, words, prog, _RUN_FLAGS, default=before)
    for field in dataclasses.fields(before):
        old, new = getattr(before, field.name), getattr(now, field.name)
        if field.name != "out" and old != new:
            raise UserError(
                f"--resume: the interrupted run has --{field.name.replace('_', '-')} {old}, "
                f"not {new}; leave it out, or start again with --overwrite."
            )
    return before


def _summary(out: Path, metrics: dict[str, Any]) -> None:
    from recipes.kit.console import console, metrics_table

    columns = {"model": metrics["test"], "baseline": metrics["baseline"]}
    for statistic in ("mean", "std") if "spread" in metrics else ():
        columns[statistic] = {name: row[statistic] for name, row in metrics["spread"].items()}
    console.print(metrics_table(f"{metrics['recipe']} on the test part", columns))
    print(f"""\
{out}/
  saved_model/   for serving, raw input in     model.keras    for Keras
  metrics.json   history.csv   plots/          README.md      the model card
next: rnn-zoo evaluate {shlex.quote(str(out))}
      rnn-zoo predict {shlex.quote(str(out))} INPUT...""")


@dataclasses.dataclass(frozen=True)
class Evaluate:
    """Metrics of a trained folder. The last line of stdout is one JSON object."""

    folder: _Folder
    """Folder that `rnn-zoo train` wrote."""
    data: str | None = None
    """Evaluate on other data than the test part it was trained with."""


def evaluate_command(words: list[str]) -> int:
    """`rnn-zoo evaluate DIR [--data SRC]`."""
    from recipes.kit.console import console, metrics_table

    options = parse_options(Evaluate, words, prog="rnn-zoo evaluate")
    name = output.recipe_of(options.folder)
    recipe = load_recipe(name)
    config = output.read_run_config(recipe.Config, options.folder)
    source = config.data if options.data is None else options.data
    if Path(source).exists():
        source = str(Path(source).resolve())
    test = recipe.load_test(options.folder, config, source)
    metrics = recipe.evaluate(options.folder, test)
    console.print(metrics_table(f"{name} on {source}", {"model": metrics}))
    print(json.dumps(metrics))
    return 0


@dataclasses.dataclass(frozen=True)
class Predict:
    """Answers of a trained folder, one JSON object a line."""

    folder: _Folder
    """Folder that `rnn-zoo train` wrote."""
    inputs: tyro.conf.Positional[tuple[str, ...]]
    """Text, the path of a file with an input a line, or - for lines on stdin; of a recipe for
    images, sound or series their files."""


def predict_command(words: list[str]) -> int:
    """`rnn-zoo predict DIR INPUT... [recipe options]`."""
    prog = "rnn-zoo predict"
    folder = next((Path(word) for word in words if not word.startswith("-")), None)
    if folder is None:
        parse_options(Predict, words, prog=prog)  # prints the help, or says what is missing
        raise UserError("predict: names no folder; expected one that `rnn-zoo train` wrote.")
    recipe = load_recipe(output.recipe_of(folder))
    own = getattr(recipe, "Predicting", None)
    kind = _together(Predict, own) if own else Predict
    options = parse_options(kind, words, prog=prog)
    if not options.inputs:
        expected = "text, a file, or - for stdin" if recipe.INPUTS == "texts" else "a file"
        raise UserError(f"predict: nothing to predict; expected {expected}.")
    inputs = _lines(options.inputs) if recipe.INPUTS == "texts" else map(Path, options.inputs)
    extra = (_split(own, options),) if own else ()
    for answer in recipe.predict(options.folder, inputs, *extra):
        print(json.dumps(answer, ensure_ascii=False), flush=True)
    return 0


def _together(kind: type, own: type) -> type:
    """The options of a command and those that a recipe adds to it."""
    return dataclasses.make_dataclass(kind.__name__, [], bases=(own, kind), frozen=True)


def _lines(inputs: Sequence[str]) -> Iterator[str]:
    """The inputs themselves, or the lines of the files they name; empty lines are passed over."""
    for item in inputs:
        if not item.strip():
            raise UserError("predict: an input is empty; expected text, a file, or - for stdin.")
        if item == "-":
            lines: Iterable[str] = map(_text, sys.stdin.buffer)
        elif _is_file(item):
            lines = (line for _, line in stream_lines(item))
        else:
            lines = [_text(item.encode("utf-8", "surrogateescape"))]
        yield from (line.strip() for line in lines if line.strip())


def _is_file(item: str) -> bool:
    """Whether an input is a file rather than text; what looks like a path and is none is told."""
    try:
        if Path(item).is_dir():
            raise UserError(f"{item}: is a folder; expected text, a file of lines, or - for stdin.")
        found = Path(item).is_file()
    except (OSError, ValueError):  # Longer than a name can be, or with characters no name has.
        return False
    if not found and os.sep in item and not any(map(str.isspace, item)):
        note(f"there is no file {item}: it is taken as text.")
    return found


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{raw[:60]!r}: is not UTF-8 text ({error.reason}).") from None


@dataclasses.dataclass(frozen=True)
class Export:
    """Write the model of a trained folder in another format.

    A SavedModel takes raw input. ONNX and LiteRT have no strings: they take numbers, texts as the
    ids that the lists beside the model give, and need the export extra.
    """

    folder: _Folder
    """Folder that `rnn-zoo train` wrote."""
    format: Literal["savedmodel", "onnx", "litert"]
    """What to write."""
    to: Path | None = None
    """Where to; by default beside the model."""
    length: int = 64
    """Length of what the LiteRT model takes, as its shapes are fixed: words or characters, steps of
    a series, samples of sound (at 8,000 a second, 16000 are two seconds)."""
    overwrite: _Flag = False
    """Replace what is there."""


def export_command(words: list[str]) -> int:
    """`rnn-zoo export DIR --format FORMAT [--to PATH]`."""
    from recipes.kit.export import export_folder

    options = parse_options(Export, words, prog="rnn-zoo export")
    recipe = load_recipe(output.recipe_of(options.folder))
    path = export_folder(
        recipe,
        options.folder,
        options.format,
        options.to,
        length=options.length,
        overwrite=options.overwrite,
    )
    print(path)
    return 0


def tune_command(words: list[str]) -> int:
    """`rnn-zoo tune RECIPE --trials N [options]`."""
    from recipes.kit.search import TunerName, search

    name, rest = _recipe_word("tune", words)
    recipe = load_recipe(name)
    flags = {
        "trials": (int, 10, "Number of configurations to try."),
        "tuner": (TunerName, "bayesian", "How the next one is chosen."),
        **_RUN_FLAGS,
    }
    options = _read_options(recipe, name, rest, f"rnn-zoo tune {name}", flags)
    config = _split(recipe.Config, options)
    out = config.out or output.default_folder(f"{name}-tune")
    best = search(
        recipe,
        name,
        config,
        out,
        trials=options.trials,
        tuner=options.tuner,
        resume=options.resume,
        overwrite=options.overwrite,
    )
    print(f"""\
best of the trials: {best["objective"]:.4g} (trial {best["trial"]})
{out}/  trials.csv  best_config.json  plots/trials.png
next: rnn-zoo train {name} --config {shlex.quote(str(out / "best_config.json"))}""")
    return 0


@dataclasses.dataclass(frozen=True)
class List:
    """Recipes, models and layers."""

    json: _Flag = False
    """Print one JSON object."""


def list_command(words: list[str]) -> int:
    """`rnn-zoo list [--json]`."""
    options = parse_options(List, words, prog="rnn-zoo list")
    import inspect

    import custom_layers
    import zoo

    def headline(thing: Any) -> str:
        return (inspect.getdoc(thing) or "").partition("\n")[0]

    found = {
        "recipes": {
            name: headline(importlib.import_module(f"recipes.{name}")) for name in recipe_names()
        },
        "models": {name: zoo.model_info(name).summary for name in zoo.list_models()},
        "layers": {
            name: headline(getattr(custom_layers, name))
            for name in custom_layers.__all__
            if inspect.isclass(getattr(custom_layers, name))
        },
    }
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    from rich.console import Console
    from rich.table import Table

    for title, entries in found.items():
        table = Table(
            title=title, title_justify="left", box=None, show_header=False, pad_edge=False
        )
        for name, text in entries.items():
            extra = f"{zoo.model_info(name).parameters:,}" if title == "models" else ""
            table.add_row(f"  {name}", extra, text)
        Console(width=None if sys.stdout.isatty() else 140).print(table)
    return 0
