"""Named entity and tag corpora: schemes, files, TFDS examples, generated sentences."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import conllu
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from recipes.kit.data import tfds as kit_tfds
from recipes.kit.data.readers import Splits
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.ner import data as ner_data
from recipes.ner import embedded as ner_embedded
from recipes.ner import names as ner_names
from recipes.ner import tfds as ner_tfds
from recipes.ner.data import Data
from recipes.ner.options import Config
from recipes.ner.sentences import Sentence
from recipes.ner.tag_schemes import to_iob2
from recipes.ner.tfds import from_examples

WNUT17 = Path(__file__).parents[3].parent / "shared" / "data" / "ner-wnut17"


def _write(directory: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (directory / f"{name}.txt").write_text(text, encoding="utf-8")
    return directory


def _file(tmp_path: Path, text: str, name: str = "corpus.conll") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def load(source: Path | str, **options: Any) -> Data:
    config = Config(data=Source.parse(str(source)), **options)
    return ner_data.load(config.data, config)


def load_test(source: Path | str, kind: Any = None, **options: Any) -> tuple[Sentence, ...]:
    config = Config(data=Source.parse(str(source)), **options)
    return tuple(ner_data.readers(config, kind).load_test(config.data, seed=config.seed))


def understood(data: Data) -> str:
    return "; ".join(f"{fact.topic}: {fact.text}" for fact in data.understood)


def _tags(path: Path, **options: Any) -> list[str]:
    return [" ".join(s.tags) for s in load_test(path, **options)]


# ------------------------------------------------------------------------------------- to_iob2


@pytest.mark.parametrize(
    ("scheme", "tags", "expected"),
    [
        ("IOB1", "I-PER I-PER O I-LOC", "B-PER I-PER O B-LOC"),
        ("IOB1", "I-PER B-PER I-PER I-LOC", "B-PER B-PER I-PER B-LOC"),
        ("IOB2", "B-PER I-PER B-PER O B-LOC", "B-PER I-PER B-PER O B-LOC"),
        ("IOB2 with a stray I", "O I-PER I-PER", "O B-PER I-PER"),
        ("IOBES", "B-PER I-PER E-PER S-PER S-LOC O", "B-PER I-PER I-PER B-PER B-LOC O"),
        ("IOBES", "S-PER B-PER E-PER", "B-PER B-PER I-PER"),
        ("BILOU", "B-PER I-PER L-PER U-PER U-LOC O", "B-PER I-PER I-PER B-PER B-LOC O"),
        ("BMES", "B-PER M-PER E-PER S-LOC", "B-PER I-PER I-PER B-LOC"),
        ("BMEWO", "B-PER M-PER E-PER W-LOC O", "B-PER I-PER I-PER B-LOC O"),
        ("types with dashes", "B-creative-work I-creative-work", "B-creative-work I-creative-work"),
        ("underscores", "B_PER I_PER", "B-PER I-PER"),
        ("an end with no beginning", "O E-PER O", "O B-PER O"),
        ("going on after an end", "B-PER E-PER I-PER", "B-PER I-PER B-PER"),
        ("another type inside", "B-PER I-LOC", "B-PER B-LOC"),
        ("empty", "", ""),
    ],
)
def test_schemes_become_iob2(scheme: str, tags: str, expected: str) -> None:
    assert to_iob2(tags.split()) == tuple(expected.split()), scheme


@pytest.mark.parametrize("tag", ["PER", "X-PER", "B-", "B", "", "b-PER", "-PER"])
def test_tags_that_fit_no_scheme(tag: str) -> None:
    with pytest.raises(ValueError, match=f"tag '{tag}' fits no scheme"):
        to_iob2(["O", tag])


_SPANS = st.lists(st.tuples(st.sampled_from(["O", "PER", "LOC"]), st.integers(1, 4)), max_size=8)


def _as_scheme(spans: list[tuple[str, int]], letters: str) -> list[str]:
    """Write spans with letters for begin, inside, end, single."""
    begin, inside, end, single = letters
    tags: list[str] = []
    for name, length in spans:
        if name == "O":
            tags += ["O"] * length
        elif length == 1:
            tags.append(f"{single}-{name}")
        else:
            middle = [f"{inside}-{name}"] * (length - 2)
            tags += [f"{begin}-{name}", *middle, f"{end}-{name}"]
    return tags


@given(_SPANS)
def test_every_scheme_of_the_same_spans_is_the_same_iob2(spans: list[tuple[str, int]]) -> None:
    expected = tuple(_as_scheme(spans, "BIIB"))
    for letters in ("BIES", "BILU", "BMES", "BMEW"):
        assert to_iob2(_as_scheme(spans, letters)) == expected
    assert to_iob2(expected) == expected


@given(st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), max_size=12))
def test_entities_are_those_seqeval_counts(tags: list[str]) -> None:
    assert get_entities(list(to_iob2(tags))) == get_entities(tags)


# ------------------------------------------------------------------------------------- columns


@pytest.mark.parametrize(
    "text",
    [
        "Ann\tB-PER\nleft\tO\n\nParis\tB-LOC\n",
        "Ann B-PER\nleft O\n\nParis B-LOC",
        "Ann   B-PER\nleft \t O\n\n\nParis B-LOC\n\n",
        "-DOCSTART- O\n\nAnn B-PER\nleft O\n\n-DOCSTART- O\n\nParis B-LOC\n",
        "-DOCSTART-\n\nAnn B-PER\nleft O\n-DOCSTART-\nParis B-LOC\n",
        "Ann\tB-PER\nleft\tO\n\t\nParis\tB-LOC\n \n",
        "\ufeffAnn\tB-PER\r\nleft\tO\r\n\r\nParis\tB-LOC\r\n",
        "# a comment\nAnn\tB-PER\nleft\tO\n\n#another\nParis\tB-LOC\n",
        "# id 5239\tdomain=en\nAnn B-PER\nleft O\n\n# id 7\nParis B-LOC\n",
    ],
)
def test_column_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "corpus.conll"
    path.write_bytes(text.encode())
    assert load_test(path) == (
        Sentence(("Ann", "left"), ("B-PER", "O")),
        Sentence(("Paris",), ("B-LOC",)),
    )


def test_gzipped_columns(tmp_path: Path) -> None:
    path = tmp_path / "corpus.conll.gz"
    path.write_bytes(gzip.compress(b"Ann B-PER\nleft O\n"))
    assert load_test(path) == (Sentence(("Ann", "left"), ("B-PER", "O")),)


@pytest.mark.parametrize("gap", ["\t", " "])
def test_a_hash_can_be_a_token(tmp_path: Path, gap: str) -> None:
    path = _file(tmp_path, f"#{gap}O\n#rnn{gap}O\nAnn{gap}B-PER\n#{gap}O\n\n#nlp{gap}O\n")
    assert [s.tokens for s in load_test(path)] == [("#", "#rnn", "Ann", "#"), ("#nlp",)]


def test_multiconer_comments_have_as_many_columns_as_tokens(tmp_path: Path) -> None:
    path = _file(tmp_path, "# id 52\tdomain=en\nAnn _ _ B-PER\nleft _ _ O\n")
    assert [s.tokens for s in load_test(path)] == [("Ann", "left")]


def test_spaces_inside_tabbed_tokens_and_other_blanks_are_kept(tmp_path: Path) -> None:
    path = _file(tmp_path, "1 000\tO\n\u00a0\tO\nAnn\tB-PER\n")
    assert load_test(path)[0].tokens == ("1 000", "\u00a0", "Ann")


CONLL2003 = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC
call NN I-NP O

Ann NNP B-NP B-PER
"""


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ({}, "B-ORG O B-MISC O"),
        ({"tag_column": 3}, "B-ORG O B-MISC O"),
        ({"tag_column": -2}, "B-NP B-VP B-NP I-NP"),
        ({"tag_column": 1}, "NNP VBZ JJ NN"),
    ],
)
def test_the_tag_column(tmp_path: Path, options: dict[str, int], first: str) -> None:
    assert _tags(_file(tmp_path, CONLL2003), **options)[0] == first


