"""One panel of a roofline picture: the axes, the roofs with their labels, the marks of the ops."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roofprof.formatting import format_si, printable, quantity, told_apart
from roofprof.hardware.ceilings import Ceilings
from roofprof.hardware.devices import DeviceSpec
from roofprof.reports.plots.labels import Obstacle, place_labels
from roofprof.reports.plots.points import Point, Points
from roofprof.reports.plots.style import PIPE_STYLES, Theme, pipe_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VISIBLE_SHARE = 0.002
"""Ops with less of the layer's time do not stretch the axes: they are drawn at the edge, and counted."""
DEEPEST = 3e4
"""From the highest roof down to the lower edge: what lies deeper would press all else together."""
SHALLOWEST = 30.0
"""Likewise at least: within one decade matplotlib labels every step."""
INTERVAL_FROM = 1.10
"""An op whose AI lies this factor over its lower bound is drawn with the interval between them."""
_LABEL_WIDTH = 26
_FOOT_WIDTH = 92
"""Letters of both notes at the foot: what has no place on log axes at the left, what lies below at the right."""
_LINE = 0.026
"""Of the axes' height: a line of the roofs' labels."""
_DIAGONAL_FONT = 7.0
_NEAR_LABEL = 1.35
"""Marks that lie within this factor of the ends of the diagonal's label are in its way."""
_LABEL_STEPS = 12
"""Parts into which the diagonal's label is taken as an obstacle."""
_SMALLEST, _AREA = 14.0, 1500.0
"""Points squared: of a mark without time, and what a share of 1 adds."""


@dataclass(frozen=True, slots=True)
class RoofSet:
    """Roofs that are drawn in one style."""

    name: str
    """`measured`, `datasheet`, or the target's name."""
    peaks: dict[str, float]
    dram_bytes_per_s: float | None


def roof_sets(spec: DeviceSpec | None, ceilings: Ceilings | None) -> list[RoofSet]:
    """The best known first: what was measured, then the datasheet's; without a line where the GPU is not known."""
    sheet = RoofSet("datasheet", dict(spec.peak_flop_per_s if spec else {}), spec.dram_bytes_per_s if spec else None)
    if ceilings is None:
        return [sheet]
    peaks = {pipe: peak.burst for pipe, peak in ceilings.peak_flop_per_s.items()}
    return [RoofSet("measured", peaks, max(ceilings.dram_bytes_per_s.values(), default=None)), sheet]


def draw_panel(
    axes: "Axes", points: Points, roofs: Sequence[RoofSet], always: Sequence[str], left_out: str = ""
) -> None:
    """Draw one panel.

    Args:
        axes: empty ones.
        points: the ops.
        roofs: the best known first: it is drawn solid, the others dashed.
        always: pipes whose roof is drawn though no op uses it.
        left_out: which ops have no place in the axes, in words.
    """
    used = {point.pipe for point in points.drawn if point.named or (point.share or 0) >= VISIBLE_SHARE}
    pipes = [pipe for pipe in PIPE_STYLES if (pipe in used or pipe in always) and any(pipe in r.peaks for r in roofs)]
    _limits(points, roofs, pipes).apply(axes)
    paper(axes)
    bandwidth = max((roof.dram_bytes_per_s or 0.0 for roof in roofs), default=0.0)
    near = [p.intensity for p in points.drawn if p.rate > 0.2 * bandwidth * p.intensity]
    label = draw_roofs(axes, roofs, pipes, near)
    if below := _draw_marks(axes, points, label):
        names = [point.label for point in below if point.named]
        foot_note(axes, below_words(names, len(below), _FOOT_WIDTH - len(left_out)), right=True)
    if left_out:
        foot_note(axes, left_out)


def foot_note(axes: "Axes", text: str, *, right: bool = False) -> None:
    """A line in the axes' lower left or right corner, legible over what is drawn there."""
    theme = Theme.chosen()
    box = {"boxstyle": "square,pad=0.1", "facecolor": theme.paper, "edgecolor": "none", "alpha": 0.85}
    axes.text(0.99 if right else 0.01, 0.012, text, transform=axes.transAxes, ha="right" if right else "left",
              va="bottom", fontsize=7, color=theme.faint, bbox=box, zorder=2.8, parse_math=False)  # fmt: skip


