"""From the reports of a job's ranks to one RooflineReport: each op once, with what all ranks say of it."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from roofprof.analysis.analyze import Measured, Options, analyze
from roofprof.document.cases import cases_of, counted, sum_of
from roofprof.findings import Finding
from roofprof.formulas.collectives import group_size
from roofprof.hardware.devices import DeviceSpec
from roofprof.launches.measured_work import communicates
from roofprof.ranks.checks import RankReport, check_ops, missing_finding, rank_findings, sent_finding, short_finding
from roofprof.ranks.choice import RankChoice
from roofprof.ranks.clocks import Clocks, align_clocks, critical_path
from roofprof.ranks.groups import find_groups
from roofprof.ranks.idle import Work, work_of_ranks
from roofprof.ranks.merge import Member, merged_op
from roofprof.ranks.mixed import elsewhere_findings, group_findings, mix_findings
from roofprof.results.op import OpResult
from roofprof.results.rank_summary import RankLayer, RankSource, RankSummary
from roofprof.results.report import RooflineReport

_COUNTED_WAITING = ("duration_ns", "l2_read_bytes", "l1_fill_bytes")
"""What grows as long as a communication kernel polls for the other ranks, whose kernels do not run beside it there."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """What was read of a job, or of the phases of one."""

    reports: Sequence[RankReport]
    count: int
    """Ranks of the job, missing ones included."""
    findings: Sequence[Finding] = ()

    @property
    def missing(self) -> list[int]:
        """Ranks without a report."""
        return [rank for rank in range(self.count) if rank not in self.present]

    @property
    def present(self) -> frozenset[int]:
        """Ranks with a report."""
        return frozenset(report.rank for report in self.reports)


def analyze_ranks(ranks: Ranks, target: DeviceSpec | None, options: Options) -> RooflineReport:
    """Analyse the launches of several ranks as one job's.

    An op's row is the call whose slowest rank is the median, matched over ranks by ordinal, and that rank's numbers;
    the time of a case is that of its slowest rank. ncu's times of collectives are left out, and their reads of L2:
    they are waits.

    Raises:
        ReportError: the reports have no op in common.
    """
    measured = [_without_waits(report.measured) for report in ranks.reports]
    choice = RankChoice({r.measured.name: (r.job, r.rank) for r in ranks.reports})
    found = analyze(measured, target, replace(options, choice=choice, only=None), ())
    over = _over_ranks(ranks, choice, found)
    moved = _Moved.of(ranks.reports)
    ops = _with_shares(_merged_ops(ranks, choice, found, over, moved), found, ranks.count)
    kept = [op for op in ops if not options.only or options.only(op.op) or options.only(op.label)]
    of_rows = {id(finding) for op in found.ops for finding in op.findings}
    general = [moved.finding(f) for f in found.findings if id(f) not in of_rows]
    unattributed = [moved.kernel(kernel) for kernel in found.unattributed.kernels]
    report = replace(
        found,
        ops=kept,
        kernels=moved.kernels(found.kernels),
        reports=[_entry(job, ranks.reports, found.reports) for job in over.clocks],
        unattributed=replace(found.unattributed, kernels=unattributed),
        joins=[{**join, "report": moved.job(join["report"])} for join in found.joins],
        findings=[*_once([*ranks.findings, *over.findings, *general]), *(f for op in kept for f in op.findings)],
    )
    return replace(report, ranks=_summary(ranks, report, over.clocks))


@dataclass(frozen=True, slots=True)
class _Over:
    """What only all ranks of a job together tell."""

    clocks: Mapping[str, Clocks | None]
    """Of each job."""
    work: Mapping[str, Mapping[int, Work]]
    """Of each job, its ranks'."""
    critical_ns: Mapping[Hashable, float]
    """Of each op."""
    findings: Sequence[Finding]