@pytest.mark.parametrize("number", [0, 1, 3, -1, -2, -4])
def test_a_tag_column_may_come_as_text(tmp_path: Path, number: int) -> None:
    path = _file(tmp_path, CONLL2003)
    given, expected = {"tag_column": str(number)}, {"tag_column": number}
    assert load_test(path, **given) == load_test(path, **expected)
    assert load_test(path, **given) == load_test(path, **expected)
    folder = tmp_path / "splits"
    folder.mkdir()
    _write(folder, train=CONLL2003, dev=CONLL2003, test=CONLL2003)
    assert load(folder, **given) == load(folder, **expected)


def test_a_tag_column_out_of_range_as_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"conll:3: tag column 4 is out of range; expected 0 to 3"):
        load_test(_file(tmp_path, CONLL2003), tag_column="4")


@pytest.mark.parametrize("text", ["", "-", "1.0", "--1", "2nd", "²"])
def test_text_that_is_no_number_names_a_column(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=f"tag column '{text}': expected a number"):
        load_test(_file(tmp_path, CONLL2003), tag_column=text)


def test_the_token_column(tmp_path: Path) -> None:
    path = _file(tmp_path, "B-PER 1 Ann\nO 2 left\n")
    sentences = load_test(path, token_column=2, tag_column=0)
    assert sentences == (Sentence(("Ann", "left"), ("B-PER", "O")),)


