"""`roofprof.analyze`: what the command of that name does, as one call."""

import os
from collections.abc import Sequence
from pathlib import Path

from roofprof.launches.rows import By
from roofprof.names.reading import Layers
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.results.report import RooflineReport

PathLike = str | os.PathLike[str]


def analyze(
    *paths: PathLike,
    gpu: str | None = None,
    domain: str | None = None,
    ops: str | None = None,
    only: str | None = None,
    timeline: PathLike | Sequence[PathLike] | None = None,
    selfcheck: PathLike | None = None,
    ceilings: PathLike | None = None,
    by: By | None = None,
    layers: Layers | None = None,
    ranks: bool = False,
) -> RooflineReport:
    """Place every op of captures and ncu reports on a GPU's roofline, or load one saved analysis and adapt it.

    Args:
        paths: captures and .ncu-rep files, read together; or one report.json.
        gpu: target: a name, a TOML file, or `same` for the profiled GPU. By default `gb200`; a report.json keeps its
            own.
        domain: NVTX domain whose ranges are ops.
        ops: ops file for foreign range names, a TOML file or a bundled name.
        only: keep ops whose name matches this regular expression.
        timeline: nsys trace of the same command, with one .ncu-rep; with `ranks` one for each rank.
        selfcheck: a selfcheck.json or its directory; a capture's own is picked up automatically.
        ceilings: measured roofs, as `roofprof ceilings -o` writes them.
        by: rows are ops, and kernels where no range is (`op`, the default), kernels alone, or single launches.
        layers: ops whose names differ in the model's layer alone are one row (`folded`, the default), or `each`.

        ranks: the paths are ranks 0, 1, ... of one job, in this order. A capture over ranks is one path, without this.

    Raises:
        roofprof.errors.UsageError: an option that an input cannot apply, or that names nothing.
        roofprof.errors.RoofprofError: a file cannot be read.
    """
    check, roofs = (None if p is None else Path(p) for p in (selfcheck, ceilings))
    given = [timeline] if isinstance(timeline, str | os.PathLike) else timeline
    traces = None if given is None else [Path(p) for p in given]
    request = AnalyzeRequest(
        [Path(p) for p in paths], gpu, domain, ops, only, traces, check, roofs, by=by, layers=layers,
        ranks=ranks or None,
    )  # fmt: skip
    return analyze_files(request)
