"""Files of tokens and tags: columns and CoNLL-U, and what is wrong with them."""

from __future__ import annotations

import gzip
from pathlib import Path

import conllu
import pytest
from ner_corpora import file, load, load_test, tags_of, write

from recipes.kit.errors import DataError, UserError
from recipes.ner.formats import read_file
from recipes.ner.sentences import Sentence

# --- columns ---------------------------------------------------------------------------------


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
    path = file(tmp_path, f"#{gap}O\n#rnn{gap}O\nAnn{gap}B-PER\n#{gap}O\n\n#nlp{gap}O\n")
    assert [s.tokens for s in load_test(path)] == [("#", "#rnn", "Ann", "#"), ("#nlp",)]


def test_multiconer_comments_have_as_many_columns_as_tokens(tmp_path: Path) -> None:
    path = file(tmp_path, "# id 52\tdomain=en\nAnn _ _ B-PER\nleft _ _ O\n")
    assert [s.tokens for s in load_test(path)] == [("Ann", "left")]


def test_spaces_inside_tabbed_tokens_and_other_blanks_are_kept(tmp_path: Path) -> None:
    path = file(tmp_path, "1 000\tO\n\u00a0\tO\nAnn\tB-PER\n")
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
    assert tags_of(file(tmp_path, CONLL2003), **options)[0] == first


@pytest.mark.parametrize("number", [0, 1, 3, -1, -2, -4])
def test_a_tag_column_may_come_as_text(tmp_path: Path, number: int) -> None:
    path = file(tmp_path, CONLL2003)
    given, expected = {"tag_column": str(number)}, {"tag_column": number}
    assert load_test(path, **given) == load_test(path, **expected)
    assert load_test(path, **given) == load_test(path, **expected)
    folder = tmp_path / "splits"
    folder.mkdir()
    write(folder, train=CONLL2003, dev=CONLL2003, test=CONLL2003)
    assert load(folder, **given) == load(folder, **expected)


def test_a_tag_column_out_of_range_as_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"conll:3: tag column 4 is out of range; expected 0 to 3"):
        load_test(file(tmp_path, CONLL2003), tag_column="4")


@pytest.mark.parametrize("text", ["", "-", "1.0", "--1", "2nd", "²"])
def test_text_that_is_no_number_names_a_column(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=f"tag column '{text}': expected a number"):
        load_test(file(tmp_path, CONLL2003), tag_column=text)


def test_the_token_column(tmp_path: Path) -> None:
    path = file(tmp_path, "B-PER 1 Ann\nO 2 left\n")
    sentences = load_test(path, token_column=2, tag_column=0)
    assert sentences == (Sentence(("Ann", "left"), ("B-PER", "O")),)


# --- CoNLL-U ---------------------------------------------------------------------------------


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
    assert load_test(file(tmp_path, CONLLU, "ud.conllu"), tag_column=column) == expected
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
        load_test(file(tmp_path, text, "ud.conllu"), **options)  # type: ignore[arg-type]
    assert caught.value.line == line


def test_unknown_conllu_column(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tag column 'pos': expected a number or one of id, form"):
        load_test(file(tmp_path, CONLLU, "ud.conllu"), tag_column="pos")


@pytest.mark.parametrize("mark", ["\t", " "])
def test_tags_before_their_words_are_refused(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "a.conll"
    path.write_text(f"B-PER{mark}Ada\nO{mark}met\n\nO{mark}O\n")
    with pytest.raises(DataError, match=r"a.conll:1: column 0 seems to hold tags.*--tag-column 0"):
        read_file(path, None, None)
    assert read_file(path, 1, 0).sentences[0].tokens == ("Ada", "met")