# ----------------------------------------------------------------------------- scheme and kind


@pytest.mark.parametrize(
    ("train", "scheme", "kind"),
    [
        ("a I-PER\nb B-PER\nc I-LOC\nd O\n", "IOB1", "entities"),
        ("a B-PER\nb I-PER\nc O\n", "IOB2", "entities"),
        ("a B-PER\nb E-PER\nc S-LOC\nd O\n", "IOBES", "entities"),
        ("a B-PER\nb L-PER\nc U-LOC\nd O\n", "BILOU", "entities"),
        ("a B-PER\nb M-PER\nc E-PER\nd S-PER\n", "BMES", "entities"),
        ("a B-PER\nb M-PER\nc E-PER\nd W-PER\n", "BMEWO", "entities"),
        ("a DET\nb NOUN\nc O\n", "labels", "labels"),
        ("a B\nb I\nc O\n", "IOB2", "entities"),
    ],
)
def test_schemes_are_told_apart(tmp_path: Path, train: str, scheme: str, kind: str) -> None:
    more = "".join(f"w{i} {line.split()[1]}\n" for i, line in enumerate(train.splitlines()))
    data = load(_write(tmp_path, train=train, dev=more, test=more))
    assert data.kind == kind
    read = {"labels": "plain labels", "IOB2": "IOB2"}.get(scheme, f"{scheme}, read as IOB2")
    assert f"tags: {read}" in understood(data)


def test_all_files_decide_the_scheme_together(tmp_path: Path) -> None:
    """Alone, the test file would pass for IOB2 written carelessly."""
    _write(tmp_path, train="a I-X\nb O\n", dev="c I-X\n", test="d I-X\ne B-X\n")
    data = load(tmp_path)
    assert "tags: IOB1, read as IOB2" in understood(data)
    assert data.test[0].tags == ("B-X", "B-X")
    assert data.tags == ("O", "B-X", "I-X")


def test_stray_insides_are_repaired_and_told(tmp_path: Path) -> None:
    _write(tmp_path, train="a B-X\nb O\nc I-X\n", dev="a O\n", test="a B-X\n")
    data = load(tmp_path)
    assert data.train[0].tags == ("B-X", "O", "B-X")
    assert "1 entities begun with I-" in understood(data)


def test_untyped_entities_get_a_type(tmp_path: Path) -> None:
    path = _file(tmp_path, "deep B\nnets I\nlearn O\n")
    assert _tags(path) == ["B-ENTITY I-ENTITY O"]


def test_a_file_without_entities_can_be_evaluated(tmp_path: Path) -> None:
    path = _file(tmp_path, "nothing O\nhere O\n")
    assert _tags(path) == ["O O"]