def _over_ranks(ranks: Ranks, choice: RankChoice, found: RooflineReport) -> _Over:
    names = {key: op.label for (key, _), op in zip(choice.keys, found.ops, strict=True)}
    for (key, _), op in zip(choice.keys, found.ops, strict=True):
        choice.ops[key].group_size = group_size(op.formula.name, op.formula.shape) if op.formula else None
    clocks: dict[str, Clocks | None] = {}
    work: dict[str, Mapping[int, Work]] = {}
    path: dict[Hashable, float] = {}
    told: list[Finding] = []
    for job in dict.fromkeys(report.job for report in ranks.reports):
        own = [report for report in ranks.reports if report.job == job]
        ops = {key: op for key, op in choice.ops.items() if choice.job_of[key] == job}
        check_ops(own, ops, names)
        find_groups(ops.values())
        clocks[job] = align_clocks(ops.values())
        work[job] = work_of_ranks(ops.values())
        path |= critical_path(ops, clocks[job])
        told += rank_findings(own, ops, names, clocks[job])
        told += mix_findings(own)
        told += elsewhere_findings(job, {report.rank for report in own}, ranks.present)
        told += group_findings(job, ops, names, ranks.count)
    if ranks.missing:
        told.append(missing_finding(next(iter(clocks)), ranks.count, ranks.missing))
    return _Over(clocks, work, path, told)


def _merged_ops(
    ranks: Ranks, choice: RankChoice, found: RooflineReport, over: _Over, moved: "_Moved"
) -> list[OpResult]:
    """One row for each op of each job, in the order of first launches."""
    members: dict[Hashable, list[Member]] = {}
    for (key, rank), op in zip(choice.keys, found.ops, strict=True):
        members.setdefault(key, []).append((rank, moved.op(op)))
    rows = []
    for key, own in members.items():
        calls, job = choice.ops[key], choice.job_of[key]
        row = merged_op(
            own, calls, ranks.count, over.clocks[job], over.work[job], found.gpu, found.target, found.ceilings
        )
        told = [finding for finding in (sent_finding(row), short_finding(row, calls)) if finding]
        rows.append(replace(row, critical_path_ns=over.critical_ns.get(key), findings=[*row.findings, *told]))
    return rows


def _with_shares(ops: Sequence[OpResult], found: RooflineReport, count: int) -> list[OpResult]:
    """Rows with their share of the slowest rank's time: each is of a rank of its own, whose total is another."""
    shares: dict[int, float | None] = {}
    for case in cases_of([replace(found, ops=list(ops))]):
        slowest, own = _layer(case.report, case.layer, count).slowest_rank, [*case.ops, *case.step_ops]
        times = [next((s.duration_ns for s in op.ranks if s.rank == slowest), 0.0) for op in own]
        parts = [counted(op, time) for op, time in zip(own, times, strict=True)]
        whole = sum_of(parts).value
        known = slowest is not None and whole and all(op.share is not None for op in own)
        shares |= {id(op): part / whole if known and part is not None and whole else None
                   for op, part in zip(own, parts, strict=True)}  # fmt: skip
    return [replace(op, share=shares[id(op)]) for op in ops]


def _without_waits(measured: Measured) -> Measured:
    """Without what communication kernels count while they wait under ncu: their time, and what polling reads of L2."""
    known = [column for column in _COUNTED_WAITING if column in measured.launches.columns]
    kept = pl.when(~communicates()).then(pl.col(known)).name.keep()
    return replace(measured, launches=measured.launches.with_columns(kept))


