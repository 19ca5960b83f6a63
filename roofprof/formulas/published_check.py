"""Published figures beside our roof: the formula's work at the GPU's sheet is the least time that can be.

A figure above the roof puts the formula, the sheet or the figure in doubt, and has a reason beside it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from roofprof.formatting import format_si
from roofprof.formulas.published import PublishedFigure
from roofprof.formulas.published_work import PRECISIONS, NoWork, published_work
from roofprof.formulas.work import Work
from roofprof.hardware.devices import DeviceSpec, bundled_gpus, recognise_gpu
from roofprof.hardware.roofline import Roofs, place

ON_ROOF = 1.005
"""What prints as 100 % is on the roof: published figures and sheets have three or four digits."""
_ALIASES = {"rtx pro 6000 se": "rtx-pro-6000-server"}


@dataclass(frozen=True, slots=True)
class CheckedFigure:
    """A published figure and what the formulas say of it. None: not to be computed, `reason` says why."""

    published: PublishedFigure
    gpu: str | None
    """The sheet that it is held against."""
    notes: tuple[str, ...]
    formula: str | None = None
    flop_count: float | None = None
    dram_bytes: float | None = None
    link_bytes: float | None = None
    published_time_s: float | None = None
    """As published, or the formula's work at the published rate."""
    least_time_s: float | None = None
    bound: str | None = None
    """memory, compute or link."""
    of_roof: float | None = None
    reason: str | None = None
    source: str = "formula"


def check_published(figures: Sequence[PublishedFigure]) -> list[CheckedFigure]:
    """Each figure against its GPU's roof: those above it first, then the farthest below, then what has no roof."""
    checked = [_check(figure) for figure in figures]
    return sorted(checked, key=_rank)


def above_roof(row: CheckedFigure) -> bool:
    """Whether a figure is faster than our roof allows."""
    return row.of_roof is not None and row.of_roof > ON_ROOF


def _rank(row: CheckedFigure) -> tuple[int, float]:
    if row.of_roof is None:
        return 2, 0.0
    return (0, -row.of_roof) if above_roof(row) else (1, row.of_roof)


def gpu_of(text: str) -> DeviceSpec | None:
    """The sheet of a GPU by its published name: `B200@1.5GHz`, `GB200 NVL72`, `RTX 5090`; None for another."""
    name = re.sub(r"@.*|\(.*\)", "", text).strip()
    slug = _ALIASES.get(name.lower(), name.lower().replace(" ", "-"))
    return recognise_gpu(name) or bundled_gpus().get(slug)


def _check(figure: PublishedFigure) -> CheckedFigure:
    gpu = gpu_of(figure.gpu)
    nothing = CheckedFigure(figure, gpu.name if gpu else None, tuple(_stated(figure, gpu)))
    if gpu is None:
        return replace(nothing, reason=f"no sheet of {figure.gpu!r}: the model is not known")
    roofs = _roofs(figure, gpu)
    try:
        work, formula = published_work(figure)
    except NoWork as why:
        return _by_rate(nothing, figure, roofs, gpu, str(why))
    least, bound = _least_time(work, roofs, gpu)
    time = _published_time(figure, work)
    done = replace(
        nothing, formula=formula, flop_count=work.flop_count, dram_bytes=work.dram_bytes,
        link_bytes=work.link_bytes or None, published_time_s=time, least_time_s=least, bound=bound,
    )  # fmt: skip
    if least is None or time is None:
        return replace(done, reason=f"no peak of {work.pipe} in the sheet" if time else f"no {figure.unit} of this op")
    done = replace(done, of_roof=least / time)
    return replace(done, notes=(*done.notes, *_why_above(done, gpu)))


def _roofs(figure: PublishedFigure, gpu: DeviceSpec) -> Roofs:
    """The sheet's roofs, its peaks at the clock of the figure where that is stated."""
    clock = figure.clock_hz
    scales = {p: clock / sheet if clock and (sheet := gpu.clock_of(p)) else 1.0 for p in gpu.peak_flop_per_s}
    return replace(Roofs.of(gpu), peak_flop_per_s={p: v * scales[p] for p, v in gpu.peak_flop_per_s.items()})


def _least_time(work: Work, roofs: Roofs, gpu: DeviceSpec) -> tuple[float | None, str | None]:
    placed = place({work.pipe: work.flop_count}, work.dram_bytes, roofs)
    link = work.link_bytes / gpu.nvlink_bytes_per_s if work.link_bytes and gpu.nvlink_bytes_per_s else 0.0
    if placed.bound_time_s is None or link <= placed.bound_time_s:
        return placed.bound_time_s, placed.bound and str(placed.bound)
    return link, "link"


def _published_time(figure: PublishedFigure, work: Work) -> float | None:
    if figure.seconds:
        return figure.seconds
    if figure.flop_per_s and work.flop_count:
        return work.flop_count / figure.flop_per_s
    return work.dram_bytes / figure.bytes_per_s if figure.bytes_per_s and work.dram_bytes else None


def _by_rate(nothing: CheckedFigure, figure: PublishedFigure, roofs: Roofs, gpu: DeviceSpec, why: str) -> CheckedFigure:
    """A rate without work to hold it against has a roof all the same: its pipe's peak, DRAM's or the link's."""
    pipe = f"tensor_{PRECISIONS.get(figure.dtype, '').removeprefix('mx')}"
    kinds = (
        (figure.flop_per_s, roofs.peak_flop_per_s.get(pipe), "compute"),
        (figure.bytes_per_s, roofs.dram_bytes_per_s, "memory"),
        (figure.link_bytes_per_s, gpu.nvlink_bytes_per_s, "link"),
    )
    for rate, roof, bound in kinds:
        if rate and roof:
            unit = "FLOP/s" if bound == "compute" else "B/s"
            note = f"{why}: of the {bound} roof alone, {format_si(roof, unit)}"
            row = replace(nothing, bound=bound, of_roof=rate / roof, notes=(note, *nothing.notes))
            return replace(row, notes=(*row.notes, *_why_above(row, gpu)))
    return replace(nothing, reason=why)


def _stated(figure: PublishedFigure, gpu: DeviceSpec | None) -> Iterator[str]:
    """What the file says of a row, and its clock."""
    if figure.clock_hz and gpu:
        yield f"roof at another clock: {format_si(figure.clock_hz, 'Hz')}"
    if figure.caveat:
        yield figure.caveat


def _why_above(row: CheckedFigure, gpu: DeviceSpec) -> Iterator[str]:
    """The likeliest reason why a figure lies above our roof; one always."""
    if row.of_roof is None or row.of_roof <= 1:
        return
    if "speed of light" in row.published.kind:
        yield "a roof itself, of slightly other peaks, not a measurement"
    elif not above_roof(row):
        yield "on the roof, within rounding"
    elif row.published.clock_hz:
        yield "above the roof: the clock is rounded, or rose while it ran"
    elif row.bound == "memory" and row.dram_bytes and row.dram_bytes < (gpu.l2_cache_bytes or 0):
        yield "above the roof: it fits L2 and was probably warm there"
    elif gpu.doubtful:
        yield f"above the roof: the sheet is doubtful ({gpu.doubtful})"
    else:
        yield "above the roof: no reason is known; doubt the figure, the formula or the sheet"
