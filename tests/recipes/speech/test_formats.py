"""Where clips stand: manifests of every form, segments of files, and folders of named files."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sound_files import tone, write_sound
from speech_data import config_of, load, load_test, parts

from recipes.kit.data.facts import Fact
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.speech.data import Data
from recipes.speech.formats import list_folder as list_folder_of
from recipes.speech.manifests import Entry
from recipes.speech.manifests import read_manifest as read_manifest_of


def read_manifest(path: Path, **options: Any) -> list[Entry]:
    return read_manifest_of(path, config_of(path, **options))[0]


def list_folder(path: Path, template: str, **options: Any) -> list[Entry]:
    return list_folder_of(path, config_of(path, transcript_from_name=template, **options))[0]


def facts(data: Data, topic: str) -> list[str]:
    return [fact.text for fact in data.understood if fact.topic == topic]


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
        ("a.csv", "path,text\n" + "x.wav,a\n" * 9 + "x.wav\n" * 5, "a.csv:11: expected 2 col"),
        ("a.csv", "path,other\nx.wav,one\n", "a.csv:1: expected a column .*--transcript-column"),
        ("a.csv", "path,text\n,one\n", "a.csv:2: the path is empty"),
        ("a.csv", 'path,text\nx.wav,"one\n', "a.csv:2: is not CSV"),
        ("a.tsv", "justone\n", "a.tsv:1: expected at least two columns"),
        ("a.jsonl", '{"path": "x.wav", "text": "one"}\n{"path": "y.wav"}\n', "a.jsonl:2: has no"),
        ("a.jsonl", "[1]\n", "a.jsonl:1: expected a JSON object"),
        ("a.jsonl", "{\n", "a.jsonl:1: is not JSON"),
        ("a.csv", "path,text\n", "a.csv:1: holds a header and no values"),
        ("a.jsonl", "", "a.jsonl: has no entries"),
        ("a.jsonl", '{"path": "x.wav", "text": ["a"]}', "a.jsonl:1: 'text': expected text, found"),
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
    sizes = "train.jsonl: 3 clips; dev.jsonl: 1 clip; test.jsonl: 2 clips"
    assert facts(data, "files") == [sizes]
    assert len(load(tmp_path, sampling_rate=8000).clips.test[0].samples) == 4000
    clips = load_test(tmp_path)
    assert len(clips) == 2 and len(clips[0].samples) == 4000
    assert len(load_test(tmp_path / "train.jsonl")) == 3
    assert len(load_test(tmp_path, tmp_path)) == 2
    one = tmp_path / "one"
    write_sound(one / "wavs" / "a.wav")
    (one / "metadata.csv").write_text("a|Yes|yes\n" * 5)
    with pytest.raises(UserError, match="too few distinct clips .*found 1"):
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
        ("on_off_anna_12.wav", "{text}_{speaker}_{take}", "on off", "anna"),
        ("seven_jackson_0.wav", "{text}_*", "seven", ""),
        ("seven_jackson_0_b.wav", "{text}_{speaker}_*", "seven", "jackson"),
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


# --- segments and what else a manifest says -------------------------------------------------------


def ramp(path: Path, seconds: int = 6) -> Path:
    """A file whose samples rise, so that each part of it is another."""
    return write_sound(path, np.linspace(-0.9, 0.9, 8000 * seconds, dtype="float32"))


SEGMENTS = {
    "nemo.jsonl": ('{{"audio": "a.wav", "offset": {a}, "duration": {d}, "text": "{t}"}}', ""),
    "ends.jsonl": ('{{"audio": "a.wav", "start_time": {a}, "end_time": {b}, "text": "{t}"}}', ""),
    "ends.csv": ("a.wav,{a},{b},{t}", "path,start,end,text"),
    "lengths.tsv": ("a.wav\t{a}\t{d}\t{t}", "path\tstart\tduration\ttext"),
    "onsets.csv": ("a.wav;{a};{b};{t}", "path;onset;offset;text"),
    "commas.csv": ("a.wav;{a};{b};{t}", "path;begin;end;text"),
    "thousandths.csv": ("a.wav,{m},{n},{t}", "path,start_ms,end (ms),text"),
}


@pytest.mark.parametrize("name", SEGMENTS)
def test_segments_are_cut(name: str, tmp_path: Path) -> None:
    path, (pattern, header) = ramp(tmp_path / "a.wav"), SEGMENTS[name]
    rows = [header] if header else []
    for k in range(6):
        fields = {"a": k + 0.25, "b": k + 0.75, "d": 0.5, "m": 1000 * k + 250, "n": 1000 * k + 750}
        row = pattern.format(t=f"part {k}", **fields)
        rows.append(row.replace(".25", ",25").replace(".75", ",75") if "commas" in name else row)
    (tmp_path / name).write_text("\n".join(rows))
    data = load(tmp_path / name)
    assert facts(data, "segments") == ["6 clips cut from 1 file, 0.50 to 0.50 seconds long"]
    clips = {clip.name: clip for part in parts(data) for clip in part}
    assert [*sorted(clips)] == [f"{path}[{k}.25-{k}.75]" for k in range(6)]
    whole = np.linspace(-0.9, 0.9, 48000)
    for k in range(6):
        clip = clips[f"{path}[{k}.25-{k}.75]"]
        assert clip.text == f"part {k}" and len(clip.samples) == 4000
        np.testing.assert_allclose(clip.samples[0] / 32767, whole[8000 * k + 2000], atol=1e-4)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.wav,5.5,6.5,late", "from 5.5 to 6.5 seconds ends after its 6.00"),
        ("a.wav,500,900,thousandths", "ends after its 6.00 .in milliseconds"),
        ("a.wav,2,2,nothing", "from 2 to 2 seconds has no length"),
        ("a.wav,-1,2,before", "from -1 to 2 seconds has no length"),
    ],
)
def test_segments_outside_of_their_files(row: str, message: str, tmp_path: Path) -> None:
    ramp(tmp_path / "a.wav")
    rows = ["path,start,end,text", *(f"a.wav,{k},{k + 1},part {k}" for k in range(6))]
    (tmp_path / "a.csv").write_text("\n".join([*rows, row]))
    (left_out,) = facts(load(tmp_path / "a.csv"), "left out")
    assert "a.csv:8 " in left_out and re.search(message, left_out)
    with pytest.raises(DataError, match=f"a.csv:8: .*{message}"):
        load(tmp_path / "a.csv", strict=True)
    (tmp_path / "a.csv").write_text("\n".join([*rows, *[row] * 4]))
    with pytest.raises(DataError, match=f"a.csv:8: .*{message}.*first of 4 clips among 10"):
        load(tmp_path / "a.csv")


def test_a_length_alone_is_that_of_the_file(tmp_path: Path) -> None:
    ramp(tmp_path / "a.wav")
    lines = ['{"audio": "a.wav", "duration": 6.0, "text": "all of it"}'] * 3
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert not any(entry.is_segment for entry in read_manifest(tmp_path / "a.jsonl"))
    part = '{"audio": "a.wav", "duration": 0.5, "text": "which part"}'
    (tmp_path / "a.jsonl").write_text(part)
    message = "a.jsonl:1: .*has 6.00 seconds, .* stated as 0.5; a segment needs a column offset"
    with pytest.raises(DataError, match=message):
        load(tmp_path / "a.jsonl", strict=True)
    (tmp_path / "b.csv").write_text("path,end,text\na.wav,2,x\n")
    with pytest.raises(DataError, match="b.csv:1: expected a column such as start beside 'end'"):
        load(tmp_path / "b.csv")
    (tmp_path / "c.csv").write_text("path,start,end,text\na.wav,0,1:02,x\n")
    with pytest.raises(DataError, match="c.csv:2: expected a number of seconds .*found '1:02'"):
        load(tmp_path / "c.csv")


def test_a_header_that_is_not_known(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav")
    path = tmp_path / "a.csv"
    path.write_text("recording,utterance,seconds\n" + "a.wav,one two,0.5\n" * 3)
    found = "a.csv:1: .*--path-column names another.*found recording, utterance, seconds"
    with pytest.raises(DataError, match=found):
        read_manifest(path)
    with pytest.raises(DataError, match="a.csv:1: .*--transcript-column names another"):
        read_manifest(path, path_column="recording")
    entries = read_manifest(path, path_column="Recording", transcript_column="utterance")
    assert [(entry.path.name, entry.text) for entry in entries] == [("a.wav", "one two")] * 3


@pytest.mark.parametrize(
    ("text", "transcript"),
    [
        ("a.wav,one two,0.5\nb.wav,three,0.7\n", "one two"),
        ("a.wav,0.5,one\nb.wav,0.7,two\n", "one"),
        ("a.wav,7\nb.wav,8\n", "7"),
        ("a.wav,turn it on,anna\nb.wav,off,bob\n", "turn it on"),
        ("0,a.wav,one\n1,b.wav,two\n", "one"),
        ("a.wav,text\nb.wav,label\n", "text"),
        ('a|"But what|"But what\nb|said he."|said he."\n', '"But what'),
    ],
)
def test_manifests_without_a_header(text: str, transcript: str, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        write_sound(tmp_path / name)
    (tmp_path / "a.csv").write_text(text)
    first, second = read_manifest(tmp_path / "a.csv")
    assert (first.path.name, first.text, second.path.name) == ("a.wav", transcript, "b.wav")


@pytest.mark.parametrize("text", ["a.wav,0.5\nb.wav,0.7\n", "a.wav,on,anna\nb.wav,off,bob\n"])
def test_a_transcript_is_not_guessed_where_there_is_no_telling(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match="a.csv:1: expected a column of transcr.*--transcript-col"):
        read_manifest(tmp_path / "a.csv")


def test_one_letter_however_it_is_composed(tmp_path: Path) -> None:
    rows = ["path,text"]
    for k in range(6):
        write_sound(tmp_path / f"{k}.wav")
        rows.append(f"{k}.wav,{unicodedata.normalize(('NFC', 'NFD')[k % 2], 'café')}")
    (tmp_path / "a.csv").write_text("\n".join(rows), encoding="utf-8")
    data = load(tmp_path / "a.csv")
    assert data.symbols == ("a", "c", "f", "é")
    assert facts(data, "transcripts")[0].startswith("3 are brought to Unicode's composed form")
    assert {clip.text for clip in load_test(tmp_path / "a.csv")} == {"café"}


def test_a_manifest_for_each_part(tmp_path: Path) -> None:
    for k in range(4):
        write_sound(tmp_path / f"{k}.wav")
    for name, rows in (("one.csv", "0.wav,a\n1.wav,b\n2.wav,a\n"), ("two.csv", "3.wav,b\n")):
        (tmp_path / name).write_text(f"path,text\n{rows}")
    source = Source.of_parts({"train": [tmp_path / "one.csv"], "test": [tmp_path / "two.csv"]})
    data = load(source)
    assert [len(part) for part in parts(data)] == [2, 1, 1]
    assert facts(data, "files") == ["one.csv: 3 clips; two.csv: 1 clip"]
    latin = tmp_path / "latin.csv"
    latin.write_bytes("path,text\n0.wav,é\n".encode("latin-1"))
    with pytest.raises(DataError, match="latin.csv:2: expected UTF-8 text.*--encoding"):
        read_manifest(latin)
    assert read_manifest(latin, encoding="latin-1")[0].text == "é"


# --- what is said of sound ------------------------------------------------------------------------


def test_what_was_understood_of_the_sound(tmp_path: Path) -> None:
    write_sound(tmp_path / "0.wav", tone(rate=16000), rate=16000)
    write_sound(tmp_path / "1.wav", np.stack([tone(), tone()], axis=1))
    write_sound(tmp_path / "2.wav", 40000 * tone(), subtype="FLOAT")
    write_sound(tmp_path / "3.flac")
    rows = ["path,text,note", *(f"{k}.{'flac' if k == 3 else 'wav'},ab,x" for k in range(4))]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    data = load(tmp_path / "a.csv")
    understood = {topic: text for topic, text in data.understood}
    assert understood["columns"] == "path path; transcript text"
    assert understood["left aside"] == "note (not needed)"
    assert understood["encodings"] == "WAV PCM_16 (2), WAV FLOAT (1), FLAC PCM_16 (1)"
    assert understood["sampling rate"] == "8,000 Hz (3), 16,000 Hz (1), resampled to 8,000 Hz"
    assert understood["channels"] == "1 of 2 channels, which are averaged"
    assert understood["loudness"].startswith("1 clip with samples beyond 1, up to 20000, ")
    assert understood["symbols"] == "2: 'ab'"
    loud = next(c for part in parts(data) for c in part if c.name.endswith("2.wav"))
    np.testing.assert_allclose(loud.samples / 32767, 2 * tone(), atol=1e-3)


def test_sound_of_other_kinds_is_counted(tmp_path: Path) -> None:
    for k in range(3):
        (tmp_path / f"{k}_a.m4a").write_bytes(b"....ftypM4A ")
    with pytest.raises(UserError, match="found 3 files: .m4a is not supported: convert it to WAV"):
        list_folder(tmp_path, "{text}_*")
    write_sound(tmp_path / "7_a.wav")
    write_sound(tmp_path / "._7_a.wav")
    config = config_of(tmp_path, transcript_from_name="{text}_*")
    entries, said = list_folder_of(tmp_path, config)
    assert [entry.text for entry in entries] == ["7"]
    assert Fact("files", "1 sound files named {text}_*") in said
    assert any(fact.text.startswith("3 files: .m4a is not supported") for fact in said)


def test_names_of_various_lengths_are_said(tmp_path: Path) -> None:
    for name in ("on_anna_1", "turn_on_anna_2"):
        write_sound(tmp_path / f"{name}.wav")
    _, said = list_folder_of(tmp_path, config_of(tmp_path, transcript_from_name="{text}_*"))
    assert "names have 3 to 4 parts between _" in dict(said)["transcripts"]
    takes = list_folder(tmp_path, "{text}_{speaker}_{take}")
    assert [entry.text for entry in takes] == ["on", "turn on"]
