"""Images with captions: generated scenes, tables, Flickr8k, COCO, folders, and what is refused."""

from __future__ import annotations

import itertools
import json
import re
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from recipes.captioning import data, scenes
from recipes.captioning.formats import read_files
from recipes.captioning.options import Config
from recipes.captioning.pixels import Drawing
from recipes.kit.data import tfds
from recipes.kit.data.source import SPLITS, Source
from recipes.kit.errors import DataError, UserError


def write_images(folder: Path, count: int = 6, suffix: str = ".png") -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for index in range(count):
        pixels = np.random.default_rng(index).integers(0, 255, (20, 30, 3)).astype("uint8")
        names.append(f"{index}{suffix}")
        Image.fromarray(pixels).save(folder / names[-1])
    return names


def read(path: Path, **options):
    config = Config(data=Source.of(path), size=(16, 16), **options)
    return read_files(config.data, config, Drawing(config))


def captions(path: Path, **options) -> dict[str, tuple[str, ...]]:
    return {e.name: e.captions for e in read(path, **options).splits["train"]}


def test_no_combination_or_handwriting_of_a_part_is_in_another() -> None:
    rng = np.random.default_rng(0)
    writing = scenes._handwriting(rng)
    of = {
        split: {picture.tobytes() for pictures in things.values() for picture in pictures}
        for split, things in writing.items()
    }
    relations, counts = scenes._combinations(rng)
    for one, other in itertools.combinations(SPLITS, 2):
        assert not {*relations[one]} & {*relations[other]}
        assert not {*counts[one]} & {*counts[other]}
        assert not of[one] & of[other]
    found = scenes.load({"train": 2000, "valid": 200, "test": 200}).splits
    said = {s: {c for e in each for c in e.captions} for s, each in found.items()}
    for one, other in itertools.combinations(SPLITS, 2):
        assert not said[one] & said[other]
    words = {word for caption in said["train"] for word in caption.split()}
    assert {word for caption in said["test"] for word in caption.split()} <= words


def test_there_are_as_many_combinations_as_the_text_says() -> None:
    for of_parts, total, held_out in zip(
        scenes._combinations(np.random.default_rng(0)), (800, 1330), (80, 133), strict=True
    ):
        assert len({each for part in of_parts.values() for each in part}) == total
        assert len(of_parts["valid"]) == len(of_parts["test"]) == held_out
        assert f"{total:,} " in scenes.__doc__
        assert f"{held_out} in each" in scenes.__doc__


def test_the_scenes_show_what_is_said() -> None:
    """Where each thing is a flat square whose grey says which, a scene can be read."""
    greys = {str(thing): 10 * (index + 1) for index, thing in enumerate(scenes._THINGS)}
    squares = {
        thing: [np.full((scenes._SIDES[thing.size],) * 2, greys[str(thing)], "uint8")]
        for thing in scenes._THINGS
    }
    rng = np.random.default_rng(0)
    relations, counts = scenes._combinations(rng)
    for _ in range(300):
        scene = scenes._scene(relations["train"], counts["train"], squares, rng, "")
        image = scene.image[..., 0]
        for caption in scene.captions:
            if relation := re.fullmatch(r"a (.+) is (.+) a (.+)", caption):
                first, where, second = relation.groups()
                if first != second:
                    assert where == relation_of(image == greys[first], image == greys[second])
            else:
                shown = {name: (image == grey).sum() for name, grey in greys.items()}
                for part in caption.split(" and "):
                    number, name = part.split(" ", 1)
                    number = scenes._WORDS.index(number)
                    plural = scenes._PLURALS.index
                    size, digit = name.split()
                    name = name if number == 1 else f"{size} {scenes._WORDS[plural(digit)]}"
                    assert shown.pop(name) == number * scenes._SIDES[size] ** 2
                assert not any(shown.values())


def relation_of(first: np.ndarray, second: np.ndarray) -> str:
    """How a thing stands to another, by where in the image they are."""
    down, right = np.argwhere(first).mean(axis=0) - np.argwhere(second).mean(axis=0)
    if abs(right) > abs(down):
        return "left of" if right < 0 else "right of"
    return "above" if down < 0 else "below"


def test_scenes_are_the_same_and_fewer_are_the_first() -> None:
    many, few = (scenes.load({"train": n, "valid": 2, "test": 2}) for n in (30, 10))
    for split in SPLITS:
        for one, other in zip(many.splits[split], few.splits[split], strict=False):
            assert one.captions == other.captions
            np.testing.assert_array_equal(one.image, other.image)