def test_the_kind_can_be_demanded(tmp_path: Path) -> None:
    path = _file(tmp_path, "a DET\nb NOUN\n")
    with pytest.raises(DataError, match="tag 'DET' fits no scheme"):
        load_test(path, kind="entities")
    chunks = _file(tmp_path, "a B-NP\nb I-NP\n", "chunks")
    assert _tags(chunks, kind="labels") == ["B-NP I-NP"]


def test_labels_come_from_train_and_hold_both_prefixes() -> None:
    def corpus(tags: str) -> tuple[Sentence, ...]:
        return (Sentence(tuple(tags.split()), tuple(tags.split())),)

    parts = corpus("B-PER O B-LOC"), corpus("I-PER"), corpus("B-ORG O")
    data = ner_data.of_splits(Splits(*parts, (), ""), Source(), Config())
    assert data.tags == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert "unseen: never in train, so never right: B-ORG" in understood(data)


# ------------------------------------------------------------------------------------- CoNLL-U

CONLLU = """# newdoc id = weblog
# sent_id = 1
# text = I don't sing.
1\tI\tI\tPRON\tPRP\t_\t4\tnsubj\t_\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tAUX\tVBP\t_\t4\taux\t_\t_
3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t_\t_
4\tsing\tsing\tVERB\tVB\tVerbForm=Inf\t0\troot\t_\tSpaceAfter=No
4.1\tsong\tsong\tNOUN\tNN\t_\t_\t_\t4:obj\t_
5\t.\t.\tPUNCT\t.\t_\t4\tpunct\t_\t_

1\t#\t#\tSYM\tNN\t_\t0\troot\t_\t_
2\tOh no\toh\tINTJ\tUH\t_\t1\tdep\t_\t_
"""


@pytest.mark.parametrize("column", [None, "upos", 3, "3", "xpos", 4, "-6", "deprel"])
def test_conllu_as_the_conllu_library_reads_it(tmp_path: Path, column: str | int | None) -> None:
    name = {None: "upos", 3: "upos", "3": "upos", 4: "xpos", "-6": "xpos"}.get(column, column)  # type: ignore[arg-type]
    expected = tuple(
        Sentence(
            tuple(token["form"] for token in tokens), tuple(str(token[name]) for token in tokens)
        )
        for sentence in conllu.parse(CONLLU)
        for tokens in [[t for t in sentence if isinstance(t["id"], int)]]
    )
    assert load_test(_file(tmp_path, CONLLU, "ud.conllu"), tag_column=column) == expected
    assert [len(s.tokens) for s in expected] == [5, 2]


@pytest.mark.parametrize(
    ("text", "options", "line", "message"),
    [
        ("# c\n1\tI\t_\tPRON\n", {}, 2, "expected 10 CoNLL-U columns .* found 4: '1"),
        ("I\tI" + "\t_" * 8 + "\n", {}, 1, "the first a number"),
        ("1\tI" + "\t_" * 8 + "\n", {}, 1, "expected a tag in column upos, found '_'"),
        (CONLLU, {"tag_column": 10}, 4, "tag column 10 is out of range"),
        (CONLLU, {"token_column": -11}, 4, "token column -11 is out of range"),
    ],
)
def test_bad_conllu(
    tmp_path: Path, text: str, options: dict[str, int], line: int, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load_test(_file(tmp_path, text, "ud.conllu"), **options)  # type: ignore[arg-type]
    assert caught.value.line == line


def test_unknown_conllu_column(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tag column 'pos': expected a number or one of id, form"):
        load_test(_file(tmp_path, CONLLU, "ud.conllu"), tag_column="pos")


# -------------------------------------------------------------------------------------- errors


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
    path = _file(tmp_path, text)
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
        load_test(_file(tmp_path, "a O\n"), tag_column="upos")


GOOD = "Ann B-PER\nleft O\n"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("a O\nb O\n", GOOD, GOOD), "every training token is tagged O"),
        (("a N\nb N\n", "c V\n", "d V\n"), "same label, N, so there is nothing to learn"),
        ((None, GOOD, GOOD), "no train split; expected train, found valid, test"),
        ((None, None, None), "no file names a split"),
        ((GOOD, None, None), "1 distinct sentences are too few to split off valid and test"),
    ],
)
def test_corpora_that_cannot_train(
    tmp_path: Path, texts: tuple[str | None, ...], message: str
) -> None:
    named = zip(("train", "dev", "test"), texts, strict=True)
    _write(tmp_path, **{name: text for name, text in named if text is not None})
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_bad_tag_is_found_in_whichever_file_has_it(tmp_path: Path) -> None:
    _write(tmp_path, train=GOOD * 3, dev=GOOD, test=GOOD + "\nx PER\n")
    with pytest.raises(DataError, match=r"test\.txt:4: tag 'PER' fits no scheme"):
        load(tmp_path)