def below_words(labels: Sequence[str], count: int, room: int = _FOOT_WIDTH) -> str:
    """Which ops lie below the axes: the named ones, as many as have room, and the number of the others."""
    names = [printable(label, 20) for label in labels]
    while names and len(_counted_rest(names, count)) > room:
        names.pop()
    return f"below: {_counted_rest(names, count)}"


def _counted_rest(names: Sequence[str], count: int) -> str:
    rest = count - len(names)
    more = f"{rest} more" if names else quantity(rest, "op")
    return ", ".join([*names, *([more] if rest else [])])


@dataclass(frozen=True, slots=True)
class Limits:
    """Of both axes."""

    x: tuple[float, float]
    y: tuple[float, float]

    @classmethod
    def of(
        cls, intensities: Sequence[float], rates: Sequence[float], roofs: Sequence[RoofSet], pipes: Sequence[str]
    ) -> "Limits":
        """Wide enough for the marks and the ridges, and not so deep that all else is pressed together."""
        peaks = [roof.peaks[pipe] for roof in roofs for pipe in pipes if pipe in roof.peaks]
        ridges = [
            roof.peaks[pipe] / roof.dram_bytes_per_s
            for roof in roofs
            for pipe in pipes
            if roof.dram_bytes_per_s and pipe in roof.peaks
        ]
        top = max([*peaks, *rates], default=1e12)
        low, high = min([*intensities, 1.0]) / 2, max([*intensities, *ridges, 10.0]) * 4
        bottom = min(max(min(rates, default=top / 1e3) / 4, top / DEEPEST), top / SHALLOWEST)
        return cls((max(low, high / 1e6), high), (bottom, top * 2.2))

    def apply(self, axes: "Axes") -> None:
        """Log axes with these limits."""
        axes.set(xscale="log", yscale="log", xlim=self.x, ylim=self.y)


def _limits(points: Points, roofs: Sequence[RoofSet], pipes: Sequence[str]) -> Limits:
    main = [p for p in points.drawn if p.named or (p.share or 0) >= VISIBLE_SHARE] or list(points.drawn)
    others = [p.other for p in main if p.named and p.other]
    intensities = [p.intensity for p in main] + [x for x, _ in others]
    return Limits.of(intensities, [p.rate for p in main] + [y for _, y in others], roofs, pipes)


def draw_roofs(
    axes: "Axes", roofs: Sequence[RoofSet], pipes: Sequence[str], intensities: Sequence[float]
) -> list[Obstacle]:
    """The roofs with their labels: the first set solid, the others dashed.

    Args:
        axes: with their limits set.
        roofs: the best known first.
        pipes: whose peaks are drawn.
        intensities: of the marks near the diagonal, which its label keeps away from.

    Returns:
        What the diagonal's label takes, for other labels to keep away from.
    """
    for number, roof in enumerate(roofs):
        _draw_roofs(axes, roof, pipes, solid=number == 0)
    return _label_roofs(axes, roofs, pipes, intensities)


