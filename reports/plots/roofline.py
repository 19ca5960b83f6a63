"""The roofline picture: per case one panel for the profiled GPU and one for the target."""

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from roofprof.advice.answer import Answer, answers_of, least_time
from roofprof.document.cases import counted, headline_cases
from roofprof.formatting import escaped, format_percent, format_si, printable
from roofprof.reports.plots.figures import new_figure
from roofprof.reports.plots.panel import RoofSet, draw_panel, roof_sets
from roofprof.reports.plots.points import NAMED, Points, measured_points, projected_points
from roofprof.reports.plots.style import Theme, themed
from roofprof.results.op import OpResult, kernel_words, short_labels
from roofprof.results.report import RooflineReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ALWAYS_HERE = ("tensor_bf16",)
_OLDER = ("tensor_fp16", "fp32")
_ALWAYS_THERE = ("tensor_fp4", "tensor_fp8", "tensor_bf16")
_PANEL_WIDTH, _PANEL_HEIGHT = 8.0, 5.2
_NAMED_LEFT_OUT, _LEFT_OUT_WIDTH = 3, 60
"""Ops and letters of what has no place."""
_MARGIN = 1.75
"""Inches to the right of the axes, for the roofs' labels."""
_EDGE = {1: 0.7, 2: 0.3}
"""Inches beyond the last panel, by columns: the labels of the profiled GPU, which say whose a roof is, are longest."""
_LEGEND = (
    f"colour and mark: the pipe with most FLOPs; names: the {NAMED} ops with the most headroom; grey: the others; "
    "area: share of the layer's time; hollow: the formula's FLOPs in the same time, arrow to what was executed; "
    "bar: AI if all stores reached DRAM"
)
_PROJECTED = "right: the formula's FLOPs and the measured bytes under the target's roofs, hollow what was executed"


@themed
def draw_roofline(report: RooflineReport) -> "Figure":
    """Draw a report: a row of panels per case, in the chosen theme; nothing is shown or saved.

    Of more than four cases the headline ones are drawn, and the picture says so.
    """
    theme = Theme.chosen()
    answers = answers_of(report)
    shown = _headline(answers)
    labels = {id(op): name for op, name in zip(report.ops, short_labels(report.ops, with_case=False), strict=True)}
    columns, rows = (2 if report.projected else 1), max(1, len(shown))
    foot = _foot(report, answers, shown, columns)
    width, height = columns * _PANEL_WIDTH + _EDGE[columns], rows * _PANEL_HEIGHT + 0.2 + 0.16 * len(foot)
    figure = new_figure(width, height)
    for row, answer in enumerate(shown):
        _draw_case(figure, answer, labels, (row, rows, columns, height))
    if not shown:
        figure.text(0.02, 0.9, "no op to draw")
    for number, line in enumerate(foot):
        figure.text(0.01, (0.06 + 0.15 * (len(foot) - 1 - number)) / height, line, fontsize=6.8, color=theme.faint,
                    va="bottom", parse_math=False)  # fmt: skip
    return figure


def _headline(answers: Sequence[Answer]) -> list[Answer]:
    wanted = {id(case) for case in headline_cases([answer.case for answer in answers])}
    return [answer for answer in answers if id(answer.case) in wanted]


def _draw_case(figure: "Figure", answer: Answer, labels: dict[int, str], place: tuple[int, int, int, float]) -> None:
    row, _, columns, height = place
    source = answer.case.source
    top = 1 - (row * _PANEL_HEIGHT + 0.55) / height
    box = (0.72, top - (_PANEL_HEIGHT - 1.15) / height, _PANEL_WIDTH - 0.72 - _MARGIN, (_PANEL_HEIGHT - 1.15) / height)
    width = columns * _PANEL_WIDTH + _EDGE[columns]
    here = measured_points(answer, labels)
    panels: list[tuple[str, Points, list[RoofSet], tuple[str, ...]]] = [
        (_title_here(answer), here, roof_sets(answer.case.gpu_spec, answer.case.ceilings), _ALWAYS_HERE)
    ]
    if columns > 1:
        there = RoofSet(source.target.name, dict(source.target.peak_flop_per_s), source.target.dram_bytes_per_s)
        panels.append((_title_there(answer), projected_points(answer, labels), [there], _ALWAYS_THERE))
    for column, (title, points, roofs, always) in enumerate(panels):
        left = (column * _PANEL_WIDTH + box[0]) / width
        axes = figure.add_axes((left, box[1], box[2] / width, box[3]))
        left_out = left_out_words(points.left_out, labels) if column == 0 and points.left_out else ""
        draw_panel(axes, points, roofs, _known(always, roofs), left_out)
        axes.set_title("\n".join(map(escaped, title.split("\n"))), loc="left", fontsize=9, parse_math=False)