# -------------------------------------------------------------------------------------- splits


def _sentences(count: int, start: int = 0) -> str:
    return "\n".join(f"Ann{i} B-PER\nleft O\n" for i in range(start, start + count))


def test_one_file_makes_three_splits(tmp_path: Path) -> None:
    path = _file(tmp_path, _sentences(50))
    data = load(path, seed=5)
    assert [len(s) for s in (data.train, data.valid, data.test)] == [40, 5, 5]
    assert "split: valid and test split off train by a shuffle of its sentences with seed 5" in (
        understood(data)
    )
    assert load(path, seed=5) == data
    assert load(path, seed=6).test != data.test
    assert len(load_test(path)) == 50


def test_a_missing_valid_comes_off_train_only(tmp_path: Path) -> None:
    _write(tmp_path, train=_sentences(30), test=_sentences(4, start=100))
    data = load(tmp_path)
    assert [len(s) for s in (data.train, data.valid, data.test)] == [27, 3, 4]
    assert data.test == load_test(tmp_path)
    assert "valid split off train" in understood(data)


def test_a_test_file_alone_can_be_evaluated(tmp_path: Path) -> None:
    assert len(load_test(_write(tmp_path, test=GOOD))) == 1


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


# ---------------------------------------------------------------------------------------- TFDS

NAMES = ["O", "B-PER", "I-PER"]
EXAMPLES = [
    {"tokens": np.array([b"Ann", b"caf\xc3\xa9"], object), "ner": np.array([1, 0])},
    {"tokens": np.array([], object), "ner": np.array([], int)},
    {"tokens": np.array([b"Bo", b"Li"], object), "ner": np.array([1, 2])},
]


def test_examples_become_sentences() -> None:
    assert from_examples(EXAMPLES, "ner", NAMES, "tfds:x") == (
        Sentence(("Ann", "café"), ("B-PER", "O")),
        Sentence(("Bo", "Li"), ("B-PER", "I-PER")),
    )


def test_text_tags_need_no_names() -> None:
    examples = [{"tokens": [b"I", b"sing"], "xpos": [b"PRP", "VB"]}]
    assert from_examples(examples, "xpos", None, "x")[0].tags == ("PRP", "VB")


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ({"tokens": [b"a", b"b"], "ner": [0]}, "example 0: .* found 2 tokens and 1 tags"),
        ({"tokens": [b"a"], "ner": [3]}, "example 0: expected tags 0 to 2, found 3"),
        ({"tokens": [b"a"], "ner": [-1]}, "example 0: .* found -1"),
    ],
)
def test_examples_that_do_not_agree(example: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"tfds:x: {message}"):
        from_examples([example], "ner", NAMES, "tfds:x")


def _fake_builder(**features: Any) -> SimpleNamespace:
    info = SimpleNamespace(features=features, splits={"train": 0, "dev": 0}, homepage="http://h")
    return SimpleNamespace(info=info)


def _sequence(names: list[str] | None = None) -> SimpleNamespace:
    inner = SimpleNamespace(names=names) if names else SimpleNamespace()
    return SimpleNamespace(feature=inner)


