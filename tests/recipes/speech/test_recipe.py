"""The speech recipe from sound files to a served model, on letters that are tones."""

from __future__ import annotations

import csv
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import jiwer
import keras
import keras_tuner
import numpy as np
import pytest
import soundfile
import tensorflow as tf
from recipe_corpus import answer_rows

from recipes.kit.cli import main
from recipes.kit.config_file import read_config, to_json
from recipes.kit.data.batches import pad
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError
from recipes.kit.output import read_run_config
from recipes.kit.recipe import Run
from recipes.speech import recipe
from recipes.speech.clips import Clip
from recipes.speech.data import too_short
from recipes.speech.metrics import confusions, speech_metrics
from recipes.speech.options import Config
from recipes.speech.serve import (
    Transcriber,
    TranscriberPredictor,
    texts_of,
    timed_letters,
    transcribe_all,
)

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
    answers = answer_rows(trained, "cer")
    right = [row["truth"] == row["answer"] for row in answers]
    assert np.mean(right) == pytest.approx(metrics["test"]["sequence_accuracy"])
    assert right == [row["cer"] == 0 for row in answers]
    card = (trained / "README.md").read_text()
    assert "- left out: 1 clip (--strict refuses): clips.csv:" in card
    assert "empty.wav: expected sound, found 0 bytes" in (trained / "data.json").read_text()
    for name in ("alignment", "confusion", "curves"):
        assert (trained / "plots" / f"{name}.png").stat().st_size > 5_000


def test_symbols_the_model_cannot_write(trained: Path) -> None:
    predictor = TranscriberPredictor(trained)
    clips = [Clip(np.zeros(RATE, "int16"), text, text) for text in ("ab", "a-b", "A", "b")]
    some, every = predictor.unknown(clips)[0], predictor.unknown(clips[1:3])[0]
    assert some.notes == (
        "2 of 4 clips (50.0 %) have transcripts with symbols unknown to the model, so they count "
        "as wrong: '-' (25.0 %), A (25.0 %).",
    )
    assert some.notes[0] in predictor.judge(clips).notes
    with pytest.raises(UserError, match="all 2 clips have .*: expected a, b, c.*--lowercase"):
        every.check(Source.parse("x"))


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


def test_one_answer_for_each_file(
    trained: Path, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = manifest.parent
    files = [folder / "test0.wav", folder / "empty.wav", folder / "test1.wav", tmp_path / "no.wav"]
    capsys.readouterr()
    assert main(["predict", str(trained), *map(str, files)]) == 2
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer.get("path", answer.get("input")) for answer in answers] == [*map(str, files)]
    assert set(answers[1]) == set(answers[3]) == {"input", "error"}
    assert "empty.wav: expected sound, found 0 bytes" in answers[1]["error"]
    assert "no.wav: cannot be read: No such file" in answers[3]["error"]
    assert main(["predict", str(trained), str(files[2])]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert alone == {**answers[2], "score": pytest.approx(answers[2]["score"], abs=1e-3)}
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros(2 * RATE), RATE)
    assert main(["predict", str(trained), str(path)]) == 0
    captured = capsys.readouterr()
    assert "silent.wav: is silent" in captured.err
    assert json.loads(captured.out)["seconds"] == 2.0


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
        about["sampling_rate"],
        read_run_config(Config, trained),
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
    model = recipe.portable(keras.models.load_model(trained / "model.keras"), trained)
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
    config = Config(
        data=Source.of(folder),
        transcript_from_name="{text}_{speaker}_*",
        test_names=("*_[0-1].wav",),
        valid_names=("*_2.wav",),
        join=(1, 3),
    )
    data = recipe.load_data(config.data, config)
    assert len(data.train(0)) == len(data.train(1))
    assert [c.text for c in data.train(0)] != [c.text for c in data.train(1)]
    held_out = {name for clip in data.test for name in clip.name.split(" + ")}
    assert held_out == {str(path) for path in folder.glob("*_[01].wav")}
    assert held_out.isdisjoint(n for c in data.train(3) for n in c.name.split(" + "))
    assert any(
        topic == "strings" and text.endswith(", of 1 to 3 clips") for topic, text in data.understood
    )
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


