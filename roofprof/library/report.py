"""One analysis for a script or a notebook: frames, pictures, pages and files of a `RooflineReport`."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from roofprof.analysis.retarget import only_ops
from roofprof.findings import Finding
from roofprof.formatting import quantity
from roofprof.hardware.devices import DeviceSpec
from roofprof.launches.rows import By
from roofprof.names.reading import Layers
from roofprof.options import name_filter
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files, load_reports
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PathLike: TypeAlias = str | os.PathLike[str]
_SHOWN = ("op", "calls", "time_ns", "dram_bytes", "flop_count", "arithmetic_intensity", "bound", "headroom_ns")
_SHOWN_ROWS = 20


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """One analysis. It never changes: `filter` gives another one."""

    data: RooflineReport
    """The analysis itself, as report.json holds it."""
    name: str
    """What it was read from."""

    @property
    def ops(self) -> pl.DataFrame:
        """One row per op: the columns of ops.csv and ops.parquet, docs/columns.md."""
        from roofprof.reports.files import ops_frame

        return ops_frame(self.data)

    @property
    def rows(self) -> list[OpResult]:
        """The same rows as typed objects, each with its groups: `row.measured_on.roof_fraction`."""
        return self.data.ops

    @property
    def kernels(self) -> pl.DataFrame:
        """One row per launch, `KERNEL_SCHEMA` of docs/columns.md."""
        return self.data.kernels

    @property
    def findings(self) -> list[Finding]:
        """Reasons to doubt or explain the numbers, docs/findings.md."""
        return self.data.findings

    @property
    def gpu(self) -> DeviceSpec:
        """The profiled GPU."""
        return self.data.gpu

    @property
    def target(self) -> DeviceSpec:
        """The GPU whose roofs `bound` and `attainable_flop_per_s` are from."""
        return self.data.target

    def filter(
        self,
        only: str | None = None,
        *,
        phase: str | None = None,
        batch: int | None = None,
        seq_len: int | None = None,
        cache: str | None = None,
    ) -> "Report":
        """The analysis of some of its ops.

        Args:
            only: keep ops whose name matches this regular expression.
            phase: decode, prefill or another.
            batch: sequences in the batch.
            seq_len: length of the case.
            cache: cold or warm.

        Raises:
            roofprof.errors.UsageError: no regular expression.
        """
        wanted = {"phase": phase, "batch": batch, "seq_len": seq_len, "cache": cache}
        given = {name: value for name, value in wanted.items() if value is not None}
        named: Callable[[str], bool] | None = name_filter(only)
        data = self.data if named is None else only_ops(self.data, named)
        ops = [op for op in data.ops if all(getattr(op, name) == value for name, value in given.items())]
        return Report(replace(data, ops=ops), self.name)

    def plot(self, path: PathLike | None = None) -> "Figure":
        """The roofline as a matplotlib figure, saved too where a path is given: .png, .svg or .pdf."""
        from roofprof.reports.plots.roofline import draw_roofline

        figure = draw_roofline(self.data)
        if path is not None:
            from roofprof.reports.plots.figures import save_picture

            save_picture(figure, Path(path))
        return figure

    def to_pandas(self) -> "pd.DataFrame":
        """`ops` as a frame of pandas.

        Raises:
            roofprof.errors.RoofprofError: the extra `pandas` is not installed.
        """
        from roofprof.reports.pandas_frame import pandas_frame

        return pandas_frame(self.ops)

    def to_json(self) -> str:
        """report.json's text; `roofprof.load` reads it back."""
        return self.data.to_json()

    def to_parquet(self, folder: PathLike) -> list[Path]:
        """Write a table per case, ops-CASE.parquet, and kernels.parquet, for DuckDB and the like; gives their paths.

        Raises:
            roofprof.errors.RoofprofError: a file cannot be written.
        """
        from roofprof.reports.parquet import write_cases

        return write_cases(self.data, Path(folder))

    def to_html(self, path: PathLike) -> Path:
        """Write the interactive page, one file, and give its path."""
        return self.save(path, ".html")

    def save(self, path: PathLike, suffix: str | None = None) -> Path:
        """Write one file as its suffix says: .json .html .md .csv .parquet .png .svg .pdf.

        Args:
            path: of the file.
            suffix: the format, where the path's own suffix does not say it.

        Raises:
            roofprof.errors.RoofprofError: no such format, or the file cannot be written.
        """
        from roofprof.reports.outputs.registry import analysis_outputs, required_output

        wanted = Path(path) if suffix is None else Path(f"file{suffix}")
        required_output(analysis_outputs(), wanted).write([self.data], Path(path))
        return Path(path)

    def __repr__(self) -> str:
        ops, launches = quantity(len(self.rows), "op"), quantity(self.data.kernels.height, "launch", "launches")
        return f"<roofprof.Report {self.name!r}: {ops}, {launches} on {self.gpu.name}>"

    def _repr_html_(self) -> str:
        """A table of the ops with the most time and the roofline, for notebooks."""
        from roofprof.library.notebook import page_part

        rows = sorted(self.rows, key=lambda op: -(op.time_ns or 0.0))
        cells = [[getattr(op, name) for name in _SHOWN] for op in rows[:_SHOWN_ROWS]]
        return page_part(repr(self), _SHOWN, cells, len(rows), self.plot())


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
) -> Report:
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
    return Report(analyze_files(request), _name(paths))


def load(path: PathLike, *, gpu: str | None = None, only: str | None = None) -> Report:
    """One analysis: a saved one (report.json, its folder, all_kernels.csv), else a capture or .ncu-rep analyzed now.

    Args:
        path: of a folder with both a capture and an analysis of it, the analysis is loaded.
        gpu: as `analyze`.
        only: as `analyze`.

    Raises:
        roofprof.errors.RoofprofError: the file cannot be read, or is of a version that this program does not know.
    """
    (data,) = load_reports(AnalyzeRequest([Path(path)], gpu, only=only))
    return Report(data, _name([path]))


def _name(paths: Sequence[PathLike]) -> str:
    return ", ".join(os.fspath(path) for path in paths)
