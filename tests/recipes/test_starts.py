"""What each recipe takes from the run that a training starts from, instead of from new data."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from small_data import clips, motions, pairs, prose, sentences, texts

from recipes.forecasting.record import Record
from recipes.kit.data.source import EMBEDDED, Source
from recipes.kit.earlier import check_kept
from recipes.kit.errors import UserError
from recipes.kit.finding import load_options, load_recipe
from recipes.kit.output import run_record, write_json


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder for what an earlier run left."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def load(name: str, run: Path, source: Path | None = None, **options: Any) -> Any:
    data = EMBEDDED if source is None else Source.of(source)
    config = load_options(name).Config(data=data, from_=run, **options)
    return load_recipe(name).load_data(config.data, config)


WORDS = {"words": ["it", "was"], "characters": ["i", "t"]}


def test_ner(run, tmp_path):
    tags = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]
    write_json(run / "labels.json", {"entities": True, "tags": tags, **WORDS})
    data = load("ner", run, sentences(tmp_path / "data"))
    assert data.tags == tuple(tags)
    assert asdict(data.vocabulary) == {"words": ("it", "was"), "characters": ("i", "t")}


def test_sentiment(run, tmp_path):
    source = texts(tmp_path / "data")
    write_json(run / "labels.json", {"labels": ["awful", "bad", "good"], **WORDS})
    data = load("sentiment", run, source)
    assert data.labels == ("awful", "bad", "good")
    assert data.vocabulary.words == ("it", "was")
    write_json(run / "labels.json", {"labels": ["awful", "bad"], **WORDS})
    with pytest.raises(UserError, match="no output for the classes good of the new training"):
        load("sentiment", run, source)


def test_language_model(run, tmp_path):
    tokens = ["", "[UNK]", "<|end|>", "t", "e"]
    write_json(run / "tokens.json", {"level": "character", "tokens": tokens})
    data = load("language_model", run, prose(tmp_path / "data"))
    assert data.tokens.pieces == ("t", "e")  # whatever else is in the text


def test_translation(run, tmp_path):
    record = {"level": "word", "max_length": 99, "source": ["a"], "target": ["A", "B"]}
    write_json(run / "pieces.json", record)
    data = load("translation", run, pairs(tmp_path / "data"), level="word")
    assert data.source.vocabulary.pieces == ("a",)
    assert data.target.vocabulary.pieces == ("A", "B")
    assert data.max_length == 99


def test_speech(run, tmp_path):
    source = clips(tmp_path / "data")
    write_json(run / "speech.json", {"sampling_rate": 4000, "symbols": ["", "a", "b", "c"]})
    data = load("speech", run, source)
    assert data.symbols == ("a", "b", "c") and data.sampling_rate == 4000
    assert len(data.clips.train[0].samples) == 1500  # of 3000 at twice the rate
    with pytest.raises(UserError, match="--sampling-rate must be 4000, as of the model of --from"):
        load("speech", run, source, sampling_rate=8000)
    write_json(run / "speech.json", {"sampling_rate": 4000, "symbols": ["", "b"]})
    with pytest.raises(UserError, match="no output for the symbols a of the new training data"):
        load("speech", run, source)


def test_series_classification(run):
    labels = [*map(str, range(11))]
    write_json(run / "series.json", {"labels": labels, "channels": 8})
    assert load("series_classification", run).labels == tuple(labels)
    write_json(run / "series.json", {"labels": labels[1:], "channels": 8})
    with pytest.raises(UserError, match="no output for the classes 0 of the new training data"):
        load("series_classification", run)
    write_json(run / "series.json", {"labels": labels, "channels": 3})
    with pytest.raises(UserError, match="its model takes 3 channels; found 8"):
        load("series_classification", run)


def test_captioning(run):
    write_json(run / "pieces.json", {"level": "word", "max_length": 99, "pieces": ["a", "cat"]})
    data = load("captioning", run, limit=5)
    assert data.pieces.vocabulary.pieces == ("a", "cat")
    assert data.max_length == 99


def test_pixel_rnn(run):
    write_json(run / "images.json", {"shape": [8, 8, 1], "top": 16, "levels": 17})
    assert load("pixel_rnn", run).shape == (8, 8, 1)
    with pytest.raises(UserError, match=r"takes images \[8, 8, 1\] .*; found images \[4, 4, 1\]"):
        load("pixel_rnn", run, size=4)


def test_video(run, tmp_path):
    source = motions(tmp_path / "data")
    write_json(run / "video.json", {"labels": ["up", "right", "left"], "shape": [6, 4, 3]})
    data = load("video", run, source)
    assert data.labels == ("up", "right", "left")
    assert data.shape == data.train[0].frames.shape[1:] == (6, 4, 3)  # of 8 x 8, grey
    write_json(run / "video.json", {"labels": ["up", "right"], "shape": [8, 8, 1]})
    with pytest.raises(UserError, match="no output for the classes left of the new training data"):
        load("video", run, source)


def test_forecasting(run):
    columns = {"columns": ("flow",), "targets": ("flow",), "covariates": (), "known": ()}
    sizes = {"window": 7, "horizon": 2, "season": 5, "periods": ()}
    record = Record(**columns, **sizes, step=("number", 1))
    options = {"series": "nile", "horizon": 2}
    record.write(run)
    data = load("forecasting", run, **options)
    assert (data.season, data.window, data.periods) == (5, 7, ())
    Record(**columns, **sizes, step=("month", 1)).write(run)
    with pytest.raises(UserError, match="expected steps of one month, found steps of 1"):
        load("forecasting", run, **options)
    columns["targets"] = ("flow", "level")
    Record(**columns, **sizes, step=("number", 1)).write(run)
    with pytest.raises(UserError, match="expected the targets"):
        load("forecasting", run, **options)


@pytest.mark.parametrize(
    ("name", "earlier", "same", "other"),
    [
        ("captioning", {"size": (40, 48)}, {"limit": 9}, {"size": (40, 40)}),
        ("memory", {"task": "copy"}, {"length": 7}, {"task": "adding"}),
        ("forecasting", {"horizon": 3}, {"stride": 2}, {"horizon": 4}),
        ("music", {"head": "independent"}, {"transpose": 3}, {"head": "chain"}),
        ("music", {}, {"limit": 9}, {"step": "eighth"}),
        ("pixel_rnn", {"levels": 4}, {"limit": 9}, {"levels": 5}),
        ("video", {"filters": 3}, {"limit": 9}, {"filters": 4}),
        ("speech", {"units": 5}, {"lowercase": True}, {"units": 6}),
    ],
)
def test_options_that_belong_to_the_model_are_kept(run, name, earlier, same, other):
    source = {"data": Source.of(Path("clips.csv"))} if name == "speech" else {}
    kind = load_options(name).Config
    write_json(run / "config.json", run_record(name, kind(**source, **earlier)))
    (run / "metrics.json").write_text(json.dumps({}))
    check_kept(kind(**source, **earlier, **same, from_=run), name)
    (option,) = other
    with pytest.raises(
        UserError, match=f"--{option} is .* in the model of --from .*; leave it out"
    ):
        check_kept(kind(**source, **{**earlier, **other}, from_=run), name)