def test_a_stream(manifest: Path, tmp_path: Path) -> None:
    config = Config(data=Source.of(manifest), bidirectional=False, units=4, num_mels=10)
    run = Run(config, recipe.load_data(config.data, config), tmp_path, "speech")
    model = recipe.build(run)
    assert isinstance(model.get_layer("normalization"), keras.layers.BatchNormalization)
    assert "recurrent_0" in {layer.name for layer in model.layers}


def test_too_short_for_its_transcript() -> None:
    config = Config(data=Source.of(Path("x")), frame_step=0.02, time_reduction=2)
    assert too_short(5 * 80, "abcab", RATE, config) is None  # 80 samples a step
    assert too_short(4 * 80 + 79, "abcab", RATE, config) is not None
    assert "is too short: 0.20 seconds are 4 steps, and its transcript 'abcc' needs 5" in str(
        too_short(4 * 80 + 79, "abcc", RATE, config)
    )
    joined = dataclasses.replace(config, join=(1, 2))
    assert too_short(3 * 80, "a", RATE, joined) is None
    assert too_short(2 * 80, "a", RATE, joined) is not None


def test_strict(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "speech", "--data", str(manifest), "--strict", "--out", "/tmp/no"]) == 2
    assert "empty.wav: expected sound, found 0 bytes" in capsys.readouterr().err
    assert main(["train", "speech", "--data", str(manifest), "--join", "5", "1"]) == 2
    told = capsys.readouterr().err
    assert "--join must be the lowest number of clips, then the highest, not (5, 1)" in told
    assert main(["train", "speech", "--data", str(manifest), "--join", "0", "1"]) == 2
    assert "--join must be at least 1, not (0, 1)" in capsys.readouterr().err


def test_metrics() -> None:
    truth, texts = ["a b c", "xyz", "one two"], [" a  c d", "", "one two"]
    metrics = speech_metrics(truth, texts)
    assert metrics["cer"] == pytest.approx(jiwer.cer(truth, texts))
    assert metrics["wer"] == pytest.approx(jiwer.wer(truth, texts))
    metrics = speech_metrics(["one two", "three"], ["one too", "three"])
    assert metrics == {
        "cer": pytest.approx(1 / 12),
        "wer": pytest.approx(1 / 3),
        "sequence_accuracy": 0.5,
    }
    assert speech_metrics(["abc"], [""])["cer"] == 1
    with pytest.raises(UserError, match="expected at least one clip"):
        speech_metrics([], [])
    assert confusions(["abc", "d"], ["axcd", "d"]) == [
        ("a", "a"),
        ("b", "x"),
        ("c", "c"),
        ("", "d"),
        ("d", "d"),
    ]


def test_a_trial_changes_what_is_heard() -> None:
    hp = keras_tuner.HyperParameters()
    recipe.space(hp, Config())
    assert set(hp.values) >= {
        "features",
        "time_reduction",
        "depth",
        "bidirectional",
        "clip",
        "cell",
    }
    hp.values["time_reduction"] = 1
    assert recipe.space(hp, Config()).time_reduction == 1


def test_a_trial_keeps_to_what_its_features_and_direction_allow() -> None:
    data = Source.of(Path("x"))
    hp = keras_tuner.HyperParameters()
    start = Config(data=data, features="mfcc", num_coefficients=20)
    assert recipe.space(hp, start).num_coefficients == 20
    hp.values["features"] = "log_mel"
    assert recipe.space(hp, start).features == "log_mel"
    hp.values["bidirectional"] = False
    assert recipe.space(hp, start).normalization == "corpus"
    asked_for = dataclasses.replace(start, normalization="none")
    assert recipe.space(hp, asked_for).normalization == "none"


def test_clips_are_held_in_two_bytes_a_sample(manifest: Path) -> None:
    config = Config(data=Source.of(manifest))
    data = recipe.load_data(config.data, config)
    assert {clip.samples.dtype for clip in data.train(0)} == {np.dtype("int16")}
    assert data.sampling_rate == RATE


