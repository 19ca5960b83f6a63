"""The words inside a roofline's axes: whole, clear of each other, and true of what is unknown."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

import roofprof as rp
from roofprof.reports.plots.levels import draw_levels
from roofprof.reports.plots.panel import RoofSet, draw_roofs
from roofprof.reports.plots.roofline import draw_roofline, left_out_words

DATA = Path(__file__).parents[2] / "data"
SETS = (
    [RoofSet("datasheet", {"tensor_bf16": 989e12}, 3.35e12)],
    [RoofSet("measured", {"tensor_bf16": 795e12}, 3.16e12), RoofSet("datasheet", {"tensor_bf16": 989e12}, 3.35e12)],
)


@pytest.mark.parametrize("roofs", SETS)
@pytest.mark.parametrize(("x", "y"), [((0.2, 1e3), (1e10, 2e15)), ((20, 4e3), (1e13, 2e15)), ((0.01, 40), (1e9, 1e14))])
def test_the_label_of_the_diagonal_lies_in_the_axes(
    roofs: list[RoofSet], x: tuple[float, float], y: tuple[float, float]
) -> None:
    for marks in ((), (x[0] * 1.5,), (x[0] * 2, x[0] * 8)):
        figure = Figure(figsize=(8, 5), dpi=120)
        axes = figure.add_axes((0.1, 0.1, 0.7, 0.8))
        axes.set(xscale="log", yscale="log", xlim=x, ylim=y)
        draw_roofs(axes, roofs, ["tensor_bf16"], marks)
        (label,) = [text for text in axes.findobj(Annotation) if text.get_text().startswith("DRAM")]
        box, frame = label.get_window_extent(), axes.get_window_extent()
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1
        assert frame.y0 <= box.y0 < box.y1


@pytest.mark.parametrize("name", ["kinds/no-nvtx.ncu-rep", "kinds/set-roofline.ncu-rep", "workloads/cupy-graph"])
def test_labels_of_ops_keep_clear_of_the_notes_and_of_each_other(name: str) -> None:
    for axes in draw_roofline(rp.analyze(DATA / name).data).axes:
        boxes = [text.get_window_extent() for text in axes.findobj(Text) if text.get_gid() == "op-label"]
        notes = [text.get_window_extent() for text in axes.texts if "not drawn" in text.get_text()]
        for one, other in [*combinations(boxes, 2), *((box, note) for box in boxes for note in notes)]:
            assert not one.overlaps(other)


def test_notes_at_the_foot_keep_clear_of_each_other(unpacked: Callable[[str], Path]) -> None:
    """Of the layer over four GPUs: three ops have no FLOPs, and six lie below, the all-reduces among them."""
    report = rp.analyze(unpacked("ranks/h200-tp4")).data
    axes = draw_roofline(report).axes[0]
    left, right = (
        next(text for text in axes.texts if words in text.get_text()) for words in ("not drawn: ", "below: all_reduce")
    )
    assert not left.get_window_extent().overlaps(right.get_window_extent())
    labels = [text.get_text() for text in draw_levels(report).axes[0].findobj(Text)]
    assert "below: all_reduce_mlp, all_reduce_attn, topk" in labels
    assert "topk" not in labels


def test_what_is_left_out_is_named_whole_and_unknown_is_not_none() -> None:
    report = rp.analyze(DATA / "workloads" / "cupy-graph").data
    fma, fill = report.ops[0], next(op for op in report.ops if op.op.startswith("cupy_fill"))
    labels = {id(op): op.op for op in report.ops}
    assert left_out_words([fill], labels).startswith("no FLOPs, not drawn: cupy_fill")

    unknown = replace(fma, flop_count=None, nsys_union_ns=None, duration_ns=None)
    labels[id(unknown)] = "a" * 19
    assert left_out_words([unknown], labels) == f"FLOPs unknown, not drawn: {'a' * 19}"  # no time of 0 s
    many = [replace(unknown) for _ in range(5)]
    labels |= {id(op): f"kernel_{number}_of_many" for number, op in enumerate(many)}
    words = left_out_words(many, labels)
    assert words == "FLOPs unknown, not drawn: kernel_0_of_many, kernel_1_of_many and 3 more"
