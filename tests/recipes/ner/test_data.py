"""Corpora: kinds of tags, parts, and what cannot be learned from."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from ner_corpora import file, load, load_test, tags_of, understood, write

from recipes.kit.data.readers import Splits
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.ner import data as ner_data
from recipes.ner.options import Config
from recipes.ner.sentences import Sentence

WNUT17 = Path(__file__).parents[3].parent / "shared" / "data" / "ner-wnut17"


# --- scheme and kind -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "scheme", "kind"),
    [
        ("a I-PER\nb B-PER\nc I-LOC\nd O\n", "IOB1", "entities"),
        ("a B-PER\nb I-PER\nc O\n", "IOB2", "entities"),
        ("a B-PER\nb E-PER\nc S-LOC\nd O\n", "IOBES", "entities"),
        ("a B-PER\nb L-PER\nc U-LOC\nd O\n", "BILOU", "entities"),
        ("a B-PER\nb M-PER\nc E-PER\nd S-PER\n", "BMES", "entities"),
        ("a B-PER\nb M-PER\nc E-PER\nd W-PER\n", "BMEWO", "entities"),
        ("a DET\nb NOUN\nc O\nd NOUN\n", "labels", "labels"),
        ("a B\nb I\nc O\n", "IOB2", "entities"),
    ],
)
def test_schemes_are_told_apart(tmp_path: Path, train: str, scheme: str, kind: str) -> None:
    more = "".join(f"w{i} {line.split()[1]}\n" for i, line in enumerate(train.splitlines()))
    data = load(write(tmp_path, train=train, dev=more, test=more))
    assert data.kind == kind
    read = {"labels": "plain labels", "IOB2": "IOB2"}.get(scheme, f"{scheme}, read as IOB2")
    assert f"tags: {read}" in understood(data)


def test_all_files_decide_the_scheme_together(tmp_path: Path) -> None:
    """Alone, the test file would pass for IOB2 written carelessly."""
    write(tmp_path, train="a I-X\nb O\n", dev="c I-X\n", test="d I-X\ne B-X\n")
    data = load(tmp_path)
    assert "tags: IOB1, read as IOB2" in understood(data)
    assert data.test[0].tags == ("B-X", "B-X")
    assert data.tags == ("O", "B-X", "I-X")


def test_stray_insides_are_repaired_and_told(tmp_path: Path) -> None:
    write(tmp_path, train="a B-X\nb O\nc I-X\n", dev="a O\n", test="a B-X\n")
    data = load(tmp_path)
    assert data.train[0].tags == ("B-X", "O", "B-X")
    assert "1 entities begun with I-" in understood(data)


def test_untyped_entities_get_a_type(tmp_path: Path) -> None:
    path = file(tmp_path, "deep B\nnets I\nlearn O\n")
    assert tags_of(path) == ["B-ENTITY I-ENTITY O"]


def test_a_file_without_entities_can_be_evaluated(tmp_path: Path) -> None:
    path = file(tmp_path, "nothing O\nhere O\n")
    assert tags_of(path) == ["O O"]


def test_the_kind_can_be_demanded(tmp_path: Path) -> None:
    path = file(tmp_path, "a DET\nb NOUN\n")
    with pytest.raises(DataError, match="tag 'DET' fits no scheme"):
        load_test(path, kind="entities")
    chunks = file(tmp_path, "a B-NP\nb I-NP\n", "chunks")
    assert tags_of(chunks, kind="labels") == ["B-NP I-NP"]


def test_labels_come_from_train_and_hold_both_prefixes() -> None:
    def corpus(tags: str) -> tuple[Sentence, ...]:
        return (Sentence(tuple(tags.split()), tuple(tags.split())),)

    parts = corpus("B-PER O B-LOC"), corpus("I-PER"), corpus("B-ORG O")
    data = ner_data.of_splits(Splits(*parts, (), ""), Source(), Config())
    assert data.tags == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert "unseen: never in train, so never right: B-ORG" in understood(data)


# --- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "line", "message"),
    [
        ("Ann B-PER\nleft\nnow O\n", {}, 2, "expected 2 columns separated by blanks, found 1"),
        ("Ann\tB-PER\nleft O\nnow\tO\n", {}, 2, "2 columns separated by tabs, found 1: 'left O'"),
        ("a O\nb x O\nc O\n", {}, 2, "expected 2 columns separated by blanks, found 3: 'b x O'"),
        ("just\nplain\ntext\n", {}, 1, "expected 2 columns .* found 1"),
        ("Ann\tB-PER\nleft\t\nhe\tO\n", {}, 2, "expected a tag in column -1, found nothing"),
        ("Ann\tB-PER\n\tO\nhe\tO\n", {}, 2, "expected a token in column 0, found nothing"),
        ("a O\nb X-PER\nc B-PER\nd I-PER\n", {}, 2, "tag 'X-PER' fits no scheme; expected O or"),
        ("a B-PER\nb I-PER\nc U-PER\nd E-PER\ne E-PER\n", {}, 3, "tag 'U-PER' amid IOBES tags"),
        ("a O\nb B-PER\n", {"tag_column": 2}, 1, "tag column 2 is out of range; expected 0 to 1"),
        ("a O\nb B-PER\n", {"token_column": 5}, 1, "token column 5 is out of range"),
        ("", {}, None, "no sentences; expected a token and its tag"),
        ("\n\n-DOCSTART- O\n\n", {}, None, "no sentences"),
    ],
)
def test_malformed_files(
    tmp_path: Path, text: str, options: dict[str, int], line: int | None, message: str
) -> None:
    path = file(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        load_test(path, **options)  # type: ignore[arg-type]
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{path}:")
    assert "\n" not in str(caught.value)


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "latin.conll"
    path.write_bytes("Ann B-PER\ncafé O\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.conll:2: expected UTF-8 text, found byte 0xe9"):
        load_test(path)


def test_a_tag_name_needs_named_columns(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tag column 'upos': expected a number"):
        load_test(file(tmp_path, "a O\n"), tag_column="upos")


GOOD = "Ann B-PER\nleft O\n"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("a O\nb O\n", GOOD, GOOD), "every training token is tagged O"),
        (("a N\nb N\n", "c V\n", "d V\n"), "same label, N, so there is nothing to learn"),
        ((None, GOOD, GOOD), "no train split; expected train, found valid, test"),
        ((None, None, None), "no file names a split"),
        ((GOOD, None, None), "too few distinct sentences to split off valid and test"),
    ],
)
def test_corpora_that_cannot_train(
    tmp_path: Path, texts: tuple[str | None, ...], message: str
) -> None:
    named = zip(("train", "dev", "test"), texts, strict=True)
    write(tmp_path, **{name: text for name, text in named if text is not None})
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_bad_tag_is_found_in_whichever_file_has_it(tmp_path: Path) -> None:
    write(tmp_path, train=GOOD * 3, dev=GOOD, test=GOOD + "\nx PER\n")
    with pytest.raises(DataError, match=r"test\.txt:4: tag 'PER' fits no scheme"):
        load(tmp_path)


# --- splits ----------------------------------------------------------------------------------


def _sentences(count: int, start: int = 0) -> str:
    return "\n".join(f"Ann{i} B-PER\nleft O\n" for i in range(start, start + count))


def test_one_file_makes_three_splits(tmp_path: Path) -> None:
    path = file(tmp_path, _sentences(50))
    data = load(path, seed=5)
    assert [len(s) for s in (data.train, data.valid, data.test)] == [40, 5, 5]
    assert "split: valid and test split off train by a shuffle of its sentences with seed 5" in (
        understood(data)
    )
    assert load(path, seed=5) == data
    assert load(path, seed=6).test != data.test
    assert len(load_test(path)) == 50


def test_a_missing_valid_comes_off_train_only(tmp_path: Path) -> None:
    write(tmp_path, train=_sentences(30), test=_sentences(4, start=100))
    data = load(tmp_path)
    assert [len(s) for s in (data.train, data.valid, data.test)] == [27, 3, 4]
    assert data.test == load_test(tmp_path)
    assert "valid split off train" in understood(data)


def test_a_test_file_alone_can_be_evaluated(tmp_path: Path) -> None:
    assert len(load_test(write(tmp_path, test=GOOD))) == 1


@pytest.mark.skipif(not WNUT17.is_dir(), reason="shared WNUT-17 files are not here")
def test_wnut17_as_it_is() -> None:
    data = load(WNUT17)
    assert [len(s) for s in (data.train, data.valid, data.test)] == [3394, 1009, 1287]
    assert "tags: IOB2" in understood(data) and data.kind == "entities"
    assert "unseen" not in understood(data)
    types = ("corporation", "creative-work", "group", "location", "person", "product")
    assert data.tags == ("O", *(f"{prefix}-{name}" for name in types for prefix in "BI"))
    begun = Counter(tag for s in data.train for tag in s.tags if tag.startswith("B-"))
    assert begun["B-person"] == 660 and begun["B-creative-work"] == 140
    assert sum(len(s.tokens) for s in data.test) == 23394
    assert load_test(WNUT17) == data.test
