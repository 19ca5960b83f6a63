"""The memory levels: each of the main ops against DRAM, L2 and L1, under the roof of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roofprof.advice.answer import Answer, answers_of
from roofprof.document.cases import headline_cases
from roofprof.formatting import escaped, format_si, told_apart
from roofprof.hardware.ceilings import Ceilings
from roofprof.hardware.devices import DeviceSpec
from roofprof.reports.plots.figures import new_figure
from roofprof.reports.plots.labels import place_labels
from roofprof.reports.plots.panel import SHALLOWEST, below_words, foot_note, paper
from roofprof.reports.plots.points import Point, measured_points
from roofprof.reports.plots.style import PIPE_STYLES, Theme, themed
from roofprof.results.op import short_labels
from roofprof.results.report import RooflineReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

L1_BYTES_PER_SM_CYCLE = 128
"""NVIDIA Ampere GA102 whitepaper, 'L1 data cache': 128 bytes a clock and SM since Volta, half of it on Turing."""
_TURING = "7.5"
_WIDTH, _HEIGHT = 9.6, 5.4
_LEGEND = (
    "filled: FLOP per DRAM byte; |: per byte between SMs and L2; x: per byte filled into L1 and shared memory; "
    "a level binds where its mark is near its roof"
)


@dataclass(frozen=True, slots=True)
class LevelRoof:
    """The bandwidth of one level."""

    level: str
    bytes_per_s: float
    source: str
    style: str


def level_roofs(spec: DeviceSpec, ceilings: Ceilings | None) -> list[LevelRoof]:
    """DRAM, L2 and L1 of a GPU, as far as they are known."""
    dram = max(ceilings.dram_bytes_per_s.values(), default=None) if ceilings else None
    found = [("DRAM", dram or spec.dram_bytes_per_s, "measured" if dram else "datasheet", "-")]
    l2 = ceilings.l2_read_bytes_per_s if ceilings else None
    found.append(("L2", l2 or spec.l2_bytes_per_s, "measured" if l2 else "datasheet", "--"))
    if spec.sm_count and spec.boost_clock_hz:
        each = L1_BYTES_PER_SM_CYCLE / (2 if spec.compute_capability == _TURING else 1)
        found.append(("L1", each * spec.sm_count * spec.boost_clock_hz, f"{each:g} B x SMs x boost clock", ":"))
    return [LevelRoof(level, rate, source, style) for level, rate, source, style in found if rate]


@themed
def draw_levels(report: RooflineReport) -> "Figure":
    """Draw one panel per case, of the ops with the most headroom; nothing is shown or saved."""
    theme = Theme.chosen()
    answers = answers_of(report)
    wanted = {id(case) for case in headline_cases([answer.case for answer in answers])}
    shown = [answer for answer in answers if id(answer.case) in wanted]
    labels = {id(op): name for op, name in zip(report.ops, short_labels(report.ops, with_case=False), strict=True)}
    height = max(1, len(shown)) * _HEIGHT + 0.3
    figure = new_figure(_WIDTH, height)
    for row, answer in enumerate(shown):
        top = 1 - (row * _HEIGHT + 0.45) / height
        axes = figure.add_axes(
            (0.72 / _WIDTH, top - (_HEIGHT - 1.1) / height, 1 - 1.6 / _WIDTH, (_HEIGHT - 1.1) / height)
        )
        _draw_case(axes, answer, labels)
    figure.text(0.01, 0.06 / height, escaped(f"{_LEGEND}; {report.date}"), fontsize=6.8, color=theme.faint, va="bottom")
    return figure


def _draw_case(axes: "Axes", answer: Answer, labels: dict[int, str]) -> None:
    theme = Theme.chosen()
    spec = answer.case.gpu_spec
    known_peaks = spec.peak_flop_per_s if spec else {}
    points = [point for point in measured_points(answer, labels).drawn if point.named]
    roofs = level_roofs(spec, answer.case.ceilings) if spec else []
    intensities = [i for point in points for _, i, _ in _levels(point)] + [point.intensity for point in points]
    rates = [point.rate for point in points]
    peaks = [known_peaks[p.pipe] for p in points if p.pipe in known_peaks]
    top = max([*peaks, *rates], default=1e12)
    axes.set(xscale="log", yscale="log", xlim=(min([*intensities, 1.0]) / 3, max([*intensities, 10.0]) * 6),
             ylim=(min(max(min(rates, default=1.0) / 3, top / 1e5), top / SHALLOWEST), top * 2))  # fmt: skip
    paper(axes)
    axes.set_xlabel("arithmetic intensity, FLOP per byte of the level", fontsize=8.5)
    _draw_roofs(axes, roofs, sorted(set(peaks)))
    bottom = axes.get_ylim()[0]
    if below := [point for point in points if point.rate < bottom]:
        foot_note(axes, below_words([point.label for point in below], len(below)))
    points = [point for point in points if point.rate >= bottom]
    for point in points:
        _draw_point(axes, point)
    words = told_apart([p.label for p in points], 24)
    drawn = [(p.intensity, p.rate, text, theme.ink) for p, text in zip(points, words, strict=True)]
    obstacles = [(i, p.rate, 7.0) for p in points for _, i, _ in _levels(p)] + [
        (p.intensity, p.rate, 7.0) for p in points
    ]
    place_labels(axes, drawn, obstacles)
    title = f"memory levels: {answer.case.title}, on {answer.case.gpu_words} (measured)"
    axes.set_title(escaped(title), loc="left", fontsize=9, parse_math=False)


def _draw_roofs(axes: "Axes", roofs: Sequence[LevelRoof], peaks: Sequence[float]) -> None:
    theme = Theme.chosen()
    (low, high), top = axes.get_xlim(), axes.get_ylim()[1]
    for roof in roofs:
        end = min((max(peaks) if peaks else top) / roof.bytes_per_s, high)
        label = f"{roof.level} {format_si(roof.bytes_per_s, 'B/s')}, {roof.source}"
        axes.plot([low, end], [low * roof.bytes_per_s, end * roof.bytes_per_s], color=theme.ink, linestyle=roof.style,
                  linewidth=1.2, zorder=1.5, label=label)  # fmt: skip
    for peak in peaks:
        axes.plot([peak / max((r.bytes_per_s for r in roofs), default=peak), high], [peak, peak], color=theme.faint,
                  linewidth=0.9, zorder=1.4)  # fmt: skip
        axes.text(1.008, peak, format_si(peak, "FLOP/s"), transform=axes.get_yaxis_transform(), fontsize=6.8,
                  color=theme.faint, va="center")  # fmt: skip
    if roofs:
        box = axes.legend(loc="lower right", fontsize=7, framealpha=0.9, facecolor=theme.paper, edgecolor=theme.grid)
        for text in box.get_texts():
            text.set_color(theme.ink)


def _levels(point: Point) -> list[tuple[str, float, str]]:
    """Name, intensity and mark of the levels that were counted."""
    found = (("L2", point.op.arithmetic_intensity_l2, "|"), ("L1 fill", point.op.arithmetic_intensity_l1_fill, "x"))
    return [(name, intensity, mark) for name, intensity, mark in found if intensity]


def _draw_point(axes: "Axes", point: Point) -> None:
    theme = Theme.chosen()
    color = theme.pipe(point.pipe)
    reach = [point.intensity, *(intensity for _, intensity, _ in _levels(point))]
    axes.plot([min(reach), max(reach)], [point.rate, point.rate], color=color, linewidth=0.8, linestyle=":", zorder=2)
    for _, intensity, mark in _levels(point):
        axes.plot([intensity], [point.rate], marker=mark, color=color, markersize=8, linestyle="", zorder=3)
    axes.plot([point.intensity], [point.rate], marker=PIPE_STYLES[point.pipe].marker, color=color, markersize=6,
              markeredgecolor=theme.paper, linestyle="", zorder=4)  # fmt: skip