def test_several_columns_rows_and_a_split(tmp_path: Path) -> None:
    names = write_images(tmp_path / "images")
    rows = [f"{n},a dog,a small dog,{'test' if n == names[-1] else 'train'}" for n in names]
    rows.append(f"{names[0]},it barks,,train")
    table = tmp_path / "captions.csv"
    table.write_text("\n".join(["image,caption_1,caption 2,split", *rows]))
    splits = read(table).splits
    assert [len(splits[s]) for s in ("train", "test")] == [5, 1]
    assert splits["train"][0].captions == ("a dog", "a small dog", "it barks")
    assert splits["train"][0].image.shape == (16, 16, 3)


def test_jsonl_with_lists_and_named_columns(tmp_path: Path) -> None:
    names = write_images(tmp_path)
    file = tmp_path / "captions.jsonl"
    file.write_text("\n".join(json.dumps({"where": n, "said": ["a", "b"]}) for n in names))
    with pytest.raises(DataError, match="--image-column names one"):
        read(file)
    assert captions(file, image_column="where", caption_column="said")["1.png"] == ("a", "b")


def test_flickr8k(tmp_path: Path) -> None:
    names = write_images(tmp_path / "Flicker8k_Dataset", suffix=".jpg")
    lines = [f"{name}#{n}\tA dog , running {n} ." for name in names for n in range(2)]
    (tmp_path / "Flickr8k.token.txt").write_text("\n".join(lines))
    (tmp_path / "Flickr_8k.trainImages.txt").write_text("\n".join(names[:3]))
    (tmp_path / "Flickr_8k.devImages.txt").write_text(names[3])
    (tmp_path / "Flickr_8k.testImages.txt").write_text(names[4])
    splits = read(tmp_path).splits
    assert {s: len(e) for s, e in splits.items()} == {"train": 3, "valid": 1, "test": 1}
    assert splits["test"][0].captions == ("A dog , running 0 .", "A dog , running 1 .")


def test_kaggle_coco_and_texts_beside_images(tmp_path: Path) -> None:
    names = write_images(tmp_path / "a" / "images")
    file = tmp_path / "a" / "captions.txt"
    file.write_text("image,caption\n" + "\n".join(f"{n},a cat, asleep" for n in names))
    assert captions(file)["0.png"] == ("a cat, asleep",)
    coco = {
        "images": [{"id": i, "file_name": n} for i, n in enumerate(names)],
        "annotations": [{"image_id": i % 6, "caption": f"number {i}"} for i in range(12)],
    }
    file = tmp_path / "a" / "captions.json"
    file.write_text(json.dumps(coco))
    assert captions(file)["2.png"] == ("number 2", "number 8")
    for name in write_images(tmp_path / "b"):
        (tmp_path / "b" / name).with_suffix(".txt").write_text(f"picture {name}\n")
    assert len(captions(tmp_path / "b")) == 6


def test_captions_beside_an_images_folder_and_in_the_folder_of_a_part(tmp_path: Path) -> None:
    """A table per part beside `images/`, and a folder of images and texts for each part."""
    names = write_images(tmp_path / "a" / "images")
    for split, part in (("train", names[:4]), ("val", names[4:5]), ("test", names[5:])):
        lines = [json.dumps({"image": n, "captions": ["a", f"b {n}"]}) for n in part]
        (tmp_path / "a" / f"{split}.jsonl").write_text("\n".join(lines))
    splits = read(tmp_path / "a").splits
    assert {s: len(e) for s, e in splits.items()} == {"train": 4, "valid": 1, "test": 1}
    assert splits["valid"][0].captions == ("a", "b 4.png")
    for split in ("train", "test"):
        for name in write_images(tmp_path / "b" / split, count=2):
            (tmp_path / "b" / split / name).with_suffix(".txt").write_text(f"one\ntwo {name}\n")
    splits = read(tmp_path / "b").splits
    assert {s: len(e) for s, e in splits.items()} == {"train": 2, "test": 2}
    assert splits["test"][1].captions == ("one", "two 1.png")


