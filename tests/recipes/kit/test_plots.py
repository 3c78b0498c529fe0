"""What all pictures share: how they look, and text that is awkward to draw."""

from __future__ import annotations

from matplotlib import rcParams
from matplotlib.figure import Figure

from recipes.kit import plots


def test_dollars_are_not_mathematics(tmp_path):
    plots.confusion(["$_$", "O"], ["O", "O"], tmp_path / "b.png")
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")


def test_axes_of_a_dressed_picture_are_labelled_without_mathematics(tmp_path):
    figures = []

    @plots.dressed
    def draw(path):
        figure = Figure()
        axes = figure.subplots()
        axes.loglog([1e-7, 3e-3], [0.15, 0.7], label="$_$")
        axes.legend()
        axes.set(xlabel=r"$\foo$")
        plots.save(figure, path)
        figures.append(figure)

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
