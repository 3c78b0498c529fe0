r"""Formulas: one way to write each, one way to read each picture, and what a captioner makes of
them."""

from __future__ import annotations

import csv
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate2d

from recipes.captioning import formulas, grammar
from recipes.captioning.formulas import load
from recipes.captioning.grammar import LONGEST, SHORTEST, STRUCTURE, SYMBOLS, Grammar
from recipes.captioning.mathtext import CANVAS, FONTS, SIZES, Style, picture, pictures
from recipes.captioning.metrics import caption_metrics, exact_match_by_length
from recipes.kit.cli import main
from recipes.kit.pieces import SentencePieces, learn_pieces

PARTS = {"train": 60, "valid": 12, "test": 12}

#: What pass for each other in print, or do so at another size.
LOOK_ALIKES = (
    *(("1", "l", "I", "|"), ("0", "O", "o", "\\Theta"), ("2", "z", "Z"), ("5", "s", "S")),
    *(("9", "q", "g"), ("a", "\\alpha", "\\sigma"), ("c", "C", "e", "\\epsilon", "E_small")),
    *(("v", "V", "\\nu"), ("x", "X", "\\times", "\\chi"), ("p", "P", "\\rho"), ("k", "K")),
    *(("n", "u", "\\eta", "U"), ("T", "\\tau"), ("E", "F", "L", "\\epsilon"), ("y", "\\gamma")),
    *(("\\sum", "\\Sigma"), ("\\prod", "\\Pi"), ("\\mu", "u"), ("\\omega", "w", "W")),
    *(("+", "\\div"), ("\\phi", "\\Phi"), ("\\psi", "\\Psi"), ("\\in", "\\epsilon"), ("D", "B")),
    *(("A", "\\Lambda"), ("\\Delta", "\\Lambda"), ("k", "\\kappa", "h"), ("b", "h"), ("j", "J")),
    *(("m", "\\varpi"), ("\\beta", "B"), ("\\infty", "\\propto"), ("\\oplus", "\\otimes")),
)


@pytest.fixture(scope="module")
def drawn() -> list[str]:
    grammar = Grammar(3)
    return [grammar.draw(length) for length in range(SHORTEST, LONGEST + 1) for _ in range(6)]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RNN_ZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_formulas_have_their_length_and_known_tokens(drawn: list[str]) -> None:
    assert [len(formula.split()) for formula in drawn[::6]] == [*range(SHORTEST, LONGEST + 1)]
    assert {token for formula in drawn for token in formula.split()} <= {*SYMBOLS, *STRUCTURE}
    assert len({*SYMBOLS}) == len(SYMBOLS) >= 60


def test_every_symbol_occurs() -> None:
    grammar = Grammar(0)
    many = " ".join(grammar.draw(length) for length in (4, 20) for _ in range(500))
    assert {*many.split()} == {*SYMBOLS, *STRUCTURE}


def test_formulas_are_canonical(drawn: list[str]) -> None:
    for formula in drawn:
        tokens = formula.split()
        assert tokens.count("{") == tokens.count("}")
        for token, behind in itertools.pairwise(tokens):
            if token in ("_", "^", r"\frac", r"\sqrt"):
                assert behind == "{"
            assert (token, behind) != ("{", "}")
        # A superscript is never before a subscript of the same symbol.
        assert not re.search(r"\^ \{ [^{}]* \} _", formula)
        openers = {
            tokens[index - 1] for index, token in enumerate(tokens) if token == "{" and index
        }
        assert openers <= {"_", "^", r"\frac", r"\sqrt", "}"}


def test_the_same_seed_gives_the_same_formulas() -> None:
    first, second, other = (Grammar(seed) for seed in (1, 1, 2))
    assert [first.draw(9) for _ in range(5)] == [second.draw(9) for _ in range(5)]
    assert [first.draw(9) for _ in range(5)] != [other.draw(9) for _ in range(5)]
    with pytest.raises(ValueError, match="3 to 24, found 2"):
        first.draw(2)


def test_no_two_symbols_look_alike() -> None:
    for alike in LOOK_ALIKES:
        assert len({*alike} & {*SYMBOLS}) <= 1, alike


@pytest.mark.parametrize("script", [1.0, 0.7])
def test_no_two_symbols_give_nearly_the_same_picture(script: float) -> None:
    """In any two fonts and sizes, wherever they are laid upon each other."""
    fonts = [*itertools.product(FONTS, SIZES)]
    inks = {symbol: [_ink(symbol, font, size * script) for font, size in fonts]
            for symbol in SYMBOLS}  # fmt: skip
    nearest = {}
    for first, second in itertools.combinations(SYMBOLS, 2):
        for one, other in itertools.product(inks[first], inks[second]):
            if np.abs(np.subtract(one.shape, other.shape)).max() <= 2:
                nearest[_difference(one, other)] = first, second
    # The nearest are a minus and an arrow or a plus, 3 and 8, 0 and 9.
    assert min(nearest) > 0.1, nearest[min(nearest)]


def test_tokens_compact_and_pieces_lose_nothing(drawn: list[str]) -> None:
    assert grammar.compact(r"\pi x _ { i } + \log 2") == r"\pi x_{i}+\log2"
    for formula in drawn:
        assert re.findall(r"\\[a-zA-Z]+|[^ ]", grammar.compact(formula)) == formula.split()
    pieces = SentencePieces(learn_pieces(drawn, "word", None))
    ids = pieces.encode_all(drawn)
    assert [len(each) for each in ids] == [len(formula.split()) for formula in drawn]
    assert [pieces.decode(tf.constant([each]))[0].numpy().decode() for each in ids] == drawn


