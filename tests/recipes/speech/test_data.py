"""Sound with transcripts: files of every kind, good and broken, and the Morse code we make."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sound_files import tone, write_sound

from recipes.kit.data import tfds
from recipes.kit.data.source import EMBEDDED, Source
from recipes.kit.errors import DataError, UserError
from recipes.speech import data as speech
from recipes.speech import embedded
from recipes.speech.clips import Clip, join_clips
from recipes.speech.data import Data
from recipes.speech.formats import Entry
from recipes.speech.formats import list_folder as list_folder_of
from recipes.speech.formats import read_manifest as read_manifest_of
from recipes.speech.options import Config

#: With these a step is 0.1 seconds, and so is the shortest clip of one letter.
STEPS = {"frame_step": 0.1, "time_reduction": 1}


def config_of(path: Path | Source, **options: Any) -> Config:
    source = path if isinstance(path, Source) else Source.of(path)
    return Config(data=source, **options)


def load(path: Path | Source, **options: Any) -> Data:
    config = config_of(path, **options)
    return speech.load(config.data, config)


def load_test(path: Path, trained_on: Path | None = None, **options: Any) -> list[Clip]:
    """What a model of 8 kHz, trained on other data, is evaluated on."""
    config = config_of(trained_on or path.parent / "other", **options)
    return list(speech.load_test(Source.of(path), config, 8000))


def read_manifest(path: Path, **options: Any) -> list[Entry]:
    return read_manifest_of(path, config_of(path, **options))


def list_folder(path: Path, template: str, **options: Any) -> list[Entry]:
    return list_folder_of(path, config_of(path, transcript_from_name=template, **options))


def parts(data: Data) -> tuple[Any, Any, Any]:
    return data.clips.train, data.clips.valid, data.clips.test


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


def test_broken_files_are_named_and_left_out_or_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = broken(tmp_path)
    good = [write_sound(tmp_path / f"good{k}.wav") for k in range(4)]
    lines = ["path,transcript", *(f"{path.name},word" for path in (*good, *wrong)), "good0.wav, "]
    manifest = tmp_path / "all.csv"
    manifest.write_text("\n".join(lines))
    data = load(manifest, **STEPS)
    assert sorted(c.name for part in parts(data) for c in part) == [*map(str, good)]
    left_out = facts(data, "left out")
    assert len(left_out) == len(wrong) + 2
    for (path, message), reason in zip(wrong.items(), left_out, strict=False):
        assert reason.startswith(f"{path}: ") and message in reason
    assert "the transcript is empty" in left_out[-2]
    assert left_out[-1] == "10 files in all; --strict refuses them"
    capsys.readouterr()
    assert len(load_test(manifest, **STEPS)) == 4
    told = capsys.readouterr().err
    assert all(f"left out: {reason}" in told for reason in left_out)
    with pytest.raises(DataError, match="empty.wav: expected sound, found 0 bytes"):
        load(manifest, strict=True, **STEPS)
    for path in good:
        path.unlink()
    with pytest.raises(UserError, match="none of 14 files can be used; .*good0.wav"):
        load(manifest, **STEPS)
    with pytest.raises(UserError, match="none of 14 files can be used; .*good0.wav"):
        load_test(manifest, **STEPS)


def test_of_many_files_left_out_the_first_are_named(tmp_path: Path) -> None:
    for k in range(4):
        write_sound(tmp_path / f"good{k}.wav")
    names = [*(f"good{k}.wav" for k in range(4)), *(f"missing{k}.wav" for k in range(25))]
    (tmp_path / "all.csv").write_text("path,text\n" + "\n".join(f"{n},a" for n in names))
    left_out = facts(load(tmp_path / "all.csv"), "left out")
    assert len(left_out) == 21
    assert "missing19.wav" in left_out[19]
    assert left_out[-1] == "25 files in all, 5 of them not named here; --strict refuses them"


# --- manifests ------------------------------------------------------------------------------------


FORMS = {
    "header.csv": "id_,path,transcript\n1,a.wav,one two\n2,sub/b.wav,three\n",
    "semicolons.csv": "transcript;path\none two;a.wav\nthree;sub/b.wav\n",
    "common_voice.tsv": "client_id\tpath\tsentence\nx\ta.wav\tone two\ny\tsub/b.wav\tthree\n",
    "plain.tsv": "a.wav\tone two\nsub/b.wav\tthree\n",
    "lj.csv": "a|1 2|one two\nsub/b|3|three\n",
    "nemo.jsonl": '{"audio_filepath": "a.wav", "duration": 1, "text": "one two"}\n\n'
    '{"audio_filepath": "sub/b.wav", "text": "three"}\n',
    "deepspeech.csv": "wav_filename,wav_filesize,transcript\n"
    'a.wav,9,"one two"\nsub/b.wav,9,three\n',
}


@pytest.mark.parametrize("name", FORMS)
def test_manifests(name: str, tmp_path: Path) -> None:
    for sound in ("a.wav", "sub/b.wav"):
        write_sound(tmp_path / "clips" / sound)
    (tmp_path / name).write_text(FORMS[name])
    first, second = read_manifest(tmp_path / name)
    assert (first.text, second.text) == ("one two", "three")
    assert first.path == tmp_path / "clips" / "a.wav" and second.path.is_file()
    assert first.speaker == ("x" if name == "common_voice.tsv" else "")


def test_columns_and_splits(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("a,b,split\nx.wav,one,train\ny.wav,two,dev\nz.wav,three,test\nw.wav,four,\n")
    with pytest.raises(
        DataError, match="m.csv:1: .* or 1 columns|m.csv: expected|m.csv:1: expected"
    ):
        read_manifest(path, path_column="c")
    path.write_text(path.read_text().replace("a,b,", "path,b,"))
    entries = read_manifest(path, transcript_column="b")
    assert [entry.split for entry in entries] == ["train", "valid", "test", None]
    path.write_text("path,text,split\nx.wav,one,somewhere\n")
    with pytest.raises(DataError, match="m.csv:2: expected a split, .* found 'somewhere'"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "path,text\nx.wav\n", "a.csv:2: expected 2 columns, found 1"),
        ("a.csv", "path,other\nx.wav,one\n", "a.csv:1: expected a column .*--transcript-column"),
        ("a.csv", "path,text\n,one\n", "a.csv:2: the path is empty"),
        ("a.csv", 'path,text\nx.wav,"one\n', "a.csv:2: is not CSV"),
        ("a.tsv", "justone\n", "a.tsv:1: expected at least two columns"),
        ("a.jsonl", '{"path": "x.wav", "text": "one"}\n{"path": "y.wav"}\n', "a.jsonl:2: has no"),
        ("a.jsonl", "[1]\n", "a.jsonl:1: expected a JSON object"),
        ("a.jsonl", "{\n", "a.jsonl:1: is not JSON"),
        ("a.csv", "path,text\n", "a.csv: has no entries"),
    ],
)
def test_malformed_manifests(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_manifest(tmp_path / name)


def test_a_folder_of_manifests(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("dev", 1), ("test", 2)):
        rows = []
        for k in range(count):
            write_sound(tmp_path / "wavs" / f"{split}{k}.wav", rate=16000)
            rows.append(json.dumps({"audio": f"{split}{k}.wav", "text": f"Word {k}"}))
        (tmp_path / f"{split}.jsonl").write_text("\n".join(rows))
    data = load(tmp_path, lowercase=True)
    assert [len(part) for part in parts(data)] == [3, 1, 2]
    assert data.sampling_rate == 16000 and data.clips.train[1].text == "word 1"
    assert data.symbols == tuple(" 012dorw") and not facts(data, "unseen")
    assert facts(data, "files") == ["train.jsonl, dev.jsonl, test.jsonl"]
    assert len(load(tmp_path, sampling_rate=8000).clips.test[0].samples) == 4000
    clips = load_test(tmp_path)
    assert len(clips) == 2 and len(clips[0].samples) == 4000
    assert len(load_test(tmp_path / "train.jsonl")) == 3
    assert len(load_test(tmp_path, tmp_path)) == 2
    one = tmp_path / "one"
    write_sound(one / "wavs" / "a.wav")
    (one / "metadata.csv").write_text("a|Yes|yes\n" * 5)
    with pytest.raises(UserError, match="1 distinct clips are too few"):
        load(one)
    (one / "other.csv").write_text("")
    with pytest.raises(UserError, match="several manifests, metadata.csv, other.csv, none"):
        load(one)
    (tmp_path / "train2.jsonl").write_text("")
    with pytest.raises(UserError, match="several files for the train split"):
        load(tmp_path)
    with pytest.raises(UserError, match="no manifest has 'third' in its name"):
        load(tmp_path, subset="third")


def test_letters_that_train_does_not_have_are_told(tmp_path: Path) -> None:
    rows = ["path,text,split"]
    for split, text in (("train", "ab"), ("dev", "abc"), ("test", "ad")):
        write_sound(tmp_path / f"{split}.wav")
        rows.append(f"{split}.wav,{text},{split}")
    (tmp_path / "m.csv").write_text("\n".join(rows))
    assert facts(load(tmp_path / "m.csv"), "unseen") == ["never in train, so never right: c d"]


# --- folders --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "template", "text", "speaker"),
    [
        ("7_jackson_0.wav", "{text}_{speaker}_{index}", "7", "jackson"),
        ("7_jackson_0.wav", "{text}_{speaker}_*.wav", "7", "jackson"),
        ("on_off_anna_12.wav", "{text}_{speaker}_*", "on off", "anna"),
        ("anna-3-stop.wav", "{speaker}-*-{text}", "stop", "anna"),
        ("yes/bob_nohash_0.wav", "{text}/{speaker}_nohash_*", "yes", "bob"),
        ("deep/down/0_1_1.wav", "{text}", "0 1 1", ""),
    ],
)
def test_names_tell(name: str, template: str, text: str, speaker: str, tmp_path: Path) -> None:
    write_sound(tmp_path / name)
    (entry,) = list_folder(tmp_path, template)
    assert (entry.text, entry.speaker) == (text, speaker)


def test_patterns_and_folders_make_splits(tmp_path: Path) -> None:
    for k in range(12):
        write_sound(tmp_path / f"{k % 3}_a_{k}.wav")
    data = load(
        tmp_path,
        transcript_from_name="{text}_{speaker}_*",
        valid_names=("*_[5-6].wav",),
        test_names=("*_[0-4].wav",),
    )
    names = [[Path(c.name).stem for c in part] for part in parts(data)]
    assert [len(part) for part in names] == [5, 2, 5]
    assert sorted(names[1]) == ["0_a_6", "2_a_5"] and "1_a_10" in names[0]
    for split in ("train", "test"):
        write_sound(tmp_path / "folders" / split / "yes.wav")
    entries = list_folder(tmp_path / "folders", "{text}")
    assert [entry.split for entry in entries] == ["test", "train"]


def test_speakers_are_kept_together(tmp_path: Path) -> None:
    for speaker in range(10):
        for k in range(3):
            write_sound(tmp_path / f"{k}_s{speaker}_{k}.wav")
    data = load(tmp_path, transcript_from_name="{text}_{speaker}_*", by_speaker=True)
    groups = [{clip.speaker for clip in part} for part in parts(data)]
    assert [len(group) for group in groups] == [8, 1, 1] and len(set.union(*groups)) == 10
    assert "by a shuffle of its speakers" in facts(data, "split")[0]


def test_wrong_folders(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected sound files .* found none"):
        load(tmp_path)
    write_sound(tmp_path / "7.wav")
    with pytest.raises(UserError, match="no transcript for 7.wav; .*--transcript-from"):
        load(tmp_path)
    with pytest.raises(UserError, match="does not fit '7'"):
        load(tmp_path, transcript_from_name="{text}_{speaker}")
    for template in ("{speaker}_*", "{text}_{text}"):
        with pytest.raises(UserError, match="expected {text} where the transcript is"):
            load(tmp_path, transcript_from_name=template)
    with pytest.raises(UserError, match="no path has 'x' in it"):
        load(tmp_path, transcript_from_name="{text}", subset="x")


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
