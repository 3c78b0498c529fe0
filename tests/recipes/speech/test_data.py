"""Sound with transcripts: files of every kind, good and broken, and the Morse code we make."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from recipes.kit.data import audio, tfds
from recipes.kit.errors import DataError, UserError
from recipes.speech import data as speech
from recipes.speech import embedded
from recipes.speech.data import Clip, Options, join_clips
from recipes.speech.formats import Naming, list_folder, read_manifest


def tone(seconds: float = 0.5, hertz: float = 440.0, rate: int = 8000) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(
        "float32"
    )


def write(path: Path, samples: np.ndarray | None = None, rate: int = 8000, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(rate=rate) if samples is None else samples, rate, **how)
    return path


# --- sound files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_U8", 1e-2),
        ("a.wav", "PCM_16", 1e-4),
        ("a.wav", "PCM_24", 1e-6),
        ("a.wav", "PCM_32", 1e-6),
        ("a.wav", "FLOAT", 1e-7),
        ("a.wav", "DOUBLE", 1e-7),
        ("a.flac", "PCM_16", 1e-4),
    ],
)
def test_widths(name: str, subtype: str, tolerance: float, tmp_path: Path) -> None:
    samples, rate = audio.read_audio(write(tmp_path / name, subtype=subtype))
    assert rate == 8000 and samples.dtype == np.float32
    np.testing.assert_allclose(samples, tone(), atol=tolerance)


def test_channels_are_averaged(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.stack([tone(), 0.5 * tone()], axis=1), subtype="FLOAT")
    np.testing.assert_allclose(audio.read_audio(path)[0], 0.75 * tone(), atol=1e-6)


@pytest.mark.parametrize("rate", [4000, 11025, 22050, 44100, 48000])
def test_any_rate_becomes_the_one_asked_for(rate: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(1.0, rate=rate), rate, subtype="FLOAT")
    samples, now = audio.read_audio(path, 8000)
    assert now == 8000 and len(samples) == 8000
    middle = slice(500, 7500)  # the ends ring
    np.testing.assert_allclose(samples[middle], tone(1.0)[middle], atol=2e-3)


def test_what_the_new_rate_cannot_hold_is_gone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(1.0, hertz=7000.0, rate=44100), 44100)
    assert np.abs(audio.read_audio(path, 8000)[0][500:7500]).max() < 0.01


def broken(folder: Path) -> dict[Path, str]:
    """Files that cannot be learned from, and what is said of them."""
    whole = write(folder / "whole.wav").read_bytes()
    files = {
        "empty.wav": b"",
        "text.wav": b"this is no sound at all",
        "cut.wav": whole[: len(whole) // 2],
        "head.wav": whole[:30],
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "whole.wav").unlink()
    write(folder / "none.wav", np.zeros(0, "float32"))
    write(folder / "nan.wav", np.full(4000, np.nan, "float32"), subtype="FLOAT")
    write(folder / "silent.wav", np.zeros(4000, "float32"))
    write(folder / "short.wav", tone(0.03))
    return {
        folder / "empty.wav": "found 0 bytes",
        folder / "text.wav": "cannot be read as sound",
        folder / "cut.wav": "is cut off: expected 8,044 bytes, found 4,022",
        folder / "head.wav": "is cut off",
        folder / "none.wav": "found a file without a sample",
        folder / "nan.wav": "holds samples that are no numbers",
        folder / "silent.wav": "is silent",
        folder / "short.wav": "is too short",
        folder / "missing.wav": "cannot be read: No such file",
    }


def fits(rate: int) -> speech.Fits:
    return lambda samples, text: "is too short" if samples < 0.1 * rate else None


def test_broken_files_are_named_and_left_out_or_refused(tmp_path: Path) -> None:
    wrong = broken(tmp_path)
    good = [write(tmp_path / f"good{k}.wav") for k in range(4)]
    lines = ["path,transcript", *(f"{path.name},word" for path in (*good, *wrong)), "good0.wav, "]
    (tmp_path / "all.csv").write_text("\n".join(lines))
    data = speech.load(str(tmp_path / "all.csv"), fits=fits)
    assert sorted(c.name for c in (*data.train, *data.valid, *data.test)) == [*map(str, good)]
    assert len(data.skipped) == len(wrong) + 1
    for (path, message), said in zip(wrong.items(), data.skipped, strict=False):
        assert said.startswith(f"{path}: ") and message in said
    assert "the transcript is empty" in data.skipped[-1]
    assert "10 files left out" in data.description
    clips, skipped = speech.load_test(str(tmp_path / "all.csv"), Options(), fits=fits)
    assert len(clips) == 4 and skipped == data.skipped
    with pytest.raises(DataError, match="empty.wav: expected sound, found 0 bytes"):
        speech.load(str(tmp_path / "all.csv"), Options(strict=True), fits=fits)
    for path in good:
        path.unlink()
    with pytest.raises(UserError, match="none of 14 files can be used; .*good0.wav"):
        speech.load(str(tmp_path / "all.csv"), fits=fits)


def test_integers_keep_the_sound() -> None:
    samples = tone()
    np.testing.assert_allclose(audio.from_int16(audio.to_int16(samples)), samples, atol=2.0**-15)
    assert audio.is_silent(np.full(100, 0.3)) and not audio.is_silent(samples)


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
        write(tmp_path / "clips" / sound)
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
        ("a.csv", "path,text\n", "a.csv: holds no entry"),
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
            write(tmp_path / "wavs" / f"{split}{k}.wav", rate=16000)
            rows.append(json.dumps({"audio": f"{split}{k}.wav", "text": f"Word {k}"}))
        (tmp_path / f"{split}.jsonl").write_text("\n".join(rows))
    data = speech.load(str(tmp_path), Options(lowercase=True))
    assert [len(part) for part in (data.train, data.valid, data.test)] == [3, 1, 2]
    assert data.sampling_rate == 16000 and data.train[1].text == "word 1"
    assert data.symbols == tuple(" 012dorw") and data.unseen_symbols == ""
    assert len(speech.load(str(tmp_path), Options(sampling_rate=8000)).test[0].samples) == 4000
    assert [len(part) for part in speech.load_test(str(tmp_path), Options())] == [2, 0]
    assert [len(p) for p in speech.load_test(str(tmp_path / "train.jsonl"), Options())] == [3, 0]
    one = tmp_path / "one"
    write(one / "wavs" / "a.wav")
    (one / "metadata.csv").write_text("a|Yes|yes\n" * 5)
    with pytest.raises(UserError, match="1 distinct clips are too few"):
        speech.load(str(one))
    (one / "other.csv").write_text("")
    with pytest.raises(UserError, match="several manifests, metadata.csv, other.csv, and none"):
        speech.load(str(one))
    (tmp_path / "train2.jsonl").write_text("")
    with pytest.raises(UserError, match="several files for the train split"):
        speech.load(str(tmp_path))


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
    write(tmp_path / name)
    (entry,) = list_folder(tmp_path, Naming(template))
    assert (entry.text, entry.speaker) == (text, speaker)


def test_patterns_and_folders_make_splits(tmp_path: Path) -> None:
    for k in range(12):
        write(tmp_path / f"{k % 3}_a_{k}.wav")
    naming = Naming("{text}_{speaker}_*", ("*_[5-6].wav",), ("*_[0-4].wav",))
    data = speech.load(str(tmp_path), Options(naming=naming))
    names = [[Path(c.name).stem for c in part] for part in (data.train, data.valid, data.test)]
    assert [len(part) for part in names] == [5, 2, 5]
    assert sorted(names[1]) == ["0_a_6", "2_a_5"] and "1_a_10" in names[0]
    for split in ("train", "test"):
        write(tmp_path / "folders" / split / "yes.wav")
    entries = list_folder(tmp_path / "folders", Naming("{text}"))
    assert [entry.split for entry in entries] == ["test", "train"]


def test_speakers_are_kept_together(tmp_path: Path) -> None:
    for speaker in range(10):
        for k in range(3):
            write(tmp_path / f"{k}_s{speaker}_{k}.wav")
    options = Options(naming=Naming("{text}_{speaker}_*"), by_speaker=True)
    data = speech.load(str(tmp_path), options)
    groups = [{clip.speaker for clip in part} for part in (data.train, data.valid, data.test)]
    assert [len(group) for group in groups] == [8, 1, 1] and len(set.union(*groups)) == 10


def test_wrong_folders(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected sound files .* found none"):
        speech.load(str(tmp_path))
    write(tmp_path / "7.wav")
    with pytest.raises(
        UserError, match="nothing says what is spoken in 7.wav; .*--transcript-from"
    ):
        speech.load(str(tmp_path))
    with pytest.raises(UserError, match="does not fit '7'"):
        speech.load(str(tmp_path), Options(naming=Naming("{text}_{speaker}")))
    for template in ("{speaker}_*", "{text}_{text}"):
        with pytest.raises(UserError, match="expected {text} where the transcript is"):
            speech.load(str(tmp_path), Options(naming=Naming(template)))


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


def test_morse_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "SIZES", {"train": 40, "valid": 5, "test": 10})
    data, again, other = (speech.load("embedded", seed=seed) for seed in (0, 0, 1))
    texts = [{clip.text for clip in part} for part in (data.train, data.valid, data.test)]
    assert [len(part) for part in (data.train, data.valid, data.test)] == [40, 5, 10]
    assert len(texts[1] | texts[2]) == 15 and not texts[0] & (texts[1] | texts[2])
    assert {letter for part in texts for text in part for letter in text} <= {*embedded.CODE, " "}
    assert sum(len(clip.text) == 1 for clip in data.train) >= 30
    assert all(len(clip.text) > 1 for clip in (*data.valid, *data.test))
    assert all((a.samples == b.samples).all() for a, b in zip(data.train, again.train, strict=True))
    assert data.test[0].text != other.test[0].text
    assert 0.3 < len(data.train[0].samples) / data.sampling_rate < 12


def test_morse_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "SIZES", {"train": 40, "valid": 5, "test": 10})
    data = speech.load("embedded")
    assert data.later is not None
    first, second, again = data.later(1), data.later(2), data.later(1)
    held_out = {clip.text for clip in (*data.valid, *data.test)}
    for clips in (first, second):
        assert len(clips) == 40 and not held_out & {clip.text for clip in clips}
    assert [clip.text for clip in first] == [clip.text for clip in again]
    assert len({tuple(clip.text for clip in part) for part in (data.train, first, second)}) == 3
    assert sum(len(clip.text) == 1 for clip in data.later(20)) <= 16  # letters first, then words
    assert all((a.samples == b.samples).all() for a, b in zip(first, again, strict=True))


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
    sound, said = features
    rate = features[sound].sample_rate
    samples = (32767 * tone(rate=rate)).astype("int64")
    monkeypatch.setattr(tfds, "prepared_builder", lambda name: SimpleNamespace(info=info))
    monkeypatch.setattr(
        tfds, "decoded", lambda builder, split: [{sound: samples, said: example}] * 2
    )
    data = speech.load("tfds:some")
    assert [len(part) for part in (data.train, data.valid, data.test)] == [2, 2, 2]
    assert data.train[0].text == text
    assert data.sampling_rate == min(rate, 16000)
    assert abs(len(data.train[0].samples) / data.sampling_rate - 0.5) < 0.01
    np.testing.assert_allclose(np.abs(data.train[0].samples).max(), 0.5 * 32767, rtol=0.01)
    with pytest.raises(UserError, match="--subset WORD of train_clean, dev_clean, test"):
        speech.load("tfds:some", Options(subset="other"))
    with pytest.raises(UserError, match="no feature words; --transcript-column names one of"):
        speech.load("tfds:some", Options(transcript_column="words"))


def test_a_wave_file_of_the_standard_library(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((32767 * tone()).astype("<i2").tobytes())
    assert audio.rate_of(tmp_path / "a.wav") == 8000 and audio.rate_of(tmp_path) is None
    np.testing.assert_allclose(audio.read_audio(tmp_path / "a.wav")[0], tone(), atol=1e-4)
