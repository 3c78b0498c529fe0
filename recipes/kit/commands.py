"""What each command does with its words. `cli` finds `NAME_command` here."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from recipes.kit import output
from recipes.kit.answers import AnswerFlags, check_format, write_answers
from recipes.kit.console import note
from recipes.kit.data.facts import Fact, Unusable, as_lines
from recipes.kit.data.reading import TableFiles, as_given
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError
from recipes.kit.finding import check_name, load_options, recipe_names
from recipes.kit.inputs import files, texts
from recipes.kit.option import Group, option
from recipes.kit.parse import HELP, is_option, parse, split_words
from recipes.kit.run_options import (
    CheckFlags,
    RunFlags,
    TuneFlags,
    given_by_hand,
    read_resumed,
    read_run_options,
)


@dataclass(frozen=True)
class Evaluate(TableFiles):
    """Evaluate a trained model. The last line of stdout is one JSON object of metrics.

    Labels and symbols of the data that the model does not know are named, with their share; data of
    which it knows none are refused.
    """

    data: Source | None = option(
        None,
        "Data to evaluate on, instead of the test part of the run: embedded, tfds:NAME or a path.",
    )


@dataclass(frozen=True)
class Predict(Group):
    """Run a trained model: one answer for each input, in order.

    Further options depend on the recipe: rnn-zoo predict DIR --help.
    """


_INPUTS = """\
INPUT is text, a file with a text in each line, or - for lines on stdin; recipes for images, sound
and series take files, folders and patterns such as "data/*.wav". An input that cannot be read is
answered by what is wrong with it, and the exit status is 2 then. A word that begins with a dash and
is not an option stands after --."""


@dataclass(frozen=True)
class Export(Group):
    """Export a trained model to another format.

    A SavedModel takes raw input. ONNX and LiteRT take numbers only: text must be encoded with the
    ids in the lists saved beside the model. Both need the `export` extra.
    """

    format: Literal["savedmodel", "onnx", "litert"] | None = option(None, "Format; required.")
    to: Path | None = option(None, "Where to; by default beside the model.")
    length: int | None = option(
        None,
        "Input length of the LiteRT model, whose shapes are fixed: words or characters, "
        "steps of a series, or samples of sound (16000 are two seconds at 8 kHz). By default 64.",
        at_least=1,
    )
    overwrite: bool = option(False, "Replace an existing export.")

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        if self.format != "litert":
            yield "without --format litert", ("length",)


@dataclass(frozen=True)
class Compare(Group):
    """Compare finished runs of a recipe: options that differ, test metrics, baseline, size, time.

    The best run by the recipe's own metric comes first. Runs must have been tested on the same
    examples: `data.json` keeps a fingerprint of the test part, whatever its files are called.
    """

    json: bool = option(False, "Print one JSON object.")


@dataclass(frozen=True)
class List(Group):
    """Recipes, models and layers."""

    json: bool = option(False, "Print one JSON object.")


def train_command(words: list[str]) -> int:
    """`rnn-zoo train RECIPE [options]`."""
    name, rest = _recipe_word("train", words)
    prog, kind = f"rnn-zoo train {name}", load_options(name).Config
    if "--resume" in rest and not HELP & {*rest}:
        config, flags = read_resumed(name, kind, rest, prog)
    else:
        config, flags = read_run_options(name, kind, RunFlags, rest, prog)
    given = given_by_hand(name, kind, rest)
    out = flags.out or output.default_folder(name)
    output.check_free(out, overwrite=flags.overwrite, resume=flags.resume)
    typed = [word for word in rest if word not in ("--resume", "--overwrite")]
    recipe = _start(name)
    from recipes.kit.run import train_recipe

    try:
        metrics = train_recipe(
            recipe,
            name,
            config,
            out,
            command=shlex.join(["rnn-zoo", "train", name, *typed]),
            resume=flags.resume,
            overwrite=flags.overwrite,
            given=given,
        )
    except BaseException as error:
        if output.resumable(out) and not isinstance(error, UserError):
            _say_how_to_continue(["rnn-zoo", "train", name, "--out", str(out), "--resume"])
        raise
    _summary(out, metrics)
    return 0


def check_command(words: list[str]) -> int:
    """`rnn-zoo check RECIPE --data SRC [options]`."""
    name, rest = _recipe_word("check", words)
    kind = load_options(name).Config
    config, flags = read_run_options(name, kind, CheckFlags, rest, f"rnn-zoo check {name}")
    recipe = _start(name)
    from recipes.kit.run import understood_by

    try:
        facts = understood_by(recipe, config)
    except Unusable as error:
        _print_facts(error.understood, as_json=flags.json)
        raise
    _print_facts(facts, as_json=flags.json)
    return 0


def _print_facts(facts: Sequence[Fact], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([fact._asdict() for fact in facts], indent=2, ensure_ascii=False))
    else:
        print("\n".join(as_lines(facts)))


def _say_how_to_continue(words: list[str]) -> None:
    print(f"Progress was saved. Continue with: {shlex.join(words)}", file=sys.stderr)


def evaluate_command(words: list[str]) -> int:
    """`rnn-zoo evaluate DIR [--data SRC]`."""
    folder, _, (options,) = _folder_and_options("evaluate", words, Evaluate)
    name = output.recipe_of(folder)
    config = output.read_run_config(load_options(name).Config, folder)
    source = options.data or config.data
    recipe = _start(name)
    from recipes.kit.console import console, metrics_table, say, spans

    predictor = recipe.load(folder)
    predictor.config = as_given(config, options)
    examples = recipe.load_test(source, predictor)
    for unknown in predictor.unknown(examples):
        unknown.check(source)
    judgement = predictor.judge(examples)
    intervals = spans(judgement.statistics.intervals())
    columns = {"model": judgement.metrics, "95 % interval": intervals}
    console.print(metrics_table(f"{name} on {source}", columns))
    for sentence in judgement.notes:
        say(sentence)
    print(json.dumps(judgement.metrics))
    return 0


def predict_command(words: list[str]) -> int:
    """`rnn-zoo predict DIR INPUT... [recipe options]`."""
    run = next((word for word in words if _is_run(word)), None)
    kind = Predict if run is None else load_options(output.recipe_of(Path(run))).Predict
    folder, inputs, (options, flags) = _folder_and_options(
        "predict",
        words,
        kind,
        AnswerFlags,
        more="INPUT...",
        about=f"{_doc(kind).strip()}\n\n{_INPUTS}",
    )
    name = output.recipe_of(folder)
    if not inputs:
        raise UserError("predict: no input given; expected text, a file, or - for stdin.")
    flags.check_place()
    predictor = _start(name).load(folder)
    check_format(flags, predictor, name)
    given: Iterable[Any] = (
        texts(inputs, options)
        if predictor.takes == "texts"
        else files(inputs, predictor.suffixes, predictor.is_input)
    )
    count, errors = write_answers(predictor.predict(given, options), predictor, flags)
    if flags.to is not None:
        failed = f", {errors:,} of them errors" if errors else ""
        note(f"{count:,} {'answer' if count == 1 else 'answers'} in {flags.to}{failed}.")
    return 2 if errors else 0


def _is_run(word: str) -> bool:
    try:
        return (Path(word) / output.CONFIG).is_file()
    except (OSError, ValueError):  # longer than a name can be, or with characters no name has
        return False


def compare_command(words: list[str]) -> int:
    """`rnn-zoo compare DIR DIR... [--json]`."""
    folders, rest = split_words(words, Compare)
    usage = "rnn-zoo compare DIR DIR..."
    (options,) = parse(rest, Compare, prog=usage, description=_doc(Compare))
    from recipes.kit.compare import compare, table

    compared = compare([*map(Path, folders)])
    if options.json:
        print(json.dumps(compared, indent=2, ensure_ascii=False))
    else:
        _print_table(table(compared), width=1000)
    return 0


def export_command(words: list[str]) -> int:
    """`rnn-zoo export DIR --format FORMAT [--to PATH]`."""
    folder, _, (options,) = _folder_and_options("export", words, Export)
    name = output.recipe_of(folder)
    if options.format is None:
        raise UserError("export: expected --format savedmodel, onnx or litert.")
    recipe = _start(name)
    from recipes.kit.export import export_folder

    print(
        export_folder(
            recipe,
            folder,
            options.format,
            options.to,
            length=options.length or 64,
            overwrite=options.overwrite,
        )
    )
    return 0


def tune_command(words: list[str]) -> int:
    """`rnn-zoo tune RECIPE --trials N [options]`."""
    name, rest = _recipe_word("tune", words)
    kind = load_options(name).Config
    config, flags = read_run_options(name, kind, TuneFlags, rest, f"rnn-zoo tune {name}")
    out = flags.out or output.default_folder(f"{name}-tune")
    recipe = _start(name)
    from recipes.kit.search import search
    from recipes.kit.trials import TRIALS

    try:
        best = search(
            recipe,
            name,
            config,
            out,
            trials=flags.trials,
            tuner=flags.tuner,
            resume=flags.resume,
            overwrite=flags.overwrite,
            given=given_by_hand(name, kind, rest),
        )
    except KeyboardInterrupt:
        if (out / TRIALS).is_file():
            typed = [word for word in words if word not in ("--resume", "--overwrite")]
            _say_how_to_continue(["rnn-zoo", "tune", *typed, "--resume"])
        raise
    print(f"""\