def test_parts_given_by_option(tmp_path: Path) -> None:
    names = write_images(tmp_path / "images")
    for split, part in (("train", names[:4]), ("valid", names[4:5]), ("test", names[5:])):
        rows = [f"{n},what is in {n}" for n in part]
        (tmp_path / f"{split}ing.csv").write_text("\n".join(["file_name,text", *rows]))
    parts = {s: (tmp_path / f"{s}ing.csv",) for s in SPLITS}
    config = Config(data=Source.of_parts(parts), size=(16, 16))
    loaded = data.load(config.data, config)
    assert [len(part) for part in (loaded.train, loaded.valid, loaded.test)] == [4, 1, 1]
    assert loaded.test[0].captions == ("what is in 5.png",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2", "--image-column names one"),
        ("image,b\n0.png,2", "--caption-column names one"),
        ("image,caption\n0.png,", "holds no image with a caption"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, content: str, message: str) -> None:
    write_images(tmp_path)
    (tmp_path / "captions.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        read(tmp_path / "captions.csv")


def test_broken_images_are_named_and_too_many_refused(tmp_path: Path) -> None:
    names = write_images(tmp_path)
    (tmp_path / "0.png").write_bytes((tmp_path / "0.png").read_bytes()[:300])
    (tmp_path / "1.png").write_text("no image")
    table = tmp_path / "captions.csv"
    table.write_text("image,caption\n" + "\n".join(f"{n},x" for n in [*names, "gone.png"]))
    found = read(table)
    assert len(found.splits["train"]) == 4
    about = next(fact.text for fact in found.understood if fact.topic == "left out")
    assert about.startswith("3 images")
    assert "gone.png" in about
    with pytest.raises(DataError):
        read(table, strict=True)
    (tmp_path / "2.png").unlink()
    with pytest.raises(DataError, match="the first of 4 images"):
        read(table)


def test_files_are_drawn_as_people_see_them(tmp_path: Path) -> None:
    drawing = Drawing(Config(data=Source.of(tmp_path), size=(16, 32)))
    red = np.zeros((16, 16, 4), "uint8")
    red[:, :8] = (255, 0, 0, 255)
    Image.fromarray(red).save(tmp_path / "clear.png")
    drawn = drawing.read(tmp_path / "clear.png")
    assert drawn[0, :8].min() == 255  # filled beside it
    assert drawn[0, 8].tolist() == [255, 0, 0]
    assert drawn[0, 16].tolist() == [255, 255, 255]  # through what is transparent
    grey = np.linspace(0, 65535, 16 * 32).reshape(16, 32).astype("uint16")
    Image.fromarray(grey).save(tmp_path / "deep.png")
    Image.fromarray((grey // 257).astype("uint8")).save(tmp_path / "grey.tiff")
    deep, tiff = (drawing.read(tmp_path / name) for name in ("deep.png", "grey.tiff"))
    assert np.abs(deep.astype(int) - tiff).max() <= 1
    upright = Image.fromarray(np.repeat(np.arange(0, 256, 8, "uint8")[None], 16, 0))
    exif = Image.Exif()
    exif[0x112] = 3  # upside down
    upright.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    assert drawing.read(tmp_path / "turned.jpg")[8, 0, 0] > 200


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "bmp"])
def test_the_graph_decodes_as_pillow_does(tmp_path: Path, kind: str) -> None:
    pixels = np.linspace(0, 255, 24 * 24 * 3).reshape(24, 24, 3).astype("uint8")
    path = tmp_path / f"image.{kind}"
    Image.fromarray(pixels).save(path, **({"quality": 100} if kind == "jpg" else {}))
    drawing = Drawing(Config(data=Source.of(tmp_path), size=(24, 24)))
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB")).astype(int)
    assert drawing.encoded(path) == path.read_bytes() or kind == "bmp"
    assert np.abs(drawing.read(path) - expected).max() <= 6  # of JPEG's colours


def test_tfds(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"image": np.full((8, 12, 3), i, "uint8"), "captions": {"text": np.array([b"a cat", b"b"])}}
        for i in range(5)
    ]
    info = types.SimpleNamespace(
        features={"image": 0, "captions": 0}, splits={"train": 5}, homepage=""
    )
    builder = types.SimpleNamespace(info=info)
    monkeypatch.setattr(tfds, "prepared_builder", lambda name: builder)
    monkeypatch.setattr(tfds, "decoded", lambda builder, split: rows)
    config = Config(data=Source.parse("tfds:coco_captions"), size=(16, 16))
    loaded = data.load(config.data, config)
    assert len(loaded.train) == 3
    assert loaded.train[0].captions == ("a cat", "b")
    assert loaded.objective.metric == "bleu_4"


def test_embedded_names_and_sizes() -> None:
    with pytest.raises(UserError, match="embedded:scenes"):
        config = Config(data=Source.parse("embedded:places"))
        data.load(config.data, config)


def test_one_function_draws_everywhere() -> None:
    drawing = Drawing(Config())
    example = scenes.load({"train": 1, "valid": 1, "test": 1}).splits["train"][0]
    encoded = tf.io.encode_png(example.image)
    np.testing.assert_array_equal(drawing.one(encoded).numpy(), example.image)
