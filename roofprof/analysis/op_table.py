"""Every row of an analysis: launches summed by call, the median call of each row with its findings and times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from roofprof.analysis.op_result import build_op
from roofprof.analysis.op_roofline import References
from roofprof.analysis.workload_rules import KERNEL_COLUMNS, call_findings, kernel
from roofprof.findings import Finding
from roofprof.formulas.ops_file import CaseConditions
from roofprof.launches.measured_work import CallRow, call_rows, op_rows
from roofprof.launches.ranges import NamedRange, PathKey
from roofprof.launches.rows import OP
from roofprof.results.op import OpResult
from roofprof.timeline.op_times import NO_TIMING, NsysTimes


@dataclass(frozen=True, slots=True)
class Rows:
    """Launches with the row that each counts in."""

    launches: pl.DataFrame
    """With the columns of `with_measured_work` and `with_rows`."""
    names: Mapping[PathKey, NamedRange]
    cases: Mapping[str, CaseConditions]
    """Of each report, for launches in no range."""

    def named(self, row: CallRow) -> NamedRange:
        """What a row stands for: its median call's range, or a kernel under the conditions of its launches."""
        path = row["nvtx_path"]
        named = None if path is None else self.names[row["report"], tuple(path)]
        if named and row["kind"] == OP:
            return named
        return NamedRange(row["op"], case=named.case if named else self.cases[row["report"]])


class Choice(Protocol):
    """Chooses the call that each row is, and the times that go with it."""

    def __call__(
        self, calls: pl.DataFrame, rows: Rows, timings: Mapping[str, NsysTimes]
    ) -> tuple[pl.DataFrame, Mapping[str, NsysTimes]]:
        """The calls of `call_rows` with a column `picked`, true once a row; and nsys' times of the picked ones."""
        ...


def build_ops(
    rows: Rows,
    launch_findings: Sequence[Finding],
    references: Mapping[str, References],
    timings: Mapping[str, NsysTimes],
    choice: Choice | None = None,
) -> list[OpResult]:
    """One result per row, in the order of the first launches.

    Args:
        rows: what each launch counts in.
        launch_findings: those about single launches; a row has those of its median call.
        references: what each report's rows are held against.
        timings: nsys' times of the reports that were traced.
        choice: None for the median call of each row.
    """
    launches = rows.launches
    columns = launches.select("report", "launch_id", *KERNEL_COLUMNS).iter_rows()
    kernel_of = {(report, launch): kernel(*cells) for report, launch, *cells in columns}
    by_launch: dict[tuple[str | None, int | None], list[Finding]] = {}
    for finding in launch_findings:
        if finding.op is None:
            continue  # of the whole report
        by_launch.setdefault((finding.report, finding.launch_id), []).append(finding)
    calls = call_rows(launches, "row")
    if choice is not None:
        calls, timings = choice(calls, rows, timings)
    ops = []
    for row in _chosen_calls(launches, calls).iter_rows(named=True):
        named, kernels = rows.named(row), [(row["report"], launch) for launch in row["kernels"]]
        found = [f for key in kernels for f in by_launch.get(key, ())]
        times, timing = timings.get(row["report"]), NO_TIMING
        if times and row["kind"] == OP:
            timing = times.by_path.get(named.key, NO_TIMING)
            found += times.op_findings.get(named.key, ())
        elif times:
            timing = times.of_row(row["row"])
        own = [kernel_of[key] for key in kernels]
        if row["kind"] == OP:
            found += call_findings(row["op"], row["report"], own)
        names = [each.demangled for each in own]
        ops.append(build_op(row, named, names, found, references[row["report"]], timing))
    return ops


def _chosen_calls(launches: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """The call that each row is, with the layers that its calls came from."""
    layers = launches.group_by("row").agg(pl.col("layer").drop_nulls().unique().sort().alias("layers"))
    return op_rows(calls, "row").join(layers, on="row", how="left", maintain_order="left")
