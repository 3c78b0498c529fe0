"""Pictures of attention over words: on a scale that does not depend on the largest weight."""

from __future__ import annotations

from pathlib import Path

from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from pictures import bars_of, least_contrast

from recipes.sentiment.plots import attention


def backgrounds(figure: Figure) -> dict[str, str]:
    boxes = {text.get_text(): text.get_bbox_patch() for text in figure.axes[0].texts}
    return {word: to_hex(box.get_facecolor()) for word, box in boxes.items() if box is not None}


def test_near_even_weights_are_white(tmp_path: Path, figures: list[Figure]) -> None:
    even = [("all", 0.26), ("words", 0.25), ("are", 0.25), ("alike", 0.24)]
    strong = [("one", 0.91), *((f"word{index}", 0.01) for index in range(9))]
    attention([(even, "pos (pos)"), (strong, "neg (pos)")], "predicted", tmp_path / "a.png")
    colours = backgrounds(figures[0])
    assert colours["word3"] == "#ffffff"
    even_parts = [int(colours[word][1:3], 16) for word, _ in even]
    assert min(even_parts) > 245 and colours["one"] == "#0072b2"
    (label,) = bars_of(figures[0])
    assert label.startswith("weight in multiples of an even share")
    assert least_contrast(figures[0]) >= 4.5