def test_a_tfds_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = _fake_builder(tokens=_sequence(), ner=_sequence(NAMES), pos=_sequence(["N", "V"]))
    counts = {"train": 20, "dev": 2}

    def decoded(_: Any, split: str) -> list[dict[str, Any]]:
        tokens = ([f"{split}{i}".encode(), b"left"] for i in range(counts[split]))
        return [{"tokens": t, "ner": [1, 0], "pos": [0, 1]} for t in tokens]

    monkeypatch.setattr(kit_tfds, "prepared_builder", lambda name: builder)
    monkeypatch.setattr(kit_tfds, "decoded", decoded)
    data = load("tfds:mine/en")
    assert [len(s) for s in (data.train, data.valid, data.test)] == [18, 2, 2]
    assert (data.kind, data.tags) == ("entities", ("O", "B-PER", "I-PER"))
    assert "source: tfds:mine/en" in understood(data) and "test split off" in understood(data)
    assert "http://h" in data.licence
    assert load("tfds:mine/en", tag_column="pos").tags == ("N", "V")
    with pytest.raises(UserError, match="expected tags in chunks, found ner, pos, tokens"):
        load("tfds:mine/en", tag_column="chunks")
    for number in (2, "2"):
        with pytest.raises(UserError, match="tag column 2: expected the name of a feature"):
            load("tfds:mine/en", tag_column=number)


def test_a_tfds_set_without_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit_tfds, "prepared_builder", lambda name: _fake_builder(image=None))
    with pytest.raises(UserError, match="tfds:mnist: not for sequence labelling"):
        load("tfds:mnist")


def test_tfds_features_are_named_as_we_expect() -> None:
    tfds = pytest.importorskip("tensorflow_datasets")
    for name, key in [("conll2003", "ner"), ("wikiann/en", "tags")]:
        features = tfds.builder(name).info.features
        assert ner_tfds._tag_feature(name, features, None) == key
        names = features[key].feature.names
        assert to_iob2(names) and {"B-PER", "B-ORG", "B-LOC"} <= set(names)
    ud = tfds.builder("universal_dependencies/en_ewt").info.features
    assert ner_tfds._tag_feature("ud", ud, None) == "upos"


def test_tfds_troubles_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    tfds = pytest.importorskip("tensorflow_datasets")
    with pytest.raises(UserError, match="tfds:conll2003x: no such dataset") as caught:
        load("tfds:conll2003x")
    assert "\n" not in str(caught.value)

    class Offline:
        def download_and_prepare(self) -> None:
            raise ConnectionError("no route to host\nand more")

    monkeypatch.setattr(tfds, "builder", lambda name: Offline())
    with pytest.raises(UserError, match="tfds:conll2003: could not be .*: no route to host$"):
        load("tfds:conll2003")


# ------------------------------------------------------------------------------------ embedded


@pytest.fixture(scope="module")
def embedded() -> Data:
    return load("embedded")


def _entities(sentences: tuple[Sentence, ...]) -> list[tuple[str, str]]:
    """(type, text with letter case folded) of every entity."""
    return [
        (name, " ".join(s.tokens[first : last + 1]).casefold())
        for s in sentences
        for name, first, last in get_entities(list(s.tags))
    ]


def test_embedded_sizes_and_shape(embedded: Data) -> None:
    assert [len(s) for s in (embedded.train, embedded.valid, embedded.test)] == [4000, 500, 800]
    assert {tag[2:] for tag in embedded.tags} == {"", "LOC", "ORG", "PER"}
    assert "unseen" not in understood(embedded)
    for sentence in (*embedded.train, *embedded.valid, *embedded.test):
        assert len(sentence.tokens) == len(sentence.tags)
        assert 4 <= len(sentence.tokens) <= 35
        assert to_iob2(sentence.tags) == sentence.tags
        assert all(token and not set(token) & set(" \t\n<>{}") for token in sentence.tokens)


def test_no_held_out_entity_is_in_train(embedded: Data) -> None:
    train, valid, test = (
        {text for _, text in _entities(split)}
        for split in (embedded.train, embedded.valid, embedded.test)
    )
    assert min(len(train), len(valid), len(test)) > 300
    assert not train & test
    assert not train & valid
    assert not valid & test


def test_no_sentence_comes_twice(embedded: Data) -> None:
    tokens = [s.tokens for s in (*embedded.train, *embedded.valid, *embedded.test)]
    assert len(set(tokens)) == len(tokens)


