"""The speech recipe from sound files to a served model, on letters that are tones."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest
import soundfile
import tensorflow as tf

from recipes.kit.cli import main
from recipes.kit.data.batches import pad
from recipes.kit.errors import UserError
from recipes.kit.metrics import speech_metrics, taken_for
from recipes.speech import data as speech_data
from recipes.speech import recipe
from recipes.speech.serve import Transcriber, texts_of, timed_letters, transcribe_all

RATE = 2000
HERTZ = {"a": 150.0, "b": 300.0, "c": 600.0}

#: Options that make training a matter of seconds.
QUICK = [
    *("--units", "12", "--num-mels", "10", "--frame-length", "0.04", "--frame-step", "0.02"),
    *("--batch-size", "16", "--learning-rate", "0.02", "--dropout", "0.1", "--beam-size", "3"),
    *("--time-reduction", "2", "--no-spec-augment"),
]

ALONE = """\
import json, sys
import numpy as np
import tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
sound = np.load(sys.argv[2])
inputs = {name: tf.constant(sound[name]) for name in ("waveforms", "lengths")}
answers = {
    name: served[name](**inputs)
    for name in ("serving_default", "greedy", "log_probabilities")
}
print(json.dumps({
    name: {k: v.numpy().astype(str if v.dtype == tf.string else float).tolist()
           for k, v in answer.items()}
    for name, answer in answers.items()
}))
assert not {"recipes", "zoo", "custom_layers"} & set(sys.modules)
"""


def say(text: str, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """A tone a letter, a pause between them."""
    random = np.random.default_rng(seed)
    parts = [np.zeros(rate // 20)]
    for letter in text:
        seconds = np.arange(int(rate * random.uniform(0.15, 0.25))) / rate
        pause = np.zeros(int(rate * random.uniform(0.05, 0.1)))
        parts += [0.4 * np.sin(2 * np.pi * HERTZ[letter] * seconds), pause]
    sound = np.concatenate(parts)
    return (sound + 0.005 * random.normal(size=len(sound))).astype("float32")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest with splits, files of two rates, and one that is broken."""
    folder = tmp_path_factory.mktemp("letters")
    random = np.random.default_rng(0)
    rows = ["path,transcript,split"]
    for split, count in (("train", 96), ("valid", 12), ("test", 20)):
        for k in range(count):
            text = "".join(random.choice(list(HERTZ), random.integers(1, 4)))
            rate = (RATE, RATE, 2 * RATE)[k % 3]
            soundfile.write(folder / f"{split}{k}.wav", say(text, rate, seed=k), rate)
            rows.append(f"{split}{k}.wav,{text},{split}")
    (folder / "empty.wav").write_bytes(b"")
    rows.append("empty.wav,a,train")
    (folder / "clips.csv").write_text("\n".join(rows))
    return folder / "clips.csv"