best of the trials: {best["objective"]:.4g} (trial {best["trial"]})
{out}/  trials.csv  best_config.json  plots/trials.png
next: rnn-zoo train {name} --config {shlex.quote(str(out / "best_config.json"))}""")
    return 0


def list_command(words: list[str]) -> int:
    """`rnn-zoo list [--json]`."""
    (options,) = parse(words, List, prog="rnn-zoo list", description=_doc(List))
    from recipes.kit.catalogue import read_catalogue

    catalogue = read_catalogue()
    parameters = catalogue.pop("parameters")
    if options.json:
        print(json.dumps(catalogue, indent=2, ensure_ascii=False))
        return 0
    from rich.table import Table

    for title, entries in catalogue.items():
        table = Table(
            title=title, title_justify="left", box=None, show_header=False, pad_edge=False
        )
        for name, text in entries.items():
            table.add_row(f"  {name}", f"{parameters[name]:,}" if name in parameters else "", text)
        _print_table(table)
    return 0


def _print_table(table: Any, width: int = 140) -> None:
    """Print a table, at most so wide where it goes to a file; a terminal has its own width."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else width).print(table)


def _start(name: str) -> Any:
    """The recipe, with TensorFlow started quietly."""
    from recipes.kit.allocator import keep_freed_memory
    from recipes.kit.console import quiet_start
    from recipes.kit.finding import load_recipe

    keep_freed_memory()
    quiet_start()
    return load_recipe(name)