def _known(always: Sequence[str], roofs: Sequence[RoofSet]) -> list[str]:
    """The pipes that are drawn whatever ran, as far as the GPU has them; of one that has none, FP16 and FP32."""
    found = [[pipe for pipe in pipes if any(pipe in r.peaks for r in roofs)] for pipes in (always, _OLDER)]
    return found[0] or found[1]


def _title_here(answer: Answer) -> str:
    case, source = answer.case, answer.case.source
    recipe = next((entry["capture"].get("recipe") for entry in source.reports if entry.get("capture")), None)
    layer = f"DeepSeek-R1 {case.phase} layer" if recipe and case.phase else case.phase or case.report
    cache = None if case.cache and layer == case.report and case.cache in layer else case.cache
    length = case.seq_len and f"{'KV' if case.phase == 'decode' else 'length'} {case.seq_len}"
    parts = [layer, recipe, case.batch and f"batch {case.batch}", length, cache, case.told_apart_by]
    words = ", ".join(str(part) for part in parts if part)
    reach = f", {format_percent(answer.reachable)} reachable" if answer.reachable is not None else ""
    time = f"{format_si(answer.time_ns / 1e9, 's')}{reach}" if answer.time_ns else "time unknown"
    return f"{words}, on {case.gpu_words} (measured)\n{time}"


def _title_there(answer: Answer) -> str:
    least = least_time(answer.case).value
    time = f"at least {format_si(least / 1e9, 's')}" if least is not None else "least time unknown"
    return f"the same ops on {answer.case.source.target.name} (extrapolated)\n{time}"


def left_out_words(ops: Sequence[OpResult], labels: dict[int, str]) -> str:
    """Why ops have no place on log axes, and which they are: those with most time, as many as have room."""
    longest = sorted(ops, key=lambda op: -(counted(op, op.time_ns) or 0.0))
    text = f"{' or '.join(dict.fromkeys(map(_lacking, longest)))}, not drawn: "
    names: list[str] = []
    for op in longest[:_NAMED_LEFT_OUT]:
        time = "" if op.time_ns is None else f" {format_si((counted(op, op.time_ns) or 0.0) / 1e9, 's')}"
        name = printable(labels[id(op)], 20) + time
        if names and len(text) + len(", ".join([*names, name])) > _LEFT_OUT_WIDTH:
            break
        names.append(name)
    more = f" and {len(longest) - len(names)} more" if len(longest) > len(names) else ""
    return f"{text}{', '.join(names)}{more}"


def _lacking(op: OpResult) -> str:
    if op.flop_count is None:
        return "FLOPs unknown"
    return "bytes or time unknown" if op.flop_count else "no FLOPs"


def _foot(report: RooflineReport, answers: Sequence[Answer], shown: Sequence[Answer], columns: int) -> list[str]:
    lines = [_LEGEND + (f"; {_PROJECTED}" if columns > 1 else "")]
    if len(shown) < len(answers):
        lines.append(f"{len(shown)} of {len(answers)} cases are drawn")
    if words := kernel_words(report.ops):
        lines.append(words)
    if not report.gpu.peak_flop_per_s or not report.gpu.dram_bytes_per_s:
        what = "compute peaks" if report.gpu.dram_bytes_per_s else "DRAM bandwidth"
        lines.append(f"{what} of {report.gpu.name}: unknown, so no such roof is drawn")
    lines.append(f"{report.date}; {report.notes[0]}" if report.notes else report.date)
    return [row for line in lines for row in wrap(printable(line, 460), 105 * columns)]
