"""Where clips come from: what moves, folders, tables, arrays, TFDS; parts and groups."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from video_clips import frames, npz, write_folder, write_gif

from recipes.kit.data import tfds
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.video import data as videos
from recipes.video.moving import OPPOSITES, moving_digit, turning_digit
from recipes.video.options import Config

DIGIT = load_digits().images[3].astype("float64")


def load(*paths: Path, **options: Any) -> videos.Data:
    config = Config(data=Source.of(*paths), **options)
    return videos.load(config.data, config)


def said(data: videos.Data) -> str:
    return "\n".join(f"{fact.topic}: {fact.text}" for fact in data.understood)


def every(data: videos.Data) -> list[Any]:
    return [*data.train, *data.valid, *data.test]


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


def test_few_embedded_clips() -> None:
    config = Config(limit=10, labels="frame")
    data = videos.load(config.data, config)
    assert [len(part) for part in (data.train, data.valid, data.test)] == [10, 2, 2]
    assert data.objective.metric == "frame_accuracy"
    assert all(len(clip.labels) == len(clip) for clip in data.train)


def test_folders_of_classes(tmp_path: Path) -> None:
    for row in range(8):
        label = "left" if row % 2 else "right"
        write_gif(tmp_path / label / f"v_x_g{row // 2}_c{row}.gif", frames(4 + row % 3, row))
        write_folder(tmp_path / label / f"clip{row}", frames(12, row))
    (tmp_path / "left" / "broken.gif").write_bytes(b"GIF89a")
    (tmp_path / "left" / "notes.txt").write_text("none")
    data = load(tmp_path, size=8)
    assert len(every(data)) == 16 and data.labels == ("left", "right") and data.shape == (8, 8, 1)
    text = said(data)
    assert "broken.gif" in text and ".gif (8)" in text and "1 file of other kinds" in text
    assert "groups: 4 groups of clips, none of them in two parts" in text
    assert "a shuffle of its groups" in text
    for part in (data.valid, data.test):
        groups = {clip.group for clip in part if clip.group}
        assert groups.isdisjoint(clip.group for clip in data.train)
    few = load(tmp_path, size=8, limit=10)
    assert 9 <= len(every(few)) <= 10 and "10 of 17 clips are read" in said(few)
    with pytest.raises(DataError, match=r"broken.gif"):
        load(tmp_path, size=8, strict=True)
    with pytest.raises(UserError, match="--label-column has no effect on"):
        load(tmp_path, label_column="class")
    with pytest.raises(UserError, match="those of frames .* are read from tables and .npz"):
        load(tmp_path, labels="frame")


def test_a_folder_without_clips(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(UserError, match="expected a folder for each class"):
        load(tmp_path)
    write_gif(tmp_path / "one.gif", frames(3))
    with pytest.raises(UserError, match="found 1 clip in no folder of a class"):
        load(tmp_path)
    with pytest.raises(DataError, match=r"expected a folder of clips, a table .*, or an .npz"):
        load(tmp_path / "notes.txt")


def table(folder: Path, kind: str, rows: list[dict[str, Any]], name: str = "clips") -> Path:
    path = folder / f"{name}.{kind}"
    if kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        mark = "," if kind == "csv" else "\t"
        lines = [mark.join(map(str, row.values())) for row in rows]
        path.write_text("\n".join([mark.join(rows[0]), *lines]))
    return path


def rows_of(folder: Path, count: int = 12) -> list[dict[str, Any]]:
    rows = []
    for row in range(count):
        write_gif(folder / "videos" / f"{row}.gif", frames(5, row))
        label = ("right", "left")[row % 2]
        rows.append({"who": f"p{row // 3}", "clip": f"{row}.gif", "Label": label, "note": "x"})
    return rows


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_tables(tmp_path: Path, kind: str) -> None:
    path = table(tmp_path, kind, rows_of(tmp_path))
    data = load(path, size=8, group_column="who")
    assert len(every(data)) == 12 and data.labels == ("left", "right")
    text = said(data)
    assert "columns: path clip; label Label; group who" in text and "left aside: note" in text
    assert "groups: 4 groups of clips, none" in text
    parts = [{clip.group for clip in part} for part in (data.train, data.valid, data.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 4
    # A folder with the table is read by it.
    assert said(load(tmp_path, size=8, group_column="who")) == text.replace(
        str(path), str(tmp_path)
    )


def test_tables_of_parts(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    for index, row in enumerate(rows):
        row["split"] = ("train", "train", "train", "train", "dev", "test")[index // 2]
    data = load(table(tmp_path, "csv", rows), size=8, group_column="who")
    assert [len(part) for part in (data.train, data.valid, data.test)] == [8, 2, 2]
    assert "4 groups of clips; in two parts, as the source has it: p2, p3" in said(data)
    (tmp_path / "clips.csv").unlink()
    for name, part in (("train", rows[:8]), ("val", rows[8:10]), ("test", rows[10:])):
        table(tmp_path, "csv", [{"clip": r["clip"], "label": r["Label"]} for r in part], name)
    data = load(tmp_path, size=8)
    assert [len(part) for part in (data.train, data.valid, data.test)] == [8, 2, 2]


def test_tables_without_a_header(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    path = tmp_path / "clips.csv"
    path.write_text("\n".join(f"videos/{row['clip']},{row['Label']}" for row in rows))
    assert "path column 0; label column 1" in said(load(path, size=8))


def test_tables_of_frames(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    words = [["a", "a", "b", "b", row["Label"]] for row in rows]
    lists = [{"clip": r["clip"], "labels": w} for r, w in zip(rows, words, strict=True)]
    text = [{**row, "labels": " ".join(row["labels"])} for row in lists]
    for path in (table(tmp_path, "jsonl", lists), table(tmp_path, "csv", text)):
        data = load(path, size=8, labels="frame", max_frames=3)
        assert {clip.labels for clip in every(data)} == {("a", "b", "left"), ("a", "b", "right")}
    lists[3]["labels"] = ["a"]
    data = load(table(tmp_path, "jsonl", lists), size=8, labels="frame")
    assert "clips.jsonl:4 3.gif has 5 frames and 1 labels" in said(data)


def test_tables_that_do_not_fit(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    path = table(tmp_path, "csv", [{"a": row["clip"], "b": row["Label"]} for row in rows])
    with pytest.raises(DataError, match=r"clips.csv:1: expected a column of the labels, such as"):
        load(path, path_column="a")
    assert len(every(load(path, size=8, path_column="a", label_column="b"))) == 12
    with pytest.raises(DataError, match=r"expected a column 'c', found a, b \(--group-column\)"):
        load(path, path_column="a", label_column="b", group_column="c")
    with pytest.raises(DataError, match=r"clips.csv:3: 'Label': expected text, found nothing"):
        load(table(tmp_path, "csv", [*rows[:1], {**rows[1], "Label": ""}, *rows[2:]]))
    with pytest.raises(DataError, match=r"clips.csv:2: expected train, valid or test, found 'x'"):
        load(table(tmp_path, "csv", [{**row, "split": "x"} for row in rows]))
    with pytest.raises(
        DataError, match=r"clips.csv:2: no such clip, .*0.gi; this is the first of 12"
    ):
        load(table(tmp_path, "csv", [{**row, "clip": row["clip"][:-1]} for row in rows]))
    table(tmp_path, "tsv", rows, "more")
    with pytest.raises(UserError, match="several tables, clips.csv, more.tsv, and no telling"):
        load(tmp_path)


def test_arrays(tmp_path: Path) -> None:
    def arrays(**more: np.ndarray) -> videos.Data:
        return load(npz(tmp_path / "clips.npz", **more))

    data = arrays(groups=np.arange(40) // 4)
    assert [len(part) % 4 for part in (data.train, data.valid, data.test)] == [0, 0, 0]
    assert {len(clip) for clip in data.train} == {3, 4, 5, 6}
    assert all(99 not in clip.frames[1:, 1:] for clip in data.train)
    assert load(tmp_path / "clips.npz", size=4).shape == (4, 4, 1)
    with pytest.raises(DataError, match="lengths: expected 1 to 6, found 0"):
        arrays(lengths=np.zeros(40, int))
    with pytest.raises(DataError, match=r"labels: expected 40, found \(3,\)"):
        arrays(labels=np.arange(3))
    with pytest.raises(DataError, match="splits: expected train, valid or test, found 'no'"):
        arrays(splits=np.full(40, "no"))
    with pytest.raises(DataError, match="expected an array 'frame_labels'"):
        load(npz(tmp_path / "clips.npz"), labels="frame")
    with pytest.raises(DataError, match=r"frame_labels: expected \(40, 6\), found \(40, 5\)"):
        load(npz(tmp_path / "clips.npz", frame_labels=np.zeros((40, 5))), labels="frame")


class Names:
    names = ("left", "right")


def served(
    monkeypatch: pytest.MonkeyPatch, features: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    info = SimpleNamespace(features=features, splits={"train": 9, "test": 9}, homepage="its page")

    def prepared(name: str, check: Callable[[Any], None]) -> SimpleNamespace:
        check(features)
        return SimpleNamespace(info=info)

    monkeypatch.setattr(tfds, "prepared_builder", prepared)
    monkeypatch.setattr(tfds, "decoded", lambda builder, split: iter(rows))


def test_tfds(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []
    for index in range(20):
        pixels = np.random.default_rng(index).integers(0, 256, (3 + index % 3, 10, 12, 3))
        rows.append({"video": pixels.astype("uint8"), "label": index % 2})
    served(monkeypatch, {"video": None, "label": Names()}, rows)
    config = Config(data=Source.parse("tfds:ucf101"), size=8, colour="rgb", max_frames=4)
    data = videos.load(config.data, config)
    assert data.shape == (8, 8, 3) and data.labels == ("left", "right")
    assert [len(part) for part in (data.train, data.valid, data.test)] == [18, 2, 20]
    assert {len(clip) for clip in data.train} == {3, 4}
    assert "clips cut from one video may be in train and in valid" in said(data)
    few = Config(data=config.data, size=8, limit=10)
    data = videos.load(few.data, few)
    assert [len(part) for part in (data.train, data.valid, data.test)] == [9, 1, 2]
    with pytest.raises(UserError, match="has classes of clips; leave out --labels frame"):
        frame = Config(data=config.data, labels="frame")
        videos.load(frame.data, frame)
    served(monkeypatch, {"image_sequence": None}, [])
    moving = Config(data=Source.parse("tfds:moving_mnist"))
    with pytest.raises(UserError, match="found image_sequence, so there is no label and no vid"):
        videos.load(moving.data, moving)
