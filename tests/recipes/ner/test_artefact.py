"""A folder that version 996d83d trained is evaluated, asked and exported with its numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import keras
import pytest

from recipes.kit.cli import main

ARTEFACTS = Path(__file__).parents[2] / "artefacts" / "996d83d"
EXPECTED = json.loads((ARTEFACTS / "ner_expected.json").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A copy, in the folder that its config names the corpus from."""
    for name in ("ner", "corpus"):
        shutil.copytree(ARTEFACTS / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "ner"


@pytest.mark.parametrize("data", [[], ["--data", "corpus"]])
def test_evaluate(folder, capsys, data):
    assert main(["evaluate", str(folder), *data]) == 0
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert 0 < metrics.pop("calibration_error") < 1  # that version had none
    assert metrics == EXPECTED["evaluate"]


def test_predict(folder, capsys):
    texts = [answer["text"] for answer in EXPECTED["predict"]]
    assert main(["predict", str(folder), *texts]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for answer, expected in zip(answers, EXPECTED["predict"], strict=True):
        entities, before = answer.pop("entities"), expected.pop("entities")
        assert answer == expected
        for entity, earlier in zip(entities, before, strict=True):
            assert entity.pop("confidence") == pytest.approx(earlier.pop("confidence"), abs=1e-3)
            place = slice(entity.pop("start_char"), entity.pop("end_char"))
            assert entity == earlier and answer["text"][place] == entity["text"]


def test_export_of_the_keras_model(folder, capsys):
    assert main(["export", str(folder), "--format", "onnx"]) == 0
    assert (folder / "model.onnx").is_file()
    assert keras.models.load_model(folder / "model.keras", compile=False).count_params() > 0


def test_train_with_its_config(folder):
    """Options of that version, `out` among them, are read from its config file."""
    words = ["--config", str(folder / "config.json"), "--out", "again", "--epochs", "1"]
    assert main(["train", "ner", *words]) == 0
    assert json.loads(Path("again/config.json").read_text())["options"]["units"] == 6
