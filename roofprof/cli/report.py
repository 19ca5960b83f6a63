"""`roofprof report`: saved analyses, captures or reports to one document, picture or CSV, as the suffix says."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roofprof.errors import UsageError

if TYPE_CHECKING:
    from roofprof.pipeline.analyze import AnalyzeRequest
    from roofprof.results.report import RooflineReport


def report(
    inputs: Annotated[
        list[Path],
        typer.Argument(help="Saved analyses (report.json, its folder, all_kernels.csv), captures or .ncu-rep files."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A document (.md, .html), picture (.png, .svg, .pdf) or .csv.")
    ] = Path("roofline.md"),
    gpu: Annotated[
        str | None, typer.Option(help="Target GPU for the roofline; gb200 by default, and a saved analysis' own.")
    ] = None,
    ops: Annotated[
        str | None, typer.Option(help="Ops file for captures and .ncu-rep files with foreign range names.")
    ] = None,
    domain: Annotated[str | None, typer.Option(help="NVTX domain whose ranges are ops.")] = None,
    only: Annotated[str | None, typer.Option(help="Only ops matching this regex.")] = None,
    ceilings: Annotated[Path | None, typer.Option(help="Measured roofs: what roofprof ceilings -o wrote.")] = None,
    by_phase: Annotated[
        bool, typer.Option("--by-phase", help="One picture per phase: NAME-decode.png and so on.")
    ] = False,
) -> None:
    """Write the roofline document: placement, formulas, bottlenecks, scaling, opportunities, provenance."""
    write = writer_of(output, by_phase)
    from roofprof.pipeline.analyze import AnalyzeRequest

    request = AnalyzeRequest(inputs, gpu, domain, ops, only, ceilings=ceilings)
    for path in write(load_reports(request), output):
        print(f"wrote {path}", file=sys.stderr)


def load_reports(request: "AnalyzeRequest") -> "list[RooflineReport]":
    """One analysis for each input, read or made; says which it used where a folder holds a capture and an analysis.

    Raises:
        RoofprofError: an input cannot be read, or an option not be applied to it.
    """
    from roofprof.pipeline.analyze import load_reports as load

    return load(request, lambda line: print(f"note: {line}", file=sys.stderr))


Writer = Callable[[Sequence["RooflineReport"], Path], list[Path]]


def writer_of(path: Path, by_phase: bool = False) -> Writer:
    """What writes a file of this suffix, chosen before anything is read.

    Raises:
        UsageError: nothing does.
    """
    suffix = path.suffix.lower()
    pictures = (".png", ".svg", ".pdf")
    writers: dict[str, Writer] = {".md": _markdown, ".html": _html, ".csv": _csv}
    if by_phase and suffix not in pictures:
        raise UsageError("--by-phase is for pictures", f"give -o a name ending in {', '.join(pictures)}")
    if suffix in pictures:
        return _pictures_by_phase if by_phase else _picture
    if suffix not in writers:
        raise UsageError(f"nothing is written as {path.name!r}", "give -o a name ending in .md, .html, .png or .csv")
    return writers[suffix]


def _markdown(reports: "Sequence[RooflineReport]", path: Path) -> list[Path]:
    from roofprof.reports.markdown.report import write_markdown

    return [write_markdown(reports, path)]


def _html(reports: "Sequence[RooflineReport]", path: Path) -> list[Path]:
    from roofprof.reports.html.report import write_html

    write_html(reports, path)
    return [path]


def _csv(reports: "Sequence[RooflineReport]", path: Path) -> list[Path]:
    from roofprof.reports.all_kernels import write_all_kernels

    return [write_all_kernels(_only(reports, path), path)]


def _picture(reports: "Sequence[RooflineReport]", path: Path) -> list[Path]:
    from roofprof.reports.plots.figures import save_picture
    from roofprof.reports.plots.roofline import draw_roofline

    return [save_picture(draw_roofline(_only(reports, path)), path)]


def _pictures_by_phase(reports: "Sequence[RooflineReport]", path: Path) -> list[Path]:
    from roofprof.reports.plots.save import phase_reports

    paths = []
    for phase, part in phase_reports(_only(reports, path)).items():
        # Phases of foreign ops files are data: no path is made of them.
        name = phase if phase in ("decode", "prefill") else "other"
        paths += _picture([part], path.with_name(f"{path.stem}-{name}{path.suffix}"))
    return paths


def _only(reports: "Sequence[RooflineReport]", path: Path) -> "RooflineReport":
    if len(reports) > 1:
        raise UsageError(f"{path.name} is made of one analysis", "analyze the captures together, then report that")
    return reports[0]
