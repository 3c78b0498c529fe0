"""Sound with transcripts: files of every kind, good and broken, and the Morse code we make."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sound_files import tone, write_sound
from speech_data import load, load_test, parts

from recipes.kit.data import tfds
from recipes.kit.data.source import EMBEDDED, Source
from recipes.kit.errors import DataError, UserError
from recipes.speech import data as speech
from recipes.speech import embedded
from recipes.speech.clips import Clip, join_clips
from recipes.speech.data import Data
from recipes.speech.options import Config

#: With these a step is 0.1 seconds, and so is the shortest clip of one letter.
STEPS = {"frame_step": 0.1, "time_reduction": 1}


def facts(data: Data, topic: str) -> list[str]:
    return [fact.text for fact in data.understood if fact.topic == topic]


# --- files that cannot be used --------------------------------------------------------------------


def broken(folder: Path) -> dict[Path, str]:
    """Files that cannot be learned from, and what is said of them."""
    whole = write_sound(folder / "whole.wav").read_bytes()
    files = {
        "empty.wav": b"",
        "text.wav": b"this is no sound at all",
        "cut.wav": whole[: len(whole) // 2],
        "head.wav": whole[:30],
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "whole.wav").unlink()
    write_sound(folder / "none.wav", np.zeros(0, "float32"))
    write_sound(folder / "nan.wav", np.full(4000, np.nan, "float32"), subtype="FLOAT")
    write_sound(folder / "silent.wav", np.zeros(4000, "float32"))
    write_sound(folder / "short.wav", tone(0.03))
    return {
        folder / "empty.wav": "found 0 bytes",
        folder / "text.wav": "cannot be read as sound",
        folder / "cut.wav": "is cut off: expected 8,044 bytes, found 4,022",
        folder / "head.wav": "is cut off",
        folder / "none.wav": "found a file without a sample",
        folder / "nan.wav": "holds samples that are not numbers",
        folder / "silent.wav": "is silent",
        folder / "short.wav": "is too short",
        folder / "missing.wav": "cannot be read: No such file",
    }


def manifest_of(folder: Path, rows: list[str]) -> Path:
    path = folder / "all.csv"
    path.write_text("\n".join(["path,transcript", *rows]))
    return path


def test_files_that_cannot_be_read_are_left_out_or_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = broken(tmp_path)
    good = [write_sound(tmp_path / f"good{k}.wav") for k in range(4)]
    rows = [f"{path.name},word" for path in good]
    for path, message in wrong.items():
        manifest = manifest_of(tmp_path, [*rows, f"{path.name},word"])
        data = load(manifest, **STEPS)
        assert sorted(c.name for part in parts(data) for c in part) == [*map(str, good)]
        (left_out,) = facts(data, "left out")
        assert left_out.startswith("1 clip") and message in left_out
        capsys.readouterr()
        assert len(load_test(manifest, **STEPS)) == 4
        assert f"left out: {left_out}" in capsys.readouterr().err
        with pytest.raises(DataError, match=message):
            load(manifest, strict=True, **STEPS)
    manifest = manifest_of(tmp_path, [*rows, *(f"missing{k}.wav,word" for k in range(4))])
    refused = "all.csv:6: .*missing0.wav: cannot be read.* first of 4 clips among 8 that cannot be"
    for read in (load, load_test):
        with pytest.raises(DataError, match=refused):
            read(manifest, **STEPS)


def test_clips_that_teach_nothing_are_left_out_however_many(tmp_path: Path) -> None:
    good = [write_sound(tmp_path / f"good{k}.wav") for k in range(4)]
    write_sound(tmp_path / "silent.wav", np.zeros(4000, "float32"))
    write_sound(tmp_path / "short.wav", tone(0.03))
    rows = [f"{path.name},word" for path in good]
    rows += ["silent.wav,word", "short.wav,word"] * 3 + ["good0.wav, "]
    (left_out,) = facts(load(manifest_of(tmp_path, rows), **STEPS), "left out")
    assert left_out.startswith(
        "7 clips that nothing can be learned from (--strict refuses): silent"
    )
    assert left_out.endswith("; and 2 more")
    with pytest.raises(UserError, match="no clip can be used: 3 clips that nothing .* is silent"):
        load(manifest_of(tmp_path, ["silent.wav,word"] * 3), **STEPS)


# --- strings, Morse, TFDS -------------------------------------------------------------------------


def recordings(texts: str = "0123456789", speakers: str = "ab") -> list[Clip]:
    return [
        Clip(np.full(10 + k, k, "int16"), text, f"{speaker}{k}", speaker)
        for speaker in speakers
        for k, text in enumerate(texts)
    ]


def test_strings_of_clips() -> None:
    clips = recordings()
    first, again, other = (join_clips(clips, 1, 5, seed=0, rounds=[r]) for r in (0, 0, 1))
    assert [c.text for c in first] == [c.text for c in again] != [c.text for c in other]
    assert [len(c.text) for c in first] == [len(c.text) for c in other]
    for strings in (first, other):
        used = [name for string in strings for name in string.name.split(" + ")]
        assert sorted(used) == sorted(clip.name for clip in clips)
        for string in strings:
            assert 1 <= len(string.text) <= 5
            assert {name[0] for name in string.name.split(" + ")} == {string.speaker}
            assert "".join(str(k) for k in dict.fromkeys(string.samples.tolist())) == string.text
    words = [Clip(clip.samples, f"w{clip.text}", clip.name) for clip in clips]
    assert all(" " in c.text for c in join_clips(words, 2, 3, seed=0) if len(c.name) > 2)
    assert join_clips(clips[:1], 2, 3, seed=0) == []
    both = join_clips(clips, 1, 5, seed=0, rounds=range(2))
    assert [c.name for c in both] == [c.name for c in (*first, *other)]


def test_morse_is_what_the_code_says() -> None:
    assert len(embedded.CODE) == 39 and len({*embedded.CODE.values()}) == 39
    assert (embedded.CODE["S"], embedded.CODE["O"], embedded.CODE["5"]) == ("...", "---", ".....")

    class Steady:  # a generator without chance: no noise to speak of, an even hand
        def uniform(self, low: float, high: float) -> float:
            return {
                (25, 45): 30.0,
                (0, 0.12): 0.0,
                (1, 1.4): 1.0,
                (-3, 20): 90.0,
                (0, 0.9): 0.0,
            }.get((low, high), low)

        def normal(self, *_: float, size: int | None = None) -> Any:
            return 0.0 if size is None else np.zeros(size)

        def random(self) -> float:
            return 0.0

    heard = np.abs(embedded.sound("SO E", Steady()))  # 30 words a minute: dots of 40 ms
    loud = np.convolve(heard, np.ones(40) / 40, mode="same") > 0.25 * heard.max()
    edges = np.flatnonzero(np.diff(loud.astype(int)))
    dots = np.round(np.diff(edges) / (0.04 * embedded.SAMPLING_RATE)).astype(int).tolist()
    assert dots == [1, 1, 1, 1, 1, 3, 3, 1, 3, 1, 3, 7, 1]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "SIZES", {"train": 40, "valid": 5, "test": 10})


def test_morse_data(small: None) -> None:
    data, again, other = (load(EMBEDDED, seed=seed) for seed in (0, 0, 1))
    texts = [{clip.text for clip in part} for part in parts(data)]
    assert [len(part) for part in parts(data)] == [40, 5, 10]
    assert len(texts[1] | texts[2]) == 15 and not texts[0] & (texts[1] | texts[2])
    assert {letter for part in texts for text in part for letter in text} <= {*embedded.CODE, " "}
    train = data.train(0)
    assert sum(len(clip.text) == 1 for clip in train) >= 30
    assert all(len(clip.text) > 1 for clip in (*data.valid, *data.test))
    assert all((a.samples == b.samples).all() for a, b in zip(train, again.train(0), strict=True))
    assert data.test[0].text != other.test[0].text
    assert 0.3 < len(train[0].samples) / data.sampling_rate < 12
    assert [c.text for c in speech.load_test(EMBEDDED, Config(), 4000)] == [
        clip.text for clip in data.test
    ]
    with pytest.raises(UserError, match="has 4,000 samples per second; the model takes 8,000"):
        speech.load_test(EMBEDDED, Config(), 8000)


def test_morse_without_end(small: None) -> None:
    data = load(EMBEDDED)
    first, second, again = data.train(1), data.train(2), data.train(1)
    held_out = {clip.text for clip in (*data.valid, *data.test)}
    for clips in (first, second):
        assert len(clips) == 40 and not held_out & {clip.text for clip in clips}
    assert [clip.text for clip in first] == [clip.text for clip in again]
    epochs = (data.train(0), first, second)
    assert len({tuple(clip.text for clip in part) for part in epochs}) == 3
    assert sum(len(clip.text) == 1 for clip in data.train(20)) <= 16  # letters first, then words
    assert all((a.samples == b.samples).all() for a, b in zip(first, again, strict=True))


def test_joined_words_have_a_space_between_them(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        for word in ("on", "off"):
            for k in range(3):
                write_sound(tmp_path / split / f"{word}_{k}.wav")
    data = load(tmp_path, transcript_from_name="{text}_*", join=(2, 3))
    assert all(" " in clip.text for clip in (*data.train(0), *data.test))
    assert data.symbols == (" ", "f", "n", "o")
    assert facts(data, "strings") == ["2 train, 4 valid, 20 test, of 2 to 3 clips"]
    with pytest.raises(UserError, match="--join 7: no speaker has as many clips in train"):
        load(tmp_path, transcript_from_name="{text}_*", join=(7, 8))


class Feature(SimpleNamespace):
    """One of TFDS's, as far as it is read."""


