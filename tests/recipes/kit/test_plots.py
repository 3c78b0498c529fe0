"""What all pictures share: how they look, and text that is awkward to draw."""

from __future__ import annotations

import pytest
from matplotlib import rcParams
from matplotlib.figure import Figure
from pictures import bars_of, least_contrast, overlapping_labels, unseen_points

from recipes.kit import plots
from recipes.kit.colours import contrast


def test_dollars_are_not_mathematics(tmp_path):
    plots.confusion(["$_$", "O"], ["O", "O"], tmp_path / "b.png")
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")


def test_axes_of_a_dressed_picture_are_labelled_without_mathematics(tmp_path, figures):

    @plots.dressed
    def draw(path):
        figure = Figure()
        axes = figure.subplots()
        axes.loglog([1e-7, 3e-3], [0.15, 0.7], label="$_$")
        axes.legend()
        axes.set(xlabel=r"$\foo$")
        plots.save(figure, path)

    before = dict(rcParams)
    draw(tmp_path / "a.png")
    assert dict(rcParams) == before
    (axes,) = figures[0].axes
    labels = [
        label.get_text()
        for axis in (axes.xaxis, axes.yaxis)
        for label in axis.get_ticklabels(which="both")
    ]
    assert {"10⁻⁷", "10⁻³", "2 × 10⁻¹", "6 × 10⁻¹"} <= {*labels}
    assert not any("$" in label for label in labels)
    assert [axes.spines[side].get_visible() for side in ("left", "right")] == [True, False]
    assert not axes.get_legend().get_frame_on()


def history(epochs):
    return [
        {
            "epoch": epoch + 1,
            "loss": 2 / (epoch + 1),
            "val_loss": 3 / (epoch + 1),
            "val_f1": 0.5,
            "gradient_norm": 10.0**-epoch,
            "gradient_norm_max": 10.0 ** (2 - epoch),
            "clipped_fraction": 0.5,
        }
        for epoch in range(epochs)
    ]


def test_a_single_epoch_is_a_visible_point(tmp_path, figures):
    plots.curves(history(1), "val_f1", tmp_path / "a.png")
    (figure,) = figures
    assert [unseen_points(axes) for axes in figure.axes] == [[]] * 4
    for axes in figure.axes[:3]:
        low, high = axes.get_xlim()
        assert [place for place in axes.get_xticks() if low <= place <= high] == [1]
    assert not overlapping_labels(figure)


@pytest.mark.parametrize("epochs", [2, 9])
def test_labels_of_curves_do_not_overlap(epochs, tmp_path, figures):
    plots.curves(history(epochs), "val_f1", tmp_path / "a.png")
    assert not overlapping_labels(figures[0]) and least_contrast(figures[0]) >= 4.5


def cells_of(figure):
    axes = figure.axes[0]
    (image,) = axes.images
    return {
        (round(text.get_position()[1]), round(text.get_position()[0])): (
            text.get_text(),
            contrast(text.get_color(), image.to_rgba(image.get_array())[place(text)]),
        )
        for text in axes.texts
    }


def place(text):
    column, row = text.get_position()
    return round(row), round(column)


@pytest.mark.parametrize("in_counts", [False, True])
def test_a_confusion_has_a_scale_with_its_unit(in_counts, tmp_path, figures):
    truth, predicted = ["a"] * 2000 + ["b"] * 3, ["a"] * 1995 + ["b"] * 8
    plots.confusion(truth, predicted, tmp_path / "a.png", what="letter", in_counts=in_counts)
    (figure,) = figures
    assert bars_of(figure) == ["count" if in_counts else "% of the true letter"]
    cells = cells_of(figure)
    words = ["1,995", "5", "3"] if in_counts else ["100", "<1", "100"]
    assert [cells[where][0] for where in ((0, 0), (0, 1), (1, 1))] == words and len(cells) == 3
    assert min(ratio for _, ratio in cells.values()) >= 4.5
    assert not overlapping_labels(figure)


def stars(figure):
    return [sum(line.get_marker() == "*" for line in axes.lines) for axes in figure.axes]


@pytest.mark.parametrize("values", [[0.5, 0.5, 0.5], [0.5], [0.5, 0.7, 0.5]])
def test_no_star_where_all_trials_tie(values, tmp_path, figures):
    rows = [
        {"objective": v, "depth": 1 + i, "global_clipnorm": None if i else 1.0, "ridge": 1e-8**i}
        for i, v in enumerate(values)
    ]
    plots.trials(rows, "f1", "max", tmp_path / "a.png")
    plots.trials_by({"ridge": "log", "depth": "linear"}, rows, "f1", "max", tmp_path / "b.png")
    best = int(len({*values}) > 1)
    assert [stars(figure) for figure in figures] == [[best, best], [best, best]]
    assert not any(map(overlapping_labels, figures))


def test_by_length(tmp_path, figures):
    series = {
        "attention": ([1, 6, 11, 21], [40.0, 35.5, float("nan")], [120, 30, 0]),
        "none $_$": ([1, 6, 11, 21], [38.0, 20.0, float("nan")], [120, 30, 0]),
    }
    for name, lines in (("two", series), ("one", {"attention": ([1, 2], [3.0], [1])})):
        plots.by_length(
            lines, tmp_path / f"{name}.png", score="BLEU", length="pieces", counted="sentences"
        )
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    for figure in figures:
        assert least_contrast(figure) >= 4.5 and not overlapping_labels(figure)
