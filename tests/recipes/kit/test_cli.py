"""The command line contract: what it prints where, its exit status, and that nothing is lost."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from recipe_corpus import PLAIN, QUICK, write_corpus

from recipes.kit.cli import main
from recipes.kit.errors import UserError
from recipes.kit.options import RunConfig
from recipes.kit.output import unfinished_folder, unfinished_run

ROOT = Path(__file__).parents[3]


def fails(capfd, *words: str) -> str:
    """Run a command with an error that the user can fix; its one line."""
    assert main([str(word) for word in words]) == 2
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("rnn-zoo: ")]
    assert len(lines) == 1, err
    assert err.splitlines()[-1] == lines[0]
    assert "Traceback" not in err
    assert out == ""
    return lines[0]


# --- wrong words ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("trian ner", "unknown command 'trian'; did you mean 'train'"),
        ("train", "no recipe given; expected one of: .*ner"),
        ("train nerd", "unknown recipe 'nerd'; did you mean 'ner'"),
        ("train ner --unitz 3", "--unitz.*did you mean --units"),
        ("train ner --epochs zero", "--epochs"),
        ("train ner --epochs 0", "--epochs must be at least 1, not 0"),
        ("train ner --data no/such/path", "no/such/path"),
        ("train ner --data=", "--data is empty; expected embedded, tfds:NAME or a path"),
        ("train ner --data embedded:big", "no such embedded data; expected embedded"),
        ("train ner --tag-column 2", "--tag-column has no effect with --data embedded"),
        ("train ner --cell lstn", "--cell lstn: .*"),
        ("train ner --data tfds:", "tfds:"),
        ("train ner --config no.json", "no.json: cannot be read"),
        ("train ner --resume --out no/run", "no interrupted run for no/run"),
        ("evaluate", "evaluate: no folder given; expected one that `rnn-zoo train` wrote"),
        ("evaluate a b", "no such folder"),
        ("predict", "predict: no folder given"),
        ("export no/such/folder", "no such folder"),
        ("evaluate no/such/folder", "no/such/folder: no such folder"),
        ("predict no/such/folder text", "no such folder"),
        ("predict no/such/folder text --steps 5", "no such folder"),
        ("export no/such/folder --format onnx", "no such folder"),
        ("export x --format pickle", "x: no such folder"),
        ("tune ner --trials 0", "--trials must be at least 1, not 0"),
        ("tune ner --tuner grid", "grid"),
        ("tune ner --data no/such/path", "no/such/path"),
    ],
)
def test_wrong_words(capfd, monkeypatch, tmp_path, words, message):
    import re

    monkeypatch.chdir(tmp_path)
    assert re.search(message, fails(capfd, *words.split()))
    assert list(tmp_path.iterdir()) == []


def test_recipes_need_tensorflow(capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    assert "Keras is set to 'jax'" in fails(capfd, "train", "ner")


# --- wrong data -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("train.conll", "Ada\tB-PER\nlived\n", "train.conll:2: "),
        ("train.conll", "", "train.conll: .*(empty|no sentence)"),
        ("dev.conll", "Ada\tB-PER\nin\tX-LOC\n", "dev.conll:2: "),
        ("train.conll", "Ada\tO\nlived\tO\n", "every training token is tagged O"),
    ],
)
def test_wrong_data(capfd, tmp_path, file, text, message):
    import re

    corpus = write_corpus(tmp_path / "corpus")
    (corpus / file).write_text(text, encoding="utf-8")
    line = fails(capfd, "train", "ner", "--data", corpus, "--out", tmp_path / "out")
    assert re.search(message, line), line
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_wrong_vectors(capfd, corpus, tmp_path):
    vectors = tmp_path / "v.txt"
    vectors.write_text("a 1 2\nb 1\n", encoding="utf-8")
    words = ("--word-vectors", vectors, "--data", corpus, "--out", tmp_path / "out")
    assert "v.txt:2: expected 2 values" in fails(capfd, "train", "ner", *words)
    assert not (tmp_path / "out").exists()


# --- wrong places ---------------------------------------------------------------------------------


def test_a_finished_run_is_not_overwritten(capfd, corpus, trained):
    before = (trained / "metrics.json").read_bytes()
    line = fails(capfd, "train", "ner", "--data", corpus, "--out", trained)
    assert "contains a finished run" in line
    assert "--overwrite" in line
    assert (trained / "metrics.json").read_bytes() == before


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
@pytest.mark.parametrize("config", [None, "{", '{"webpack": 1}', '{"recipe": "ner"}'])
def test_a_folder_of_something_else_is_never_touched(capfd, tmp_path, overwrite, config):
    (tmp_path / "thesis.tex").write_text("years of work")
    if config:
        (tmp_path / "config.json").write_text(config)
    line = fails(capfd, "train", "ner", "--out", tmp_path, *overwrite)
    assert "files that are not an rnn-zoo run" in line
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_out_that_is_a_file(capfd, tmp_path):
    (tmp_path / "file").write_text("")
    assert "is a file" in fails(capfd, "train", "ner", "--out", tmp_path / "file")


def test_out_that_cannot_be_replaced(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "the folder you are in" in fails(capfd, "train", "ner", "--out", ".")


def test_a_failed_move_keeps_the_run_and_what_was_there(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "before.txt").write_text("kept")
    real = Path.rename

    def rename(self, target):
        if self.name == ".out.unfinished":
            raise OSError(16, "Device or resource busy")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with (
        pytest.raises(UserError, match="the finished run is in .*unfinished"),
        unfinished_run(out, "ner", RunConfig(), resume=False) as folder,
    ):
        (folder / "model.keras").write_text("trained")
    assert (out / "before.txt").read_text() == "kept"
    assert (unfinished_folder(out) / "model.keras").read_text() == "trained"


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "big-disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "big-disk")
    with unfinished_run(tmp_path / "link", "ner", RunConfig(), resume=False) as folder:
        (folder / "x").write_text("")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "big-disk" / "x").exists()


def test_resume_and_overwrite_exclude_each_other(capfd, tmp_path):
    words = ("train", "ner", "--out", tmp_path / "x", "--resume", "--overwrite")
    assert "cannot be combined" in fails(capfd, *words)


def test_out_that_cannot_be_written(capfd, tmp_path):
    (tmp_path / "file").write_text("")
    line = fails(capfd, "train", "ner", "--out", tmp_path / "file" / "below")
    assert "cannot be written" in line


def test_evaluate_a_folder_that_is_no_run(capfd, tmp_path):
    assert "has no config.json" in fails(capfd, "evaluate", tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX")
def test_a_full_disk_is_one_line_and_nothing_half_written(corpus, tmp_path):
    """A limit on the size of files stands in for the disk: writing the model fails for real."""
    out = tmp_path / "out"
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
        "from recipes.kit.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ["train", "ner", "--data", str(corpus), "--out", str(out), "--epochs", "1", *QUICK]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 2, done.stderr
    assert "the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()
    assert not unfinished_folder(out).exists()  # no epoch was done


# --- right words ----------------------------------------------------------------------------------


def test_help(capsys):
    assert main([]) == 0
    first = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == first
    for command in ("list", "train", "evaluate", "predict", "compare", "tune", "export"):
        assert f"rnn-zoo {command}" in first
        with pytest.raises(SystemExit) as stop:
            main([command, "--help"])
        assert stop.value.code == 0
        assert f"rnn-zoo {command}" in capsys.readouterr().out


def test_list(capsys):
    assert main(["list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert list(listed) == ["recipes", "models", "layers"]
    assert "ner" in listed["recipes"]
    assert "tagger_base" in listed["models"]
    assert "CRF" in listed["layers"]
    assert all(text for group in listed.values() for text in group.values())
    assert main(["list"]) == 0
    plain = capsys.readouterr().out
    assert all(name in plain for group in listed.values() for name in group)
    assert "592,040" in plain


@pytest.mark.parametrize(
    "words",
    [
        "list",
        "list --json",
        "--help",
        "train --help",
        "tune --help",
        "train ner --help",
        "evaluate --help",
        "predict --help",
        "compare --help",
        "export --help",
    ],
)
def test_help_and_list_import_neither_keras_nor_tensorflow(words):
    code = (
        "import sys; from recipes.kit.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as stop: assert not stop.code\n"
        "heavy = [m for m in ('keras', 'tensorflow') if m in sys.modules]\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words.split()], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_folder_is_whole(trained):
    assert {path.name for path in trained.iterdir()} == {
        "README.md",
        "config.json",
        "data.json",
        "history.csv",
        "labels.json",
        "metrics.json",
        "model.keras",
        "plots",
        "saved_model",
        "tensorboard",
        "test_answers.jsonl",
    }
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["recipe"] == "ner"
    assert metrics["test"]["entity_f1"] > metrics["baseline"]["entity_f1"]
    record = json.loads((trained / "config.json").read_text())
    assert record["options"]["seed"] == 3
    assert set(record["versions"]) >= {"rnn-zoo", "keras", "tensorflow", "numpy", "python"}
    for picture in ("curves.png", "confusion.png"):
        assert (trained / "plots" / picture).read_bytes().startswith(b"\x89PNG")
    card = (trained / "README.md").read_text()
    assert "rnn-zoo train ner --data" in card
    assert f"{metrics['test']['entity_f1']:.4f}" in card
    assert len((trained / "history.csv").read_text().splitlines()) >= 3
    assert list((trained / "tensorboard").rglob("events*"))
    assert not unfinished_folder(trained).exists()


def test_evaluate_prints_json_last(capsys, trained, corpus):
    assert main(["evaluate", str(trained)]) == 0
    out = capsys.readouterr().out
    metrics = json.loads(out.splitlines()[-1])
    assert metrics == json.loads((trained / "metrics.json").read_text())["test"]
    assert main(["evaluate", str(trained), "--data", str(corpus / "train.conll")]) == 0
    other = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert other["entity_f1"] > 0.5


def test_predict_takes_text_files_and_stdin(capsys, monkeypatch, trained, tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text("Ada met Alan in Oslo.\nGrace met Linus in Rome.\n", encoding="utf-8")
    stdin = io.TextIOWrapper(io.BytesIO(b"Barbara met Donald in Lima.\n"))
    monkeypatch.setattr("sys.stdin", stdin)
    assert main(["predict", str(trained), "Ada met Alan in Oslo.", str(lines), "-"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["text"].split()[0] for answer in answers] == ["Ada", "Ada", "Grace", "Barbara"]
    first = answers[0]
    assert first["tokens"] == ["Ada", "met", "Alan", "in", "Oslo", "."]
    assert len(first["tags"]) == 6
    assert {"text": "Oslo", "type": "LOC"}.items() <= first["entities"][-1].items()
    assert 0 < first["entities"][-1]["confidence"] <= 1


def test_options_of_predict_may_stand_before_the_folder(capsys, trained):
    assert main(["predict", "--", str(trained), "Ada met Alan in Oslo."]) == 0
    assert json.loads(capsys.readouterr().out)["tokens"][0] == "Ada"
    assert main(["evaluate", "--data", "embedded", str(trained)]) == 0


def test_a_file_called_embedded_is_not_the_embedded_data(capsys, monkeypatch, trained, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "embedded").write_text("Ada\tB-PER\n", encoding="utf-8")
    assert main(["evaluate", str(trained), "--data", "embedded"]) == 0
    assert "on embedded" in capsys.readouterr().err


def test_predict_takes_a_long_paragraph(capsys, trained):
    text = "Ada met Alan in Oslo . " * 200
    assert main(["predict", str(trained), text]) == 0
    assert len(json.loads(capsys.readouterr().out)["tokens"]) == 1200


def test_predict_refuses_a_folder_and_tells_of_a_missing_file(capfd, trained, tmp_path):
    assert main(["predict", str(trained), "Ada met Alan.", str(tmp_path), "It rained."]) == 2
    first, folder, last = map(json.loads, capfd.readouterr().out.splitlines())
    assert (first["text"], last["text"]) == ("Ada met Alan.", "It rained.")
    assert folder["input"] == str(tmp_path) and folder["error"].startswith("is a folder")
    assert main(["predict", str(trained), str(tmp_path / "none.txt")]) == 0
    assert "is not a file; treating it as text" in capfd.readouterr().err


def test_a_long_text_without_a_folder(capfd):
    assert "no such folder" in fails(capfd, "predict", "no/such", "word " * 80)


@pytest.mark.parametrize(
    ("damage", "words", "message"),
    [
        (("saved_model", None), "predict DIR text", "SavedModel is missing or damaged"),
        (("saved_model/saved_model.pb", b"x"), "evaluate DIR", "SavedModel is missing or damaged"),
        (("labels.json", b"{}"), "predict DIR text", "labels.json: has no 'entities'"),
        (("labels.json", b"{"), "predict DIR text", "labels.json:1: is not JSON"),
        (("config.json", b"{"), "evaluate DIR", "config.json:1: is not JSON"),
        (("config.json", b"{}"), "evaluate DIR", "does not name a recipe"),
        (
            ("config.json", b'{"recipe": "ner", "options": {}}'),
            "evaluate DIR",
            "does not say which data it was made from",
        ),
        (("model.keras", b"PK"), "export DIR --format litert", "Keras model is missing or damaged"),
    ],
)
def test_damaged_folders(capfd, trained, tmp_path, damage, words, message):
    name, content = damage
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    if content is None:
        shutil.rmtree(copy / name)
    else:
        (copy / name).write_bytes(content)
    assert message in fails(capfd, *words.replace("DIR", str(copy)).split())


def test_predict_nothing(capfd, trained):
    assert "no input given" in fails(capfd, "predict", trained)


def test_wrong_options_of_a_trained_folder(capfd, trained):
    assert "pickle" in fails(capfd, "export", trained, "--format", "pickle")
    assert "unexpected argument 'b'" in fails(capfd, "evaluate", trained, "b")
    assert "--steps" in fails(capfd, "predict", trained, "x", "--steps", "5")


def test_python_m_is_train():
    done = subprocess.run(
        [sys.executable, "-m", "recipes.ner", "--epochs", "none"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert "--epochs" in done.stderr


def test_without_the_extra_it_says_what_to_install():
    code = (
        "import sys; sys.modules['tyro'] = None; from recipes.kit.cli import main;"
        "sys.exit(main(['list']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "pip install 'rnn-zoo[recipes]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_importing_a_recipe_runs_nothing():
    code = "import sys; sys.argv = ['x', '--epochs', '1']; import recipes.ner.recipe"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout == ""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_interrupt_then_resume(corpus, tmp_path, capfd):
    """Ctrl-C in the middle, then `--resume`: the same epochs and figures as without it."""
    words = ["train", "ner", "--data", str(corpus), *PLAIN, "--epochs", "8", "--patience", "8"]
    words += ["--tag-column", "-1"]
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert main([*words, "--out", str(whole)]) == 0

    process = subprocess.Popen(
        [sys.executable, "-m", "recipes.kit.cli", *words, "--out", str(out)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    state = unfinished_folder(out) / "checkpoints" / "model" / "state.json"
    limit = time.monotonic() + 120
    while not state.exists() and time.monotonic() < limit:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "--resume" in err
    assert "Traceback" not in err
    assert not out.exists()

    capfd.readouterr()
    assert "contains an interrupted run" in fails(capfd, *words, "--out", out)
    (tmp_path / "c.json").write_text('{"units": 9}')
    config = ["--config", str(tmp_path / "c.json")]
    line = fails(capfd, "train", "ner", "--out", out, "--resume", *config)
    assert "--units 8, not 9" in line
    changed = [*words, "--out", str(out), "--resume", "--units", "9"]
    assert "--resume: the interrupted run has --units 8, not 9" in fails(capfd, *changed)

    line = fails(capfd, "train", "sentiment", "--out", out, "--resume")
    assert "is for the recipe 'ner', expected 'sentiment'" in line
    # An option of the interrupted run may be repeated, though it has no effect without others.
    assert main(["train", "ner", "--out", str(out), "--resume", "--tag-column", "-1"]) == 0
    card = (out / "README.md").read_text()
    assert shlex.join(["rnn-zoo", *words, "--out", str(out)]) in card

    def history(folder: Path) -> np.ndarray:
        table = np.loadtxt(folder / "history.csv", delimiter=",", skiprows=1)
        return table[:, :-1]  # all but the seconds

    np.testing.assert_allclose(history(out), history(whole), rtol=1e-4)
    metrics = [json.loads((f / "metrics.json").read_text()) for f in (out, whole)]
    assert metrics[0]["test"] == metrics[1]["test"]
    assert metrics[0]["baseline"] == metrics[1]["baseline"]


def test_overwrite_replaces_the_whole_folder(trained, corpus, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(trained, out)
    (out / "left-over.txt").write_text("x")
    words = ["train", "ner", "--data", str(corpus), *PLAIN, "--epochs", "1", "--out", str(out)]
    assert main([*words, "--overwrite"]) == 0
    assert not (out / "left-over.txt").exists()
    assert json.loads((out / "config.json").read_text())["options"]["head"] == "softmax"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
