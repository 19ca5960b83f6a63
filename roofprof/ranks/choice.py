"""Which rows of the ranks' reports are one op of the job, and which call that op's row is."""

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

from roofprof.analysis.op_table import Rows
from roofprof.launches.kernel_names import ends_together, is_communication_kernel, sends_alike
from roofprof.launches.measured_work import full_name
from roofprof.launches.ranges import NamedRange
from roofprof.launches.rows import OP
from roofprof.ranks.calls import NsysCall, OpCalls
from roofprof.timeline.op_times import NsysTimes, OpTiming
from roofprof.timeline.rows import RangePath
from roofprof.timeline.timeline import Timeline

if TYPE_CHECKING:
    from roofprof.timeline.outside import Span

Place = tuple[str, int]
"""Job and rank of a report."""


@dataclass(slots=True)
class RankChoice:
    """The choice of calls for `build_ops`, and what it has seen on the way."""

    places: Mapping[str, Place]
    """Of each report."""
    keys: list[tuple[Hashable, int]] = field(default_factory=list)
    """Op and rank of each row, in the order of the results."""
    ops: dict[Hashable, OpCalls] = field(default_factory=dict)
    """By op, in the order of first launches."""
    job_of: dict[Hashable, str] = field(default_factory=dict)

    def __call__(
        self, calls: pl.DataFrame, rows: Rows, timings: Mapping[str, NsysTimes]
    ) -> tuple[pl.DataFrame, Mapping[str, NsysTimes]]:
        """See `analysis.op_table.Choice`."""
        named = self._match(calls, rows)
        self._read_calls(calls)
        self._read_kernels(rows.launches)
        traced = {report: _traced_calls(times.timeline) for report, times in timings.items() if times.timeline}
        for (key, rank), (report, row), range_ in zip(self.keys, self._rows, named, strict=True):
            if range_ is not None:
                found = traced.get(report, {}).get(range_.key)
            else:
                found = [_call_of(s) for s in timings[report].row_spans.get(row, ())] if report in timings else None
            if found:
                self.ops[key].nsys[rank] = found
        return self._picked(calls), self._timings(timings, named)

    _rows: list[tuple[str, int]] = field(default_factory=list)
    """Report and row number of each of `keys`."""

    def _match(self, calls: pl.DataFrame, rows: Rows) -> list[NamedRange | None]:
        """Rows of one job, case, name and place among those of that name are one op."""
        named: list[NamedRange | None] = []
        seen: Counter[Hashable] = Counter()
        for row in calls.unique(["report", "row"], keep="first", maintain_order=True).iter_rows(named=True):
            range_ = rows.named(row)
            job, rank = self.places[row["report"]]
            own = job, row["kind"], range_.op, range_.case, range_.key[:-1]
            key = *own, seen[rank, own]
            seen[rank, own] += 1
            self.keys.append((key, rank))
            self._rows.append((row["report"], row["row"]))
            self.ops.setdefault(key, OpCalls())
            self.job_of[key] = job
            named.append(range_ if row["kind"] == OP else None)
        return named

    def _read_calls(self, calls: pl.DataFrame) -> None:
        by_row = dict(zip(self._rows, self.keys, strict=True))
        for report, row, ns, sent in calls.select("report", "row", "duration_ns", "link_tx_bytes").iter_rows():
            key, rank = by_row[report, row]
            self.ops[key].ncu_ns.setdefault(rank, []).append(ns)
            self.ops[key].sent_bytes.setdefault(rank, []).append(sent)

    def _read_kernels(self, launches: pl.DataFrame) -> None:
        by_row = dict(zip(self._rows, self.keys, strict=True))
        kernels = (
            launches.select("report", "row", name=full_name()).group_by("report", "row").agg(pl.col("name").unique())
        )
        for report, row, names in kernels.iter_rows():
            op = self.ops[by_row[report, row][0]]
            op.collective = all(is_communication_kernel(text) for text in names)
            op.together = op.collective and all(ends_together(text) for text in names)
            op.alike = op.collective and all(sends_alike(text) for text in names)

    def _picked(self, calls: pl.DataFrame) -> pl.DataFrame:
        counts = calls.group_by("report", "row").len().iter_rows()
        last = {(report, row): count - 1 for report, row, count in counts}
        wanted = [
            (*row, min(self.ops[key].picked, last[row])) for row, (key, _) in zip(self._rows, self.keys, strict=True)
        ]
        schema = pl.Schema({"report": pl.String(), "row": calls.schema["row"], "_wanted": pl.Int64()})
        return (
            calls.with_columns(_ordinal=pl.int_range(pl.len()).over("report", "row"))
            .join(pl.DataFrame(wanted, schema=schema, orient="row"), on=["report", "row"], maintain_order="left")
            .with_columns(picked=pl.col("_ordinal") == pl.col("_wanted"))
            .drop("_ordinal", "_wanted")
        )

    def _timings(self, timings: Mapping[str, NsysTimes], named: list[NamedRange | None]) -> dict[str, NsysTimes]:
        """nsys' times of the picked calls; none where a rank of the op was not traced."""
        found = {report: dict(times.by_path) for report, times in timings.items()}
        spans = {report: dict(times.row_spans) for report, times in timings.items()}
        for (key, rank), (report, row), range_ in zip(self.keys, self._rows, named, strict=True):
            if range_ is None and row in spans.get(report, {}):
                at = self.ops[key].picked_traced
                spans[report][row] = [] if at is None else [spans[report][row][at]]
            if range_ is None or report not in found or range_.key not in found[report]:
                continue
            op, was = self.ops[key], found[report][range_.key]
            if (at := op.picked_traced) is None:
                found[report][range_.key] = replace(
                    was, nsys_duration_ns=None, nsys_union_ns=None, nsys_projected_ns=None
                )
            else:
                call = op.nsys[rank][at]
                times = OpTiming(was.calls, call.duration_ns, call.union_ns, call.projected_ns, was.share)
                found[report][range_.key] = replace(
                    times, graph_union_ns=was.graph_union_ns, graph_projected_ns=was.graph_projected_ns
                )
        return {
            report: replace(times, by_path=found[report], row_spans=spans[report]) for report, times in timings.items()
        }


def _call_of(span: "Span") -> NsysCall:
    return NsysCall(span.start_ns, span.end_ns, span.union_ns, span.union_ns, span.end_ns - span.start_ns)


def _traced_calls(timeline: Timeline) -> dict[RangePath, list[NsysCall]]:
    """The calls of each op: as launched one by one where it was, else as replayed by a graph; on its first device."""
    keys = [timeline.key_of(path) for path in timeline.paths]
    found: dict[RangePath, dict[tuple[bool, int], list[NsysCall]]] = {}
    columns = ("path", "replayed", "place", "first_start_ns", "last_end_ns", "union_ns", "duration_ns", "projected_ns")
    for path, replayed, place, *times in timeline.calls.select(columns).iter_rows():
        found.setdefault(keys[path], {}).setdefault((replayed, place), []).append(NsysCall(*times))
    return {key: next((c for (replayed, _), c in ways.items() if not replayed), next(iter(ways.values())))
            for key, ways in found.items()}  # fmt: skip
