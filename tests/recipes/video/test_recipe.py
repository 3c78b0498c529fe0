"""The video recipe: training, what is served, predictions of every form, and its pictures."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from video_clips import frames, npz, write_folder, write_gif, write_video

from recipes.kit.cli import main
from recipes.kit.finding import load_recipe
from recipes.video.metrics import pair_metrics
from recipes.video.plots import Shown, strips

QUICK = "--units 8 --filters 4 --stages 2 --epochs 16 --batch-size 8 --learning-rate 0.01".split()

#: Runs where importing Keras or any package of ours fails.
ALONE = """
import sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
given = np.load(sys.argv[2])
answers = {}
for name in sorted(served):
    if not name.startswith("__"):
        found = served[name](frames=tf.constant(given["frames"]), lengths=given["lengths"])
        for key, value in found.items():
            value = value.numpy()
            answers[f"{name} {key}"] = value.astype("S") if value.dtype == object else value
np.savez(sys.argv[3], **answers)
"""


def trained(folder: Path, labels: str, *more: str) -> Path:
    words = np.array(["right", "left"])[np.arange(40) % 2]
    arrays = {"frame_labels": np.repeat(words[:, None], 6, axis=1)} if labels == "frame" else {}
    data, out = npz(folder / "clips.npz", **arrays), folder / "run"
    words = ["train", "video", "--data", str(data), "--out", str(out), "--labels", labels]
    assert main([*words, *QUICK, *more]) == 0
    return out


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("clips"), "clip", "--compare")


@pytest.fixture(scope="module")
def every_frame(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("frames"), "frame", "--bidirectional")


def test_what_is_measured(clips: Path, every_frame: Path) -> None:
    record = json.loads((clips / "metrics.json").read_text())
    assert record["test"]["accuracy"] >= 0.75 and record["interval_unit"] == "clips"
    assert {"accuracy", "shuffled_accuracy", "accuracy_of_commonest"} <= {*record["baseline"]}
    record = json.loads((every_frame / "metrics.json").read_text())
    assert record["test"]["frame_accuracy"] >= 0.75 and "macro_f1" in record["test"]
    assert "accuracy" not in record["test"] and record["interval_unit"] == "clips"
    assert {"frame_accuracy", "frame_accuracy_of_commonest"} <= {*record["baseline"]}
    objective = json.loads((every_frame / "data.json").read_text())["objective"]
    assert objective["metric"] == "frame_accuracy"
    for run in (clips, every_frame):
        assert {p.name for p in (run / "plots").iterdir()} >= {"clips.png", "confusion.png"}
    first = json.loads((every_frame / "test_answers.jsonl").read_text().split("\n")[0])
    assert ", frame " in first["input"]


@pytest.mark.parametrize("kind", ["clips", "every_frame"])
def test_every_form_is_answered(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    run: Path = request.getfixturevalue(kind)
    pictures = frames(5, 2, size=16)
    gif = write_gif(tmp_path / "in" / "clip.gif", pictures)
    video = write_video(tmp_path / "in" / "clip.avi", pictures)
    folder = write_folder(tmp_path / "in" / "clip", pictures)
    (tmp_path / "in" / "bad.gif").write_bytes(b"GIF89a")
    inputs = [str(tmp_path / "in"), str(run.parent / "clips.npz"), str(folder), "none.gif"]
    capsys.readouterr()
    assert main(["predict", str(run), *inputs]) == 2
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    bad, images, avi, animation, arrays, again, missing = answers
    assert "bad.gif: cannot be decoded" in bad["error"]
    assert "none.gif: no such file or folder" in missing["error"]
    assert [each["path"] for each in (images, avi, animation)] == [*map(str, (folder, video, gif))]
    assert again == images and animation["fps"] == avi["fps"] == 10 and images["fps"] == 0
    assert images["frames"] == len(images["running"]) == 5
    assert sum(images["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert {**animation, "path": "", "fps": 0} == {**images, "path": ""}
    assert [clip["clip"] for clip in arrays["clips"]] == [str(n) for n in range(40)]
    truth = ["right", "left"] * 20
    hits = [clip["label"] == label for clip, label in zip(arrays["clips"], truth, strict=True)]
    assert np.mean(hits) >= 0.75
    assert main(["predict", str(run), str(gif), inputs[1], "--format", "csv"]) == 0
    table = [*csv.DictReader(capsys.readouterr().out.splitlines())]
    assert len(table) == 41 and table[5]["clip"] == "4"


def test_evaluate_on_other_forms(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["clip,label"]
    for row in range(8):
        label = ("right", "left")[row % 2]
        write_gif(tmp_path / "folder" / label / f"{row}.gif", frames(3 + row % 4, row))
        lines.append(f"{label}/{row}.gif,{label}")
    (tmp_path / "folder" / label / "bad.gif").write_bytes(b"GIF89a")
    (tmp_path / "table").mkdir()
    for label in ("right", "left"):
        shutil.copytree(tmp_path / "folder" / label, tmp_path / "table" / label)
    (tmp_path / "table" / "clips.csv").write_text("\n".join(lines))
    for data in (tmp_path / "table" / "clips.csv", clips.parent / "clips.npz"):
        capsys.readouterr()
        assert main(["evaluate", str(clips), "--data", str(data)]) == 0
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["accuracy"] >= 0.75
    (tmp_path / "folder" / "left").rename(tmp_path / "folder" / "up")
    (tmp_path / "folder" / "right").rename(tmp_path / "folder" / "down")
    assert main(["evaluate", str(clips), "--data", str(tmp_path / "folder")]) == 2
    assert "have classes unknown to the model" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["clips", "every_frame"])
def test_served_alone(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Bytes of frames in any size and colour, in a process without our packages; what is answered
    is what `predict` answers to the file they were decoded from."""
    run: Path = request.getfixturevalue(kind)
    shutil.copytree(run / "saved_model", tmp_path / "moved")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (4, 21, 34, 3)).astype("uint8")
    folder = write_folder(tmp_path / "clip", [Image.fromarray(frame) for frame in pixels])
    padded = np.pad(pixels, ((0, 3), (0, 0), (0, 0), (0, 0)), constant_values=77)
    np.savez(tmp_path / "in.npz", frames=[padded, padded], lengths=np.array([4, 2], "int32"))
    paths = [str(tmp_path / name) for name in ("moved", "in.npz", "out.npz")]
    subprocess.run([sys.executable, "-c", ALONE, *paths], check=True, timeout=120)
    alone = np.load(tmp_path / "out.npz")
    (answer,) = load_recipe("video").load(run).predict([folder])
    assert alone["frames label"][0, :4].astype(str).tolist() == [
        frame["label"] for frame in answer["running"]
    ]
    confidence = [frame["confidence"] for frame in answer["running"]]
    np.testing.assert_allclose(alone["frames confidence"][0, :4], confidence, atol=1e-4)
    if kind == "clips":
        np.testing.assert_allclose(
            alone["classify probabilities"][0], [*answer["probabilities"].values()], atol=1e-4
        )
        np.testing.assert_array_equal(alone["classify label"], alone["serving_default label"])
        np.testing.assert_allclose(  # what is said of a clip is what is said after its last frame
            alone["classify probabilities"],
            alone["frames probabilities"][[0, 1], [3, 1]],
            atol=1e-5,
        )