@pytest.fixture(scope="module")
def trained(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "speech"
    words = ["--data", str(manifest), "--out", str(out), "--epochs", "14"]
    assert main(["train", "speech", *words, *QUICK]) == 0
    return out


def test_it_learns_and_says_so(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    names = {"cer", "wer", "sequence_accuracy"}
    assert set(metrics["test"]) == names | {f"greedy_{name}" for name in names}
    assert metrics["test"]["cer"] <= 0.1 < 0.4 < metrics["baseline"]["cer"]
    assert "1 file left out" in (trained / "README.md").read_text()
    for name in ("alignment", "confusion", "curves"):
        assert (trained / "plots" / f"{name}.png").stat().st_size > 5_000


def test_predict_and_evaluate(
    trained: Path, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "stereo.wav"
    sound = say("abca", 3 * RATE)
    soundfile.write(path, np.stack([sound, sound], axis=1), 3 * RATE, subtype="PCM_24")
    capsys.readouterr()
    assert main(["predict", str(trained), str(path), "--times"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["text"] == "abca" and answer["hypotheses"][0] == "abca"
    assert answer["seconds"] == pytest.approx(len(sound) / 3 / RATE, abs=1e-3)
    letters = answer["letters"]
    assert [letter for letter, _, _ in letters] == list("abca")
    assert all(a[1] < a[2] <= b[1] for a, b in zip(letters, letters[1:], strict=False))
    assert 0.3 < letters[-1][2] <= answer["seconds"] + 0.05
    assert main(["predict", str(trained), str(path), "--search", "greedy"]) == 0
    greedy = json.loads(capsys.readouterr().out)
    assert greedy["text"] == "abca" and "hypotheses" not in greedy and "letters" not in greedy
    assert main(["evaluate", str(trained)]) == 0
    test = json.loads((trained / "metrics.json").read_text())["test"]
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == pytest.approx(test)
    assert main(["predict", str(trained), str(manifest.parent / "empty.wav")]) == 2
    assert "empty.wav: expected sound, found 0 bytes" in capsys.readouterr().err
    soundfile.write(path, np.zeros(2 * RATE), RATE)
    assert main(["predict", str(trained), str(path)]) == 0
    assert "stereo.wav: is silent" in capsys.readouterr().err


def test_served_alone(trained: Path, tmp_path: Path) -> None:
    sounds = [say("cab"), say("bb", seed=5), say("a", seed=6)]
    lengths = np.array([len(sound) for sound in sounds], "int32")
    waveforms = pad(sounds, 0.7)  # behind the end anything may be
    np.savez(tmp_path / "sound.npz", waveforms=waveforms, lengths=lengths)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(trained / "saved_model"), str(tmp_path / "sound.npz")],
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(done.stdout.splitlines()[-1])
    about = json.loads((trained / "speech.json").read_text())
    ours = Transcriber(
        keras.models.load_model(trained / "model.keras"),
        about["symbols"][1:],
        sampling_rate=about["sampling_rate"],
        seconds_per_step=0.04,
        beam_size=3,
    )
    alone = [transcribe_all(ours.transcribe, [sound])[0] for sound in sounds]
    assert answers["serving_default"]["texts"] == texts_of(alone)
    assert answers["greedy"]["texts"] == texts_of(alone, "greedy")
    for row, answer in enumerate(alone):
        np.testing.assert_allclose(
            answers["serving_default"]["scores"][row], answer["scores"], rtol=1e-3, atol=1e-3
        )
        count = len(timed_letters(answer))
        np.testing.assert_allclose(
            answers["serving_default"]["starts"][row][:count], answer["starts"][:count], atol=1e-6
        )
    frames = answers["log_probabilities"]
    assert frames["sampling_rate"] == RATE and frames["seconds_per_step"] == pytest.approx(0.04)
    assert frames["symbols"] == ["", "a", "b", "c"]
    np.testing.assert_allclose(np.exp(frames["log_probabilities"]).sum(-1), 1, atol=1e-4)


def frames_of(trained: Path, inputs: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities, and where they are not those of what cannot be."""
    model = recipe.servable(keras.models.load_model(trained / "model.keras"))
    frames = model({k: tf.constant(v) for k, v in inputs.items()})["log_probabilities"].numpy()
    return frames, frames > -1e6


@pytest.mark.slow
def test_onnx(trained: Path, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    path = tmp_path / "model.onnx"
    assert main(["export", str(trained), "--format", "onnx", "--to", str(path)]) == 0
    sounds = [say("cab"), say("bb", seed=5)]
    lengths = np.array([len(sound) for sound in sounds], "int32")
    inputs = {"waveforms": pad(sounds, 0.0), "lengths": lengths}
    (found,) = runtime.InferenceSession(str(path)).run(["log_probabilities"], inputs)
    want, real = frames_of(trained, inputs)
    np.testing.assert_allclose(found[real], want[real], atol=1e-3)


@pytest.mark.slow
def test_litert(trained: Path, tmp_path: Path) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    path = tmp_path / "model.tflite"
    words = ["--format", "litert", "--to", str(path), "--length", "1600"]
    assert main(["export", str(trained), *words]) == 0
    sound = say("cab")[:1500]
    inputs = {"waveforms": pad([sound], 0.0, 1600), "lengths": np.array([1500], "int32")}
    found = interpreter.Interpreter(str(path)).get_signature_runner()(**inputs)
    want, real = frames_of(trained, inputs)
    np.testing.assert_allclose(found["log_probabilities"][real], want[real], atol=1e-3)


def test_strings_from_names_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "words"
    folder.mkdir()
    for speaker in ("ann", "bob"):
        for letter in HERTZ:
            for k in range(8):
                sound = say(letter, seed=k + 100 * (speaker == "bob"))
                soundfile.write(folder / f"{letter}_{speaker}_{k}.wav", sound, RATE)
    words = ["--data", str(folder), "--transcript-from-name", "{text}_{speaker}_*"]
    words += ["--test-names", "*_[0-1].wav", "--valid-names", "*_2.wav", "--join", "1", "3"]
    out = tmp_path / "out"
    assert main(["train", "speech", *words, *QUICK, "--epochs", "3", "--out", str(out)]) == 0
    config = recipe.Config(
        data=str(folder),
        transcript_from_name="{text}_{speaker}_*",
        test_names=("*_[0-1].wav",),
        valid_names=("*_2.wav",),
        join=(1, 3),
    )
    data = recipe.load_data(config)
    assert len(data.train(0)) == len(data.train(1))
    assert [c.text for c in data.train(0)] != [c.text for c in data.train(1)]
    held_out = {name for clip in data.test for name in clip.name.split(" + ")}
    assert held_out == {str(path) for path in folder.glob("*_[01].wav")}
    assert held_out.isdisjoint(n for c in data.train(3) for n in c.name.split(" + "))
    assert "in strings of 1 to 3" in data.description
    # A run that is interrupted in its second epoch goes through the same epochs.
    again, calls = tmp_path / "again", []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return transcribe_all(*arguments)

    monkeypatch.setattr(recipe, "transcribe_all", interrupted)
    train = ["train", "speech", *words, *QUICK, "--epochs", "3", "--out", str(again)]
    assert main(train) == 130 and "--resume" in capsys.readouterr().err
    assert main([*train, "--resume"]) == 0
    histories = []
    for folder in (out, again):
        rows = csv.DictReader((folder / "history.csv").read_text().splitlines())
        histories.append([{k: v for k, v in row.items() if k != "seconds"} for row in rows])
    assert len(histories[0]) == 3 and histories[0] == histories[1]


def test_a_stream(manifest: Path) -> None:
    config = recipe.Config(data=str(manifest), bidirectional=False, units=4, num_mels=10)
    model = recipe.build(config, recipe.load_data(config))
    assert isinstance(model.get_layer("normalization"), keras.layers.BatchNormalization)
    assert "recurrent_0" in {layer.name for layer in model.layers}


def test_too_short_for_its_transcript(manifest: Path) -> None:
    config = recipe.Config(frame_step=0.02, time_reduction=2)
    wrong = config.fits(RATE)  # 80 samples a step
    assert wrong(5 * 80, "abcab") is None and wrong(4 * 80 + 79, "abcab") is not None
    assert "is too short: 0.20 seconds are 4 steps, and its transcript 'abcc' needs 5" in str(
        wrong(4 * 80 + 79, "abcc")
    )
    joined = recipe.Config(frame_step=0.02, time_reduction=2, join=(1, 2)).fits(RATE)
    assert joined(3 * 80, "a") is None and joined(2 * 80, "a") is not None


def test_strict(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "speech", "--data", str(manifest), "--strict", "--out", "/tmp/no"]) == 2
    assert "empty.wav: expected sound, found 0 bytes" in capsys.readouterr().err
    assert main(["train", "speech", "--join", "5", "1"]) == 2
    assert "--join must be two rising numbers from 1" in capsys.readouterr().err


def test_metrics() -> None:
    found = speech_metrics(["one two", "three"], ["one too", "three"])
    assert found == {
        "cer": pytest.approx(1 / 12),
        "wer": pytest.approx(1 / 3),
        "sequence_accuracy": 0.5,
    }
    assert speech_metrics(["abc"], [""])["cer"] == 1
    with pytest.raises(UserError, match="expected at least one clip"):
        speech_metrics([], [])
    assert taken_for(["abc", "d"], ["axcd", "d"]) == [
        ("a", "a"),
        ("b", "x"),
        ("c", "c"),
        ("", "d"),
        ("d", "d"),
    ]


def test_a_trial_changes_what_is_heard() -> None:
    hp = keras_tuner.HyperParameters()
    recipe.space(hp, recipe.Config())
    assert set(hp.values) >= {
        "features",
        "time_reduction",
        "depth",
        "bidirectional",
        "clip",
        "cell",
    }
    hp.values["time_reduction"] = 1
    assert recipe.space(hp, recipe.Config()).time_reduction == 1


def test_clips_are_held_in_two_bytes_a_sample(manifest: Path) -> None:
    data = speech_data.load(str(manifest))
    assert {clip.samples.dtype for clip in data.train} == {np.dtype("int16")}
    assert data.sampling_rate == RATE


def test_options_that_follow_the_data(manifest: Path) -> None:
    morse, own = recipe.Config(), recipe.Config(data=str(manifest))
    assert (morse.num_mels, morse.dropout, morse.learning_rate) == (20, 0.0, 5e-3)
    assert (own.num_mels, own.dropout, own.learning_rate) == (40, 0.2, 3e-3)
    assert recipe.Config(num_mels=30, dropout=0.1).num_mels == 30
    assert not morse.feature_options(stream=False)["spec_augment"]
    assert own.feature_options(stream=False)["spec_augment"]
    assert morse.feature_options(stream=False)["normalization"] == "corpus"
    assert own.feature_options(stream=False)["normalization"] == "clip"