@pytest.mark.parametrize(
    ("features", "example", "text"),
    [
        ({"audio": Feature(sample_rate=8000), "label": Feature(names=["no", "_yes_"])}, 1, "yes"),
        (
            {
                "audio": Feature(sample_rate=8000),
                "label": Feature(feature=Feature(names=["no", "yes"])),
            },
            np.array([1, 0]),
            "yes no",
        ),
        ({"speech": Feature(sample_rate=22050), "text": Feature()}, "Größe".encode(), "Größe"),
    ],
)
def test_tfds(
    features: dict[str, Any], example: Any, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = SimpleNamespace(
        features=features, splits=["train_clean", "dev_clean", "test"], homepage=""
    )
    sound, transcript = features
    rate = features[sound].sample_rate
    samples = (32767 * tone(rate=rate)).astype("int64")
    monkeypatch.setattr(tfds, "prepared_builder", lambda name: SimpleNamespace(info=info))
    monkeypatch.setattr(
        tfds, "decoded", lambda builder, split: [{sound: samples, transcript: example}] * 2
    )
    data = load(Source("tfds", "some"))
    assert [len(part) for part in parts(data)] == [2, 2, 2]
    assert data.clips.train[0].text == text
    assert data.sampling_rate == min(rate, 16000)
    samples = data.clips.train[0].samples
    assert abs(len(samples) / data.sampling_rate - 0.5) < 0.01
    np.testing.assert_allclose(np.abs(samples).max(), 0.5 * 32767, rtol=0.01)
    with pytest.raises(UserError, match="--subset WORD of train_clean, dev_clean, test"):
        load(Source("tfds", "some"), subset="other")
    with pytest.raises(UserError, match="no feature words; --transcript-column names one of"):
        load(Source("tfds", "some"), transcript_column="words")