@pytest.mark.parametrize("kind", ["onnx", "litert"])
@pytest.mark.parametrize("options", ["", "--recurrence conv_lstm --units 4"])
def test_portable(kind: str, options: str, tmp_path: Path, clips: Path) -> None:
    pytest.importorskip({"onnx": "onnxruntime", "litert": "ai_edge_litert"}[kind])
    run = clips
    if options:
        run = trained(tmp_path, "clip", *options.split(), "--epochs", "1")
    to = tmp_path / {"onnx": "m.onnx", "litert": "m.tflite"}[kind]
    length = ["--length", "5"] if kind == "litert" else []
    assert main(["export", str(run), "--format", kind, "--to", str(to), *length]) == 0
    pixels = np.zeros((1, 5, 8, 8, 1), "uint8")
    pixels[0, :4, ..., 0] = [np.asarray(picture) for picture in frames(4, 1)]
    lengths = np.array([4], "int32")
    served = load_recipe("video").load(run).served("classify", frames=pixels, lengths=lengths)
    given = {"frames": pixels.astype("float32") / 255, "lengths": lengths}
    if kind == "onnx":
        import onnxruntime

        (found,) = onnxruntime.InferenceSession(str(to)).run(["probabilities"], given)
    else:
        from ai_edge_litert.interpreter import Interpreter

        runner = Interpreter(str(to)).get_signature_runner()
        found = runner(**given)["probabilities"]
    np.testing.assert_allclose(found, served["probabilities"], atol=1e-3)


def test_pairs() -> None:
    shares = np.array([[0.4, 0.1, 0.5], [0.3, 0.3, 0.4], [0.1, 0.2, 0.7]])
    found = pair_metrics(["a", "b", "c"], shares, ["a", "b", "c"], {"a": "b", "b": "a"})
    assert found == {"pair_accuracy": 0.75, "pair_error": pytest.approx(0.5 / 2**0.5)}
    assert pair_metrics(["c"], shares[:1], ["a", "b", "c"], {}) == {}


def test_frames_stand_above_their_probabilities(tmp_path: Path, figures: list[Figure]) -> None:
    shares = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    pixels = np.zeros((3, 4, 6, 1), "uint8")
    shown = [Shown(pixels, ("b",), shares), Shown(pixels[:2], ("a", "b"), shares[:2])]
    strips(shown, ["a", "b"], tmp_path / "clips.png")
    (figure,) = figures
    figure.canvas.draw()
    strip, curve, second, below = figure.axes
    for above, under in ((strip, curve), (second, below)):
        for image, number in zip(above.images, (1, 2, 3), strict=False):
            left, right = image.get_extent()[:2]
            middle = above.transData.transform(((left + right) / 2, 0))[0]
            assert middle == pytest.approx(under.transData.transform((number, 0))[0], abs=1)
        box = above.images[0].get_window_extent()
        assert box.width / box.height == pytest.approx(6 / 4, rel=0.05)
    assert strip.get_title(loc="left") == "b (80%)"
    assert second.get_title(loc="left") == "2 of 2 frames right"
    assert [text.get_text() for text in curve.get_legend().get_texts()] == ["b (true)", "a"]
