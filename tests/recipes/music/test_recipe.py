"""The music recipe: from pieces to a model that is served, and back to music."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import mido
import numpy as np
import pytest
import soundfile
import tensorflow as tf
from recipe_corpus import answer_rows
from small_data import pieces

import zoo
from recipes.kit.cli import main
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError
from recipes.kit.recipe import Run
from recipes.music import recipe, serve
from recipes.music.baseline import frequencies, repetition
from recipes.music.metrics import likeness, music_statistics, pitch_class_sets
from recipes.music.options import Config
from recipes.music.rolls import parse_chord
from recipes.music.serve import Composer, score_all

QUICK = "--epochs 12 --learning-rate 0.05 --units 12 --head-units 8 --samples 2 --dropout 0"

#: Runs where importing Keras or any package of ours fails.
ALONE = """
import sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
content = np.load(sys.argv[2])
notes, lengths = tf.constant(content["notes"]), tf.constant(content["lengths"])
one, seed = tf.constant(1.0), tf.constant(7)
options = dict(frames=tf.constant(5), temperature=one, seed=seed)
state, previous, nats, following = tf.zeros([len(notes), 12]), notes[:, 0] * 0, [], []
for frame in tf.unstack(notes, axis=1):
    step = served["step"](
        notes=frame, previous=previous, temperature=0 * one, seed=seed, state_0=state
    )
    state, previous = step["state_0"], frame
    nats.append(step["nats"])
    following.append(step["notes"])
coldest = dict(frames=tf.constant(1), temperature=0 * one, seed=seed)
np.savez(
    sys.argv[3],
    names=sorted(served),
    nats=served["score"](notes=notes, lengths=lengths)["nats_per_frame"],
    default=served["serving_default"](notes=notes[:1], lengths=lengths[:1])["nats"],
    drawn=served["generate"](notes=notes, lengths=lengths, **options)["notes"],
    again=served["generate"](notes=notes, lengths=lengths, **options)["notes"],
    alone=served["generate"](notes=notes[:1], lengths=lengths[:1], **options)["notes"],
    nothing=served["generate"](notes=notes[:, :0], lengths=0 * lengths, **options)["notes"],
    streamed=tf.stack(nats, axis=1),
    following=tf.stack(following, axis=1),
    likeliest=served["generate"](notes=notes, lengths=lengths, **coldest)["notes"][:, 0],
)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pieces(tmp_path_factory.mktemp("music") / "data")


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("music") / "out"
    words = ["--data", str(data), "--out", str(out), *QUICK.split(), "--compare"]
    assert main(["train", "music", *words]) == 0
    return out