@dataclass(frozen=True, slots=True)
class _Moved:
    """Reports of ranks as parts of their job's: launch ids go on over the ranks."""

    first_id: Mapping[str, int]
    jobs: Mapping[str, str]
    ranks: Mapping[str, int]

    @classmethod
    def of(cls, reports: Sequence[RankReport]) -> "_Moved":
        first, next_id = {}, dict[str, int]()
        for report in reports:
            first[report.measured.name] = next_id.get(report.job, 0)
            ids = report.measured.launches["launch_id"]
            next_id[report.job] = first[report.measured.name] + (int(ids.to_numpy().max()) + 1 if len(ids) else 0)
        return cls(first, {r.measured.name: r.job for r in reports}, {r.measured.name: r.rank for r in reports})

    def job(self, name: str) -> str:
        return self.jobs.get(name, name)

    def op(self, op: OpResult) -> OpResult:
        first = self.first_id[op.report]
        findings = [self.finding(f) for f in op.findings]
        return replace(op, report=self.job(op.report), kernels=[first + k for k in op.kernels], findings=findings)

    def finding(self, finding: Finding) -> Finding:
        if finding.report is None:
            return finding
        first, launch = self.first_id.get(finding.report, 0), finding.launch_id
        return replace(finding, report=self.job(finding.report), launch_id=None if launch is None else first + launch)

    def kernel(self, kernel: Mapping[str, object]) -> dict[str, object]:
        name, launch = str(kernel["report"]), kernel["launch_id"]
        assert isinstance(launch, int)
        return {**kernel, "report": self.job(name), "launch_id": self.first_id[name] + launch}

    def kernels(self, kernels: pl.DataFrame) -> pl.DataFrame:
        first = pl.col("report").replace_strict(self.first_id, return_dtype=pl.Int64)
        return kernels.with_columns(
            pl.col("report").replace(self.jobs),
            launch_id=pl.col("launch_id") + first,
            rank=pl.col("report").replace_strict(self.ranks, return_dtype=pl.Int64),
        )


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """What several ranks say in the same words once."""
    return list({(f.kind, f.op, f.report, f.message): f for f in findings}.values())


def _entry(job: str, reports: Sequence[RankReport], entries: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """One entry of `reports` for a job: its ranks' together."""
    own = [(r.rank, entry) for r, entry in zip(reports, entries, strict=True) if r.job == job]
    first = own[0][1]

    def all_of(key: str) -> list[object]:
        values = {value for _, entry in own for value in entry[key]}  # type: ignore[attr-defined]
        return sorted(values)

    devices = {
        f"rank {rank}, device {device}": facts
        for rank, entry in own
        for device, facts in entry["devices"].items()  # type: ignore[attr-defined]
    }
    known = [entry["counters_known"] for _, entry in own]
    return {
        **first,
        "name": job,
        "launch_count": sum(int(str(entry["launch_count"])) for _, entry in own),
        "process_count": sum(int(str(entry["process_count"])) for _, entry in own),
        **{key: all_of(key) for key in ("workload_types", "replay_passes", "chips")},
        "devices": devices,
        "counters_known": {key: all(each[key] for each in known) for key in known[0]},  # type: ignore
    }


def _summary(ranks: Ranks, report: RooflineReport, clocks: Mapping[str, Clocks | None]) -> RankSummary:
    known = [found for found in clocks.values() if found]
    sources = [
        RankSource(rank=r.rank, name=r.measured.name, launch_count=r.measured.launches.height) for r in ranks.reports
    ]
    return RankSummary(
        count=ranks.count,
        missing=ranks.missing,
        sources=sources,
        layers=[_layer(case.report, case.layer, ranks.count) for case in cases_of([report])],
        aligned=all(found.aligned for found in known) if known else None,
        clock_spread_ns=max((found.spread_ns for found in known), default=None),
    )


def _layer(job: str, ops: Sequence[OpResult], count: int) -> RankLayer:
    """A rank's time is known where that of each op is that it ran."""
    times: list[float | None] = []
    replayed: list[float | None] = []
    for rank in range(count):
        own = [(op, share) for op in ops for share in op.ranks if share.rank == rank]
        times.append(sum_of(counted(op, share.duration_ns) for op, share in own).value)
        replayed.append(sum_of(counted(op, share.graph_union_ns) for op, share in own).value)
    known_times = {rank: ns for rank, ns in enumerate(times) if ns is not None}
    first = ops[0]
    return RankLayer(
        report=job, phase=first.phase, batch=first.batch, seq_len=first.seq_len, cache=first.cache,
        duration_ns=times,
        slowest_rank=max(known_times, key=lambda rank: known_times[rank]) if known_times else None,
        graph_duration_ns=replayed if any(ns is not None for ns in replayed) else [],
    )  # fmt: skip