def test_words_alone_do_not_tell_the_type(embedded: Data) -> None:
    """Of the one-word entities of train that come often, most are of more than one type."""
    types: dict[str, list[str]] = {}
    for name, text in _entities(embedded.train):
        if " " not in text and text.casefold() not in _countries():
            types.setdefault(text, []).append(name)
    often = [names for names in types.values() if len(names) >= 3]
    assert len(often) > 100
    assert sum(len(set(names)) > 1 for names in often) > 0.6 * len(often)
    counts = Counter(name for name, _ in _entities(embedded.train))
    assert min(counts.values()) > 0.2 * sum(counts.values())


def _countries() -> set[str]:
    dealt, _ = ner_names.deal(0)
    return {name.casefold() for kinds in dealt.values() for name in kinds["country"]}


def test_the_seed_decides_the_sentences(embedded: Data) -> None:
    sizes = {"train": 30, "valid": 10, "test": 10}
    first = ner_embedded.generate(sizes, 1)
    assert first == ner_embedded.generate(sizes, 1)
    assert first["train"] != ner_embedded.generate(sizes, 2)["train"]
    begun = ner_embedded.generate({**sizes, "train": 20}, 0)["train"]
    assert begun == tuple((s.tokens, s.tags) for s in embedded.train[:20])


def test_two_processes_write_the_same_sentences() -> None:
    """Sets of strings come in another order in each process; nothing may hang on that."""
    code = (
        "from recipes.ner.embedded import generate;"
        "print(ascii(generate({'train': 200, 'valid': 200, 'test': 200}, 0)))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_names_kept_for_examples_are_nowhere(embedded: Data) -> None:
    words = {t.lower() for s in (*embedded.train, *embedded.valid) for t in s.tokens}
    assert not words & {"virat", "kohli", "rohit", "sharma"}


def test_every_rule_is_reached_and_every_reference_known() -> None:
    rules = ner_embedded.grammar()
    slots = set(ner_names.Pool(np.random, {"city": []}).slots)  # type: ignore[arg-type]
    parts = {part for lines in rules.values() for line in lines for part in line.split()}
    called = {part.strip("<>?") for part in parts if part.startswith("<")}
    assert {part.strip("{}") for part in parts if part.startswith("{")} == slots
    assert called | {"sentence"} == set(rules) | {"num", "few", "age", "year"} | {
        "job",
        "pitch",
        "word",
    }
    assert all(p.endswith((">", "}")) for p in parts if p[0] in "<{")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("# only a comment\nhello\n[a]\nb\n", 2, r"expected \[name\] first, found 'hello'"),
        ("[a]\nb\n[c\nd\n", 3, r"expected \[name\], found '\[c'"),
        ("[a]\nb\n\n[a b]\nd\n", 4, r"expected \[name\], found '\[a b\]'"),
        ("[a]\nb\n[a]\nc\n", 3, r"\[a\] is on line 1 already"),
        ("[a]\nb\n[c]\n# no line\n[d]\ne\n", 3, r"\[c\] has no expansion"),
        ("[a]\nb\n[c]\n", 3, r"\[c\] has no expansion"),
        ("[a]\nb <c\n", 2, "expected a word, .* found '<c'"),
        ("[a]\nb {c?} d\n", 2, r"expected a word, .* found '\{c\?\}'"),
        ("[a]\n{c},\n", 2, r"expected a word, .* found '\{c\},'"),
        ("[a]\n<>\n", 2, "expected a word, .* found '<>'"),
    ],
)
def test_a_malformed_grammar_names_the_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^grammar\.txt:{line}: {message}"):
        ner_embedded.parse_grammar(text)


def test_a_grammar_keeps_repeated_lines_and_order() -> None:
    text = "# c\n\n[a]\n  <b?> x # y\n<b?> x # y\n\n# d\nz\n[b]\n, {per} ?"
    rules = ner_embedded.parse_grammar(text)
    assert rules == {"a": ("<b?> x # y", "<b?> x # y", "z"), "b": (", {per} ?",)}
    assert list(rules) == ["a", "b"]
    assert ner_embedded.grammar() is ner_embedded.grammar()