def test_options_that_follow_the_data(trained: Path, manifest: Path, tmp_path: Path) -> None:
    morse, own = Config(), Config(data=Source.of(manifest))
    stream = Config(data=Source.of(manifest), bidirectional=False)
    assert (morse.num_mels, morse.dropout, morse.learning_rate) == (20, 0.0, 5e-3)
    assert (own.num_mels, own.dropout, own.learning_rate) == (40, 0.2, 3e-3)
    assert [c.normalization for c in (morse, own, stream)] == ["corpus", "clip", "corpus"]
    assert Config(num_mels=30, dropout=0.1).num_mels == 30
    assert not morse.feature_options()["spec_augment"]
    assert own.feature_options()["spec_augment"]
    # They are resolved in the folder of a run, and read back equal.
    options = json.loads((trained / "config.json").read_text())["options"]
    assert options["normalization"] == "clip" and None not in {
        options[name] for name in ("num_mels", "dropout", "learning_rate")
    }
    assert json.loads(json.dumps(to_json(read_run_config(Config, trained)))) == options
    with pytest.raises(UserError, match="--num-coefficients must be at most --num-mels 10, not 13"):
        dataclasses.replace(own, features="mfcc", num_mels=10)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--sampling-rate 8000", "--sampling-rate has no effect with --data embedded"),
        ("--transcript-from-name {text}", "--transcript-from-name has no effect with --data emb"),
        ("--valid-names a*", "--valid-names has no effect with --data embedded"),
        ("--test-names a*", "--test-names has no effect with --data embedded"),
        ("--path-column a", "--path-column has no effect with --data embedded"),
        ("--transcript-column a", "--transcript-column has no effect with --data embedded"),
        ("--subset a", "--subset has no effect with --data embedded"),
        ("--by-speaker", "--by-speaker has no effect with --data embedded"),
        ("--join 1 2", "--join has no effect with --data embedded"),
        ("--lowercase", "--lowercase has no effect with --data embedded"),
        ("--strict", "--strict has no effect with --data embedded"),
        (
            "--data tfds:yes_no --test-names a*",
            "--test-names has no effect with --data tfds:yes_no",
        ),
        ("--data CSV --valid-names a*", "--valid-names has no effect with a manifest"),
        ("--data DIR --test-names a*", "--test-names has no effect without --transcript-from-name"),
        (
            "--data DIR --transcript-from-name {text} --path-column a",
            "--path-column has no effect with --transcript-from-name",
        ),
        ("--num-coefficients 12", "--num-coefficients has no effect with --features log_mel"),
    ],
)
def test_options_without_effect_are_refused(
    words: str, message: str, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"CSV": str(manifest), "DIR": str(manifest.parent)}
    assert main(["train", "speech", *(places.get(word, word) for word in words.split())]) == 2
    assert message in capsys.readouterr().err


def test_a_file_of_options_follows_the_data_of_the_command_line(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "options.json"
    file.write_text('{"units": 8, "lowercase": true}')
    out = tmp_path / "out"
    out.mkdir()
    (out / "file").touch()
    words = ["--config", str(file), "--data", str(manifest), "--out", str(out)]
    assert main(["train", "speech", *words]) == 2
    assert "lowercase" not in capsys.readouterr().err  # It is the folder that is refused.
    assert main(["train", "speech", "--config", str(file)]) == 2
    assert "options.json: --lowercase has no effect with --data emb" in capsys.readouterr().err


#: What version 996d83d wrote besides the options that have not changed.
OLD = {
    "data": "recordings",
    "seed": 0,
    "out": "saved_models/speech",
    "normalization": None,
    "num_mels": 40,
    "dropout": 0.2,
    "learning_rate": 0.003,
    "transcript_from_name": "{text}_{speaker}_*",
    "valid_names": ["*_[5-9].wav"],
    "test_names": [],
    "join": [1, 5],
    "bidirectional": False,
    "merge_mode": "concat",
    "initial_state": "zeros",
    "mixed_precision": False,
}


def test_the_config_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"recipe": "speech", "options": OLD, "versions": {}}))
    config = read_config(Config, path, "speech")
    assert config.normalization == "corpus" and config.join == (1, 5)
    assert config.data == Source.of(Path("recordings")) and not config.bidirectional
    # Options that did nothing were accepted then.
    options = {**OLD, "data": "embedded", "normalization": "corpus"}
    path.write_text(json.dumps({"recipe": "speech", "options": options, "versions": {}}))
    assert read_config(Config, path, "speech").join is None