def test_scripts_and_fractions_are_drawn_as_such() -> None:
    style = Style("cm", 16)
    drawn = picture("x _ { 2 }", style)
    assert drawn is not None
    assert (drawn.shape, drawn.max()) == (CANVAS, 255)
    assert drawn.min() < 60
    assert _height("x _ { 2 }", style) > _height("x", style)
    assert _height("x ^ { 2 }", style) > _height("x", style) + 3
    assert _height(r"\frac { a } { b }", style) > 2 * _height("b", style)
    assert _height(r"\sum _ { i = 1 } ^ { n }", style) > _height(r"\sum", style) + 10
    assert picture("= ".join("abcd" * 6), style) is None
    with pytest.raises(ValueError, match="nosuch"):
        picture(r"\nosuch", style)


def test_drawn_larger_and_made_smaller_a_formula_is_as_large() -> None:
    """It begins between two pixels, and has the same ink."""
    ink = []
    for offset in itertools.product(range(4), repeat=2):
        drawn = picture(r"\frac { M } { x }", Style("cm", 16, smaller=True, offset=offset))
        assert drawn is not None
        ink.append(255.0 - drawn)
    np.testing.assert_allclose([each.sum() for each in ink], ink[0].sum(), rtol=0.01)
    assert len({each.tobytes() for each in ink}) == 16
    crisp = picture(r"\frac { M } { x }", Style("cm", 16))
    assert crisp is not None
    assert ink[0].sum() == pytest.approx((255.0 - crisp).sum(), rel=0.15)


def test_parts_share_no_formula_and_no_picture() -> None:
    splits = load(PARTS).splits
    every = [example for part in splits.values() for example in part]
    assert {name: len(part) for name, part in splits.items()} == PARTS
    assert len({e.captions for e in every}) == len({e.content for e in every}) == len(every)
    assert len({grammar.compact(e.captions[0]) for e in every}) == len(every)
    assert all(e.image.shape == (*CANVAS, 1) for e in every)


def test_formulas_are_kept_and_drawn_alike(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(PARTS)
    (file,) = cache.iterdir()
    monkeypatch.setattr(formulas, "_make", lambda *_: pytest.fail("drawn again"))
    again = load(PARTS)
    for one, other in zip(first.splits["train"], again.splits["train"], strict=True):
        assert one.captions == other.captions
        np.testing.assert_array_equal(one.image, other.image)
    assert first.understood == again.understood
    monkeypatch.undo()
    file.write_bytes(b"broken")
    monkeypatch.setenv("RNN_ZOO_CACHE", str(cache))
    assert load(PARTS).splits["test"][0].captions == first.splits["test"][0].captions


def test_several_processes_draw_what_one_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = Grammar(0)
    texts = [grammar.draw(3) for _ in range(formulas._ALONE)]
    style = [Style("stix", 12)] * len(texts)
    monkeypatch.setattr(formulas, "_PROCESSES", 2)
    several = formulas._pictures(texts, style)
    for one, other in zip(several, pictures(texts, style), strict=True):
        np.testing.assert_array_equal(one, other)


def test_exact_match_of_short_formulas() -> None:
    references = [["a + b"], ["a + b + c"], ["x"]]
    metrics = caption_metrics(["a + b", "a + b + d", "y"], references, short=3)
    assert metrics["exact_match_to_3"] == 0.5
    assert metrics["exact_match"] == pytest.approx(1 / 3)
    rows = exact_match_by_length(["a + b", "a + b + d", "y"], references)
    assert [row["tokens"] for row in rows] == [1, 3, 5]


def test_a_captioner_of_formulas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    words = ["train", "captioning", "--data", "embedded:formulas", "--out", str(out)]
    quick = "--limit 60 --epochs 1 --units 8 --row-units 4 --filters 4 4 4 --beam-size 2"
    assert main([*words, *quick.split()]) == 0
    record = json.loads((out / "metrics.json").read_text())
    assert {"exact_match", "exact_match_to_12", "edit_distance"} <= {*record["test"]}
    with (out / "exact_match_by_length.csv").open() as file:
        assert sum(int(row["images"]) for row in csv.DictReader(file)) == 12
    for name in ("captions", "looks", "exact_match_by_length"):
        assert (out / "plots" / f"{name}.png").is_file()


def _ink(symbol: str, font: str, size: float) -> np.ndarray:
    drawn = picture(symbol, Style(font, size))
    assert drawn is not None
    rows, columns = (np.flatnonzero((drawn < 255).any(axis=axis)) for axis in (1, 0))
    return 1 - drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / 255


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    """The squared difference where they agree best, as a share of their squares."""
    squares = (one**2).sum(), (other**2).sum()
    same = correlate2d(one, other).max()
    return float((sum(squares) - 2 * same) / np.sqrt(squares[0] * squares[1]))


def _height(formula: str, style: Style) -> int:
    drawn = picture(formula, style)
    assert drawn is not None
    return int(np.ptp(np.flatnonzero((drawn < 128).any(axis=1)))) + 1