def paper(axes: "Axes") -> None:
    """Grid, edges and the words of both axes."""
    axes.grid(which="major", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    for spine in axes.spines.values():
        spine.set_color(Theme.chosen().faint)
    axes.set_xlabel("arithmetic intensity, FLOP per DRAM byte", fontsize=8.5)
    axes.set_ylabel("FLOP/s", fontsize=8.5)


def _draw_roofs(axes: "Axes", roof: RoofSet, pipes: Sequence[str], solid: bool) -> None:
    theme = Theme.chosen()
    low, high = axes.get_xlim()
    width, style, alpha = (1.5, "-", 1.0) if solid else (0.9, "--", 0.75)
    peaks = {pipe: roof.peaks[pipe] for pipe in pipes if pipe in roof.peaks}
    bandwidth = roof.dram_bytes_per_s
    if bandwidth:
        end = max(peaks.values()) / bandwidth if peaks else high
        axes.plot([low, end], [low * bandwidth, end * bandwidth], color=theme.ink, linestyle=style, linewidth=width,
                  alpha=alpha, zorder=1.5, gid=f"roof-dram-{roof.name}")  # fmt: skip
    for pipe, peak in peaks.items():
        color = theme.pipe(pipe)
        start = peak / bandwidth if bandwidth else low
        axes.plot([start, high], [peak, peak], color=color, linestyle=style, linewidth=width, alpha=alpha, zorder=1.5,
                  gid=f"roof-{pipe}-{roof.name}")  # fmt: skip


def _label_roofs(
    axes: "Axes", roofs: Sequence[RoofSet], pipes: Sequence[str], intensities: Sequence[float]
) -> list[Obstacle]:
    """The peaks beside the axes, each at its height; the bandwidth along its diagonal."""
    theme = Theme.chosen()
    wanted = [
        (peak, f"{pipe_label(pipe)} {format_si(peak, 'FLOP/s')}" + (f" {roof.name}" if len(roofs) > 1 else ""), pipe)
        for roof in roofs
        for pipe in pipes
        if (peak := roof.peaks.get(pipe))
    ]
    (bottom, top), last = axes.get_ylim(), -1.0
    for peak, text, pipe in sorted(wanted):
        height = math.log(peak / bottom) / math.log(top / bottom)
        last = max(height, last + _LINE)
        axes.text(1.008, last, text, transform=axes.transAxes, color=theme.pipe(pipe), fontsize=6.8,
                  ha="left", va="center")  # fmt: skip
    bandwidths = [(roof.name, roof.dram_bytes_per_s) for roof in roofs if roof.dram_bytes_per_s]
    return _label_diagonal(axes, bandwidths, [p for p, _, _ in wanted], intensities) if bandwidths else []


def _label_diagonal(
    axes: "Axes",
    bandwidths: Sequence[tuple[str, float]],
    peaks: Sequence[float],
    intensities: Sequence[float],
) -> list[Obstacle]:
    """Where the fewest marks stand, and as a whole beside the diagonal: a label is cut by nothing at the axes' edge."""
    theme = Theme.chosen()
    (low, high), bottom, bandwidth = axes.get_xlim(), axes.get_ylim()[0], max(b for _, b in bandwidths)
    start, end = max(low, bottom / bandwidth), (max(peaks) / bandwidth if peaks else high)
    label = axes.annotate(
        f"DRAM {_figures(bandwidths, 'B/s', len(bandwidths))}", (start, start * bandwidth), xytext=(-3, 4),
        textcoords="offset points", fontsize=_DIAGONAL_FONT, color=theme.ink, rotation_mode="anchor", ha="center",
        va="bottom", zorder=3,
    )  # fmt: skip
    ends = axes.transData.transform([(x, x * bandwidth) for x in (start, end)])
    size, length, slope = label.get_window_extent(), math.dist(*ends), _angle(axes, bandwidth)
    half = 0.5 * size.width / length
    # Turned, the upper corner of its beginning lies to the left of the diagonal by as much.
    before = (size.height * math.sin(math.radians(slope)) + 6) / (length * math.cos(math.radians(slope)))

    def at(place: float) -> float:
        return float(start * (end / start) ** place)

    def crowd(place: float) -> int:
        lower, upper = at(place - half) / _NEAR_LABEL, at(place + half) * _NEAR_LABEL
        return sum(lower < intensity < upper for intensity in intensities)

    first, last = half + before, 1 - half
    place = min((max(min(place, last), first) for place in (0.2, 0.35, 0.5, 0.65)), key=crowd)
    label.xy = (at(place), at(place) * bandwidth)
    label.set_rotation(slope)
    shares = [place + half * (2 * step / _LABEL_STEPS - 1) for step in range(_LABEL_STEPS + 1)]
    return [(x, 1.15 * x * bandwidth, 2 * _DIAGONAL_FONT) for x in map(at, shares)]


def _figures(known: Sequence[tuple[str, float]], unit: str, sets: int) -> str:
    """`1.45 PFLOP/s measured, 1.98 PFLOP/s datasheet`; of one set the figure alone."""
    return ", ".join(format_si(value, unit) + (f" {name}" if sets > 1 else "") for name, value in known)


def _angle(axes: "Axes", bandwidth: float) -> float:
    """Of a diagonal on the screen, in degrees."""
    low = axes.get_xlim()[0]
    (x0, y0), (x1, y1) = axes.transData.transform([(low, low * bandwidth), (low * 10, low * 10 * bandwidth)])
    return math.degrees(math.atan2(y1 - y0, x1 - x0))


def _draw_marks(axes: "Axes", points: Points, taken: Sequence[Obstacle]) -> list[Point]:
    """Draw the ops that lie in the axes, their labels clear of what is taken; returns those below."""
    theme = Theme.chosen()
    bottom = axes.get_ylim()[0]
    low, high = axes.get_xlim()
    quiet = [p for p in points.drawn if not p.named]
    seen = [p for p in quiet if p.rate >= bottom and low <= p.intensity <= high]
    axes.scatter([p.intensity for p in seen], [p.rate for p in seen], s=[_area(p) for p in seen], color=theme.faint,
                 alpha=0.55, linewidths=0, zorder=2.5, gid="quiet")  # fmt: skip
    named = [p for p in points.drawn if p.named and p.rate >= bottom]
    for point in named:
        _draw_named(axes, point)
    words = told_apart([p.label for p in named], _LABEL_WIDTH)
    labels = [(p.intensity, p.rate, text, theme.ink) for p, text in zip(named, words, strict=True)]
    obstacles = [(p.intensity, p.rate, _area(p) ** 0.5) for p in named]
    obstacles += [*((*p.other, 4.0) for p in named if p.other), *taken, *_foot(axes)]
    place_labels(axes, labels, obstacles)
    return [p for p in points.drawn if p.rate < bottom]


def _foot(axes: "Axes") -> list[Obstacle]:
    """The line of the notes in the lower corners, as obstacles for labels."""
    places = axes.transData.inverted().transform(axes.transAxes.transform([(i / 40, 0.03) for i in range(41)]))
    return [(float(x), float(y), 11.0) for x, y in places]


def _draw_named(axes: "Axes", point: Point) -> None:
    """The op's mark, the other point joined to it by an arrow, and the interval of its AI."""
    theme = Theme.chosen()
    color, marker = theme.pipe(point.pipe), PIPE_STYLES[point.pipe].marker
    axes.scatter([point.intensity], [point.rate], s=_area(point), color=color, marker=marker, edgecolors=theme.paper,
                 linewidths=0.6, zorder=4, gid="named")  # fmt: skip
    if point.other and point.other != (point.intensity, point.rate):
        if point.intensity == point.op.arithmetic_intensity:
            axes.annotate("", (point.intensity, point.rate), xytext=point.other, zorder=3,
                          arrowprops={"arrowstyle": "->", "color": color, "alpha": 0.55, "linewidth": 0.8})  # fmt: skip
        axes.scatter([point.other[0]], [point.other[1]], s=18, facecolors=theme.paper, edgecolors=color, linewidths=0.9,
                     zorder=3.5, gid="other")  # fmt: skip
    lower = point.op.arithmetic_intensity_lower
    if lower and point.intensity == point.op.arithmetic_intensity and point.intensity / lower > INTERVAL_FROM:
        axes.plot([lower, point.intensity], [point.rate, point.rate], color=color, linewidth=2.4, alpha=0.35,
                  solid_capstyle="butt", zorder=2)  # fmt: skip


def _area(point: Point) -> float:
    """Points squared: grows with the share of the layer's time."""
    return _SMALLEST + _AREA * (point.share or 0.0)