def _doc(kind: type) -> str:
    return (kind.__doc__ or "").replace("\n    ", "\n")


def _recipe_word(command: str, words: list[str]) -> tuple[str, list[str]]:
    """The recipe's name, which stands before the first option."""
    if words and not words[0].startswith("-"):
        check_name(words[0])
        return words[0], words[1:]
    if HELP & {*words}:
        names = "\n".join(f"  rnn-zoo {command} {name} --help" for name in recipe_names())
        print(
            f"usage: rnn-zoo {command} RECIPE [options]\n\nOptions depend on the recipe:\n{names}"
        )
        raise SystemExit(0)
    raise UserError(f"{command}: no recipe given; expected one of: {', '.join(recipe_names())}.")


def _folder_and_options(
    command: str, words: list[str], *kinds: type[Any], more: str = "", about: str = ""
) -> tuple[Path, list[str], tuple[Any, ...]]:
    """The trained folder, the words after it, and the options, which may stand anywhere."""
    usage = f"rnn-zoo {command} DIR {more}".rstrip()
    plain, rest = split_words(words, *kinds)
    folder = Path(plain[0]) if plain else None
    if folder is not None and not HELP & {*rest}:
        output.recipe_of(folder)  # a wrong folder is said before options that depend on it
    try:
        options = parse(rest, *kinds, prog=usage, description=about or _doc(kinds[0]))
    except UserError as error:
        unknown = (word for word in rest if word.startswith("-") and not is_option(word, *kinds))
        if not more or (word := next(unknown, None)) is None:
            raise
        raise UserError(f"{error} (if {word} is text, put -- before it)") from None
    if folder is None:
        raise UserError(
            f"{command}: no folder given; expected one that `rnn-zoo train` wrote ({usage})."
        )
    if len(plain) > 1 and not more:
        raise UserError(f"{command}: unexpected argument {plain[1]!r}; expected {usage}.")
    return folder, plain[1:], options


def _summary(out: Path, metrics: dict[str, Any]) -> None:
    from recipes.kit.console import console, metrics_table, spans

    columns = {"model": metrics["test"], "95 % interval": spans(metrics["interval"])}
    columns["baseline"] = metrics["baseline"]
    for statistic in ("mean", "std") if "spread" in metrics else ():
        columns[statistic] = {name: row[statistic] for name, row in metrics["spread"].items()}
    console.print(metrics_table(f"{metrics['recipe']} on the test part", columns))
    for sentence in metrics["notes"]:
        print(sentence)
    print(f"""\
{out}/
  saved_model/   for serving, raw input in     model.keras    for Keras
  metrics.json   history.csv   plots/          README.md      the model card
  test_answers.jsonl           the worst answers on the test part first
next: rnn-zoo evaluate {shlex.quote(str(out))}
      rnn-zoo predict {shlex.quote(str(out))} INPUT...""")