@pytest.mark.slow
def test_what_a_run_leaves(trained: Path, capsys: pytest.CaptureFixture) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    test, baseline = metrics["test"], metrics["baseline"]
    assert set(test) == {"nats_per_frame", "nats_per_frame_with_first", "note_accuracy"}
    assert test["nats_per_frame"] < baseline["nats_per_frame"]
    assert set(metrics["interval"]) >= {"nats_per_frame"} and metrics["interval_unit"] == "pieces"
    assert baseline["independent_nats_per_frame"] > 0
    with (trained / "likeness.csv").open() as file:
        rows = {row.pop("music"): row for row in csv.DictReader(file)}
    assert set(rows) == {"test", "chain", "independent"}
    assert float(rows["chain"]["known_chords"]) == pytest.approx(baseline["known_chords_of_chain"])
    assert {p.name for p in (trained / "plots").iterdir()} == {
        "curves.png", "generated.png", "probabilities.png",
    }  # fmt: skip
    names = {f"piece_{i}.{kind}" for i in (1, 2) for kind in ("mid", "wav")}
    assert {p.name for p in (trained / "samples").iterdir()} == names
    assert mido.MidiFile(trained / "samples" / "piece_1.mid").length == pytest.approx(68 * 2 / 3)
    sound, _ = soundfile.read(trained / "samples" / "piece_1.wav")
    assert 0 < np.abs(sound).max() < 1
    rows = answer_rows(trained, "nats_per_frame")
    frames = np.array([row["frames"] - 1 for row in rows])
    nats = np.array([row["nats_per_frame"] for row in rows])
    assert (nats @ frames) / frames.sum() == pytest.approx(test["nats_per_frame"], abs=1e-3)
    capsys.readouterr()
    assert main(["evaluate", str(trained)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == pytest.approx(test)


@pytest.mark.slow
def test_served_alone(trained: Path, data: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(trained / "saved_model", moved)
    config = Config(data=Source.of(data))
    rolls = [piece.roll for piece in recipe.load_data(config.data, config).test[:3]]
    lengths = np.array([*map(len, rolls)], "int32")
    notes = np.zeros((3, lengths.max(), 88), "uint8")
    for row, roll in enumerate(rolls):
        notes[row, : len(roll)] = roll
    np.savez(tmp_path / "x.npz", notes=notes, lengths=lengths)
    command = [sys.executable, "-c", ALONE, moved, tmp_path / "x.npz", tmp_path / "y.npz"]
    subprocess.run(command, check=True, capture_output=True)
    served = np.load(tmp_path / "y.npz")
    assert served["names"].tolist() == ["generate", "score", "serving_default", "step"]
    model = zoo.whole_pieces(keras.models.load_model(trained / "model.keras"))
    padded = notes.astype("float32")
    for row, length in enumerate(lengths):
        padded[row, length:] = -1
    expected = np.asarray(zoo.frame_nats(padded, model.predict(padded, verbose=0)))
    np.testing.assert_allclose(served["nats"], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(served["default"], expected[:1].sum(1), rtol=1e-4)
    assert served["drawn"].shape == (3, 5, 88) and served["drawn"].dtype == np.uint8
    np.testing.assert_array_equal(served["again"], served["drawn"])
    np.testing.assert_array_equal(served["alone"], served["drawn"][:1])
    assert served["nothing"].shape == (3, 5, 88) and served["nothing"].any()
    # Frame by frame a piece costs the same, and goes on in the same way.
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(
            served["streamed"][row, :length], served["nats"][row, :length], rtol=1e-4, atol=1e-4
        )
        np.testing.assert_array_equal(
            served["following"][row, length - 1], served["likeliest"][row]
        )


def test_long_pieces_are_scored_in_passages(monkeypatch: pytest.MonkeyPatch) -> None:
    keras.utils.set_random_seed(0)
    composer = Composer(zoo.music_model(cell="gru", units=6, head_units=4))
    rolls = [(np.random.default_rng(n).random((n, 88)) < 0.1).astype("uint8") for n in (11, 1, 6)]
    whole = score_all(composer.score, rolls)
    monkeypatch.setattr(serve, "_PASSAGE", 3)
    for run in (composer.score, tf.function(composer.score)):
        for expected, found in zip(whole, score_all(run, rolls), strict=True):
            for name, value in expected.items():
                np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_predict_takes_chords_and_files(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    words = ["predict", str(trained), "--frames", "6", "--seed", "3"]
    folder = tmp_path / "written"
    capsys.readouterr()
    assert main([*words, "C4 G4", "--pieces", str(folder), "--tempo", "120"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["start"], answer["frames"], answer["nats_per_frame"]) == ("C4 G4", 1, None)
    assert len(answer["notes"]) == len(answer["chords"]) == 6
    assert {Path(file).name for file in answer["files"]} == {
        "C4_G4.mid", "C4_G4.wav", "C4_G4.png",
    }  # fmt: skip
    assert mido.MidiFile(folder / "C4_G4.mid").length == pytest.approx(3.5)
    (tmp_path / "b.mid").write_text("no midi")
    inputs = [str(folder / "C4_G4.mid"), str(tmp_path / "b.mid"), "H9", "60 67", "c.mid"]
    assert main([*words, *inputs]) == 2
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert 1 < answers[0]["frames"] <= 7 and answers[0]["nats_per_frame"] > 0
    assert answers[3]["notes"] == answer["notes"]
    assert "b.mid: cannot be read as MIDI" in answers[1]["error"]
    assert "H9: no such file, and not a note" in answers[2]["error"]
    assert "c.mid: cannot be read as MIDI: No such file" in answers[4]["error"]
    assert main([*words, "C4 G4", "--pieces", str(folder)]) == 2
    assert "C4_G4.mid: exists; give another folder" in capsys.readouterr().out
    long = ["--pieces", str(tmp_path / "long"), "--frames", "10000", "--tempo", "10"]
    assert main([*words, "C4 G4", *long]) == 2
    assert "10,001 frames at --tempo 10 would sound for 16.7 hours" in capsys.readouterr().out
    assert main([*words, "C4 G4", "--pieces", str(trained / "metrics.json")]) == 2
    assert "metrics.json: cannot be written: File exists" in capsys.readouterr().err


@pytest.mark.slow
def test_exported_to_onnx(trained: Path, tmp_path: Path) -> None:
    import onnxruntime

    path = tmp_path / "model.onnx"
    assert main(["export", str(trained), "--format", "onnx", "--to", str(path)]) == 0
    session = onnxruntime.InferenceSession(str(path))
    notes = np.zeros((1, 5, 88), "float32")
    notes[0, :, [40, 47]] = 1
    (found,) = session.run(None, {"notes": notes})
    model = zoo.whole_pieces(keras.models.load_model(trained / "model.keras"))
    np.testing.assert_allclose(found, model.predict(notes, verbose=0), atol=1e-3)


def test_metrics_against_a_loop() -> None:
    rng = np.random.default_rng(0)
    rolls = [(rng.random((n, 88)) < 0.1).astype("uint8") for n in (4, 1, 6)]
    nats = [rng.random(len(roll)) for roll in rolls]
    predicted = [rng.random(roll.shape) < 0.1 for roll in rolls]
    found = music_statistics(rolls, nats, predicted).values
    later = np.concatenate([each[1:] for each in nats])
    assert found["nats_per_frame"] == pytest.approx(later.mean())
    assert found["nats_per_frame_with_first"] == pytest.approx(np.concatenate(nats).mean())
    tp = fp = fn = 0
    for roll, expected in zip(rolls, predicted, strict=True):
        for t in range(1, len(roll)):
            for k in range(88):
                tp += roll[t, k] and expected[t, k]
                fp += not roll[t, k] and expected[t, k]
                fn += roll[t, k] and not expected[t, k]
    assert found["note_accuracy"] == pytest.approx(tp / (tp + fp + fn))


def test_baselines() -> None:
    train = [np.zeros((8, 88), "uint8")]
    train[0][:, 10] = 1
    train[0][:4, 20] = 1
    test = [np.zeros((3, 88), "uint8")]
    test[0][:, 10] = 1
    share = np.full(88, 1 / 10)
    share[10], share[20] = 9 / 10, 5 / 10
    expected = -np.log(np.where(test[0][1] > 0, share, 1 - share)).sum()
    assert frequencies(train, test)["nats_per_frame"] == pytest.approx(expected)
    stays = (7 + 3 + 1) / (7 + 4 + 2)
    begins = (2 + 1) / (1 + 4 + 86 * 8 + 2)  # two notes, of all keys that were silent before
    expected = -np.log(stays) - 87 * np.log(1 - begins)
    found = repetition(train, test)
    assert found["nats_per_frame"] == pytest.approx(expected, rel=1e-6)
    assert found["note_accuracy"] == 1


def test_likeness() -> None:
    triad, other = parse_chord("C4 E4 G4"), parse_chord("C4 C#4")
    known = pitch_class_sets(triad)
    assert known == {frozenset({0, 4, 7})}
    music = [np.concatenate([np.roll(triad, 12, axis=1), other, 0 * triad, triad])]
    assert likeness(music, known) == {
        "frames": 4, "three_to_five_notes": 0.5, "known_chords": pytest.approx(2 / 3),
    }  # fmt: skip


def test_training_pieces_are_transposed_and_cut(
    data: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    config = Config(data=Source.of(data), transpose=3, passage=4, units=4, head_units=2, epochs=1)
    seen: list[np.ndarray] = []

    def fit(run: Any, model: Any, **given: Any) -> Any:
        for epoch in (0, 1, 0):
            seen.append([x.numpy() for x, _ in given["batches"](epoch)])
        return given["validate"]()

    monkeypatch.setattr("recipes.music.train.fit", fit)
    run = Run(config, recipe.load_data(config.data, config), tmp_path, "")
    figures: Any = recipe.train(run, recipe.build(run))
    assert set(figures) == {"val_loss", "val_nats_per_frame"}
    assert all(batch.shape[1] <= 4 for batch in seen[0])
    first, other, again = (np.concatenate([b.max(axis=1) for b in batches]) for batches in seen)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"transpose": 25}, "--transpose must be at least 0 and at most 24"),
        ({"head": "independent", "head_units": 7}, "--head-units has no effect with --head ind"),
        ({"passage": 1}, "--passage must be at least 2"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Config(**options)


def test_defaults_that_depend_on_the_head() -> None:
    assert (Config().transpose, Config(head="independent").transpose) == (6, 0)
    assert Config(head="independent", transpose=2).transpose == 2


def test_a_trial_keeps_the_head() -> None:
    hp = keras_tuner.HyperParameters()
    assert recipe.space(hp, Config()).head_units == 100
    found = recipe.space(keras_tuner.HyperParameters(), Config(head="independent"))
    assert found.head == "independent"
