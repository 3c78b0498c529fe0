"""The video recipe: moving digits, own files, training, and what is served."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from recipes.kit.data.images import BrokenImage, Canvas
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.kit.run import train_recipe
from recipes.video import data as videos
from recipes.video.clips import read_frames
from recipes.video.metrics import pair_metrics
from recipes.video.moving import OPPOSITES, moving_digit, turning_digit
from recipes.video.options import Config
from recipes.video.recipe import RECIPE

DIGIT = load_digits().images[3].astype("float64")


def frames(count: int, seed: int = 0, size: int = 8) -> list[Image.Image]:
    """A bright column that moves to the right, or with an odd seed to the left."""
    pictures = []
    for step in range(count):
        pixels = np.zeros((size, size), "uint8")
        at = (seed + step) % size
        pixels[:, at if seed % 2 == 0 else size - 1 - at] = 255
        pictures.append(Image.fromarray(pixels))
    return pictures


def write_gif(path: Path, pictures: Sequence[Image.Image]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100)


def npz(path: Path, count: int = 40, **more: np.ndarray) -> Path:
    clips = np.zeros((count, 6, 8, 8), "uint8")
    lengths = 3 + np.arange(count) % 4
    for row in range(count):
        for step, picture in enumerate(frames(int(lengths[row]), row)):
            clips[row, step] = np.asarray(picture)
        clips[row, lengths[row] :] = 99
        clips[row, 0, 0, 0] = row  # no two are the same
    labels = np.array(["right", "left"])[np.arange(count) % 2]
    arrays = {"clips": clips, "labels": labels, "lengths": lengths, **more}
    np.savez(path, **arrays)
    return path


def test_a_motion_backwards_is_its_opposite() -> None:
    """Where the digit is at a certain frame says nothing about which of the two it is."""
    generator, places = np.random.default_rng(0), {label: [] for label in OPPOSITES}
    for _ in range(600):
        clip, label = moving_digit(DIGIT, generator)
        assert clip.shape[1:] == (24, 24, 1) and 8 <= len(clip) <= 16
        places[label].append((clip[0, :, :, 0] > 100).sum())
    for label, opposite in OPPOSITES.items():
        assert OPPOSITES[opposite] == label
        a, b = (np.array(places[name], float) for name in (label, opposite))
        error = np.sqrt(a.var() / len(a) + b.var() / len(b))
        assert abs(a.mean() - b.mean()) < 4 * error + 1e-6


@pytest.mark.parametrize(("motion", "axis", "sign"), [("right", 1, 1), ("up", 0, -1)])
def test_which_way_a_digit_moves(motion: str, axis: int, sign: int) -> None:
    generator, seen = np.random.default_rng(0), 0
    while seen < 5:
        clip, label = moving_digit(DIGIT, generator)
        if label == motion:
            seen += 1
            waves = np.exp(2j * np.pi * np.arange(24) / 24)
            profile = (clip[..., 0] > 60).sum(axis=2 - axis) @ waves
            turns = np.angle(profile[1:] / profile[:-1])
            assert (sign * turns > 0).mean() > 0.8


def test_frames_have_the_motion_that_leads_to_them() -> None:
    clip, labels = turning_digit(DIGIT, np.random.default_rng(0))
    assert len(clip) == len(labels) and labels[0] == labels[1] and len({*labels}) > 1


def test_pairs() -> None:
    shares = np.array([[0.4, 0.1, 0.5], [0.3, 0.3, 0.4], [0.1, 0.2, 0.7]])
    found = pair_metrics(["a", "b", "c"], shares, ["a", "b", "c"], {"a": "b", "b": "a"})
    assert found == {"pair_accuracy": 0.75, "pair_error": pytest.approx(0.5 / 2**0.5)}
    assert pair_metrics(["c"], shares[:1], ["a", "b", "c"], {}) == {}


def test_gifs_and_folders_of_frames(tmp_path: Path) -> None:
    for row in range(8):
        label = "left" if row % 2 else "right"
        write_gif(tmp_path / label / f"v_x_g{row // 2}_c{row}.gif", frames(4 + row % 3, row))
        folder = tmp_path / label / f"clip{row}"
        folder.mkdir()
        for step, picture in enumerate(frames(12, row)):
            picture.save(folder / f"{step}.png")  # 10 comes after 9
    (tmp_path / "left" / "broken.gif").write_bytes(b"GIF89a")
    config = Config(data=Source.of(tmp_path), size=8)
    data = videos.load(config.data, config)
    every = [*data.train, *data.valid, *data.test]
    assert len(every) == 16 and data.labels == ("left", "right") and data.shape == (8, 8, 1)
    text = " ".join(f"{fact.topic} {fact.text}" for fact in data.understood)
    assert "broken.gif" in text and ".gif (8)" in text and "4 groups" in text
    for part in (data.valid, data.test):
        groups = {clip.group for clip in part if clip.group}
        assert groups.isdisjoint(clip.group for clip in data.train)
    whole = next(clip for clip in every if clip.name.endswith("clip0"))
    np.testing.assert_array_equal(whole.frames[:8, 0, :, 0].argmax(1), np.arange(8))
    gif = next(clip for clip in every if clip.name.endswith("g0_c0.gif"))
    assert gif.fps == pytest.approx(10)
    np.testing.assert_array_equal(gif.frames[:, 0, :, 0].argmax(1), np.arange(4))


def test_videos(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "clip.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
        for picture in frames(20, size=32):
            for packet in stream.encode(av.VideoFrame.from_image(picture.convert("RGB"))):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    found, fps = read_frames(path, Canvas("grey", 32, "black"), 1, 32)
    assert found.shape == (20, 32, 32, 1) and fps == pytest.approx(10)
    np.testing.assert_array_equal(found[:, 0, :, 0].argmax(1), np.arange(20))
    found, fps = read_frames(path, Canvas("grey", 32, "black"), 2, 5)
    assert len(found) == 5 and fps == pytest.approx(2.5)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(BrokenImage, match=r"clip.avi: (cannot be decoded|holds no)"):
        read_frames(path, Canvas("grey", 32, "black"), 1, 32)


def test_arrays_that_do_not_fit(tmp_path: Path) -> None:
    def load(**more: np.ndarray) -> videos.Data:
        path = npz(tmp_path / "clips.npz", **more)
        return videos.load(Source.of(path), Config(data=Source.of(path)))

    data = load(groups=np.arange(40) // 4)
    assert [len(part) % 4 for part in (data.train, data.valid, data.test)] == [0, 0, 0]
    assert {len(clip) for clip in data.train} == {3, 4, 5, 6}
    assert all(99 not in clip.frames[1:, 1:] for clip in data.train)
    with pytest.raises(DataError, match="lengths: expected 1 to 6, found 0"):
        load(lengths=np.zeros(40, int))
    with pytest.raises(DataError, match="labels: expected 40, found 3"):
        load(labels=np.arange(3))
    with pytest.raises(DataError, match="expected an array 'frame_labels'"):
        path = npz(tmp_path / "clips.npz")
        videos.load(Source.of(path), Config(data=Source.of(path), labels="frame"))


def test_a_folder_without_clips(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(UserError, match="expected a folder for each class"):
        videos.load(Source.of(tmp_path), Config(data=Source.of(tmp_path)))


@pytest.mark.parametrize("labels", ["clip", "frame"])
def test_from_data_to_predictions(tmp_path: Path, labels: str) -> None:
    names = np.array(["right", "left"])[np.arange(40) % 2]
    more = {"frame_labels": np.repeat(names[:, None], 6, axis=1)} if labels == "frame" else {}
    source = Source.of(npz(tmp_path / "clips.npz", **more))
    config = Config(
        data=source, labels=labels, units=8, filters=4, stages=2, epochs=20, batch_size=8,
        learning_rate=0.01, compare=labels == "clip",
    )  # fmt: skip
    folder = tmp_path / "run"
    metrics = train_recipe(RECIPE, "video", config, folder, command="test", given={"epochs"})
    assert metrics["test"]["accuracy"] >= 0.75
    assert ("shuffled_accuracy" in metrics["baseline"]) == (labels == "clip")
    assert {p.name for p in (folder / "plots").iterdir()} >= {"clips.png", "confusion.png"}
    predictor = RECIPE.load(folder)
    write_gif(tmp_path / "clip.gif", frames(5, 2))
    (tmp_path / "bad.gif").write_bytes(b"GIF89a")
    good, bad, missing = predictor.predict(
        [tmp_path / name for name in ("clip.gif", "bad.gif", "none.gif")]
    )
    assert good["frames"] == len(good["running"]) == 5 and good["fps"] == pytest.approx(10)
    assert sum(good["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert "bad.gif" in bad["error"] and "no such file" in missing["error"]
    # Frames of another size are scaled, and padding changes nothing.
    clip = np.repeat(np.stack([np.asarray(p) for p in frames(4)])[None, ..., None], 2, 0)
    large = clip.repeat(2, axis=2).repeat(2, axis=3)
    one, two = (
        predictor.served("frames", frames=x, lengths=[4, 2])["probabilities"]
        for x in (clip, np.pad(large, ((0, 0), (0, 3), (0, 0), (0, 0), (0, 0)))[:, :5])
    )
    np.testing.assert_allclose(two[:, :2], one[:, :2], atol=0.02)
