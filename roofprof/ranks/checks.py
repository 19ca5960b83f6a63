"""Whether files are the ranks of one job, and what differs between them that should not."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from roofprof.analysis.analyze import Measured
from roofprof.errors import ReportError
from roofprof.findings import Finding, Severity
from roofprof.formatting import format_percent, listed, quantity
from roofprof.ranks.calls import OpCalls
from roofprof.ranks.clocks import Clocks
from roofprof.ranks.groups import MAX_SPREAD_NS
from roofprof.results.op import OpResult

_SHOWN = 3
_OTHER_BYTES = 0.05
"""The ring's formula holds to 0.02 % where NCCL's Simple protocol sends; parts of a ring's wait fall into no kernel."""
_PROTOCOLS = (
    (2.0, "NCCL's LL protocol sends a flag of 4 bytes with each 4 of data: it is taken for short messages"),
    (128 / 120, "NCCL's LL128 protocol sends 8 bytes of flags with each 120 of data"),
)
"""How many bytes a protocol sends for one of data; in NCCL's sources, src/device/prims_ll.h and prims_ll128.h."""


_ALIKE = 0.002
"""Ranks that send alike differ by less."""
_LEAST_SHORT, _MOST_SHORT = 0.9, 0.98
"""Of the others' bytes: what one GPU counted of all-reduces whose other ranks counted the same to a byte, was 0.94 and
0.95 of theirs (docs/multi-gpu.md). A rank with less of the work sends far less."""


@dataclass(frozen=True, slots=True)
class RankReport:
    """One rank's report of one job: of a capture over ranks, one phase and cache mode is one job."""

    job: str
    """What the job's report is called."""
    rank: int
    measured: Measured


def check_ops(ranks: Sequence[RankReport], ops: Mapping[Hashable, OpCalls], names: Mapping[Hashable, str]) -> None:
    """Refuse reports that have no op in common.

    Raises:
        ReportError: naming two of them.
    """
    by_rank: dict[int, set[Hashable]] = {}
    for key, op in ops.items():
        for rank in op.ncu_ns:
            by_rank.setdefault(rank, set()).add(key)
    if len(by_rank) < 2 or any(len(op.ncu_ns) > 1 for op in ops.values()):
        return
    told = {report.rank: report.measured.name for report in ranks}
    (a, own), (b, other) = sorted(by_rank.items())[:2]
    said = [", ".join(sorted({names[key] for key in keys})[:_SHOWN]) for keys in (own, other)]
    raise ReportError(
        f"these are no ranks of one job: {told[a]} has {said[0]}, {told[b]} has {said[1]}, and no op is in both",
        "give the reports of one run, one of each rank",
    )


def rank_findings(
    ranks: Sequence[RankReport], ops: Mapping[Hashable, OpCalls], names: Mapping[Hashable, str], clocks: Clocks | None
) -> Iterator[Finding]:
    """What differs between ranks, what of NVLS is in it, and whether clocks fit."""
    jobs = dict.fromkeys(report.job for report in ranks)
    for job in jobs:
        own = [report for report in ranks if report.job == job]
        yield from _differences(job, own)
    yield from _other_work(next(iter(jobs)), ops, names)
    nvls = sorted({name for report in ranks for name in _names(report) if "NVLS" in name})
    if nvls:
        yield Finding(
            "nvls", Severity.DOUBTFUL,
            f"{', '.join(nvls[:_SHOWN])}: the NVLink switch sums and copies, so ranks send other bytes than by a ring",
            "compare with all_reduce_nvls, or capture with NCCL_NVLS_ENABLE=0",
            report=next(iter(jobs)), values={"kernel_names": nvls},
        )  # fmt: skip
    if clocks is not None and not clocks.aligned:
        yield Finding(
            "ranks-unaligned", Severity.DOUBTFUL,
            f"ends of collectives lie {clocks.spread_ns / 1e3:.0f} µs apart over ranks: waits, stragglers and the "
            "critical path are unknown",
            f"up to {MAX_SPREAD_NS / 1e3:.0f} µs are usual on one host: are these traces of one run of all ranks? If "
            "collectives join some of the ranks, say how many in the range's name: all_reduce:all_reduce:m64:d7168:t2",
            report=next(iter(jobs)), values={"spread_ns": clocks.spread_ns, "call_count": clocks.call_count},
        )  # fmt: skip


def sent_finding(op: OpResult) -> Finding | None:
    """That a collective sent other bytes than its formula's algorithm sends: NCCL took another one, or a protocol."""
    sent, asked = op.link_tx_bytes, op.link_bytes_formula
    if sent is None or not asked or abs(sent / asked - 1) < _OTHER_BYTES:
        return None
    ratio = sent / asked
    protocol = next((words for factor, words in _PROTOCOLS if abs(ratio / factor - 1) < _OTHER_BYTES), None)
    return Finding(
        "other-link-bytes", Severity.INFO, f"{op.label}: sent {ratio:.3g} times the formula's bytes",
        protocol or "NCCL took another algorithm: NCCL_DEBUG_SUBSYS=TUNING says which, `ops --all-reduce` has others",
        op=op.op, report=op.report, values={"link_tx_bytes": sent, "link_bytes_formula": asked},
    )  # fmt: skip


def short_finding(op: OpResult, calls: OpCalls) -> Finding | None:
    """That one rank sent somewhat less than the others, which agree, where all send alike: it was not all counted."""
    sent = sorted((s.link_tx_bytes, s.rank) for s in op.ranks if s.link_tx_bytes is not None)
    if not calls.alike or len(sent) < 2 or len(sent) < len(op.ranks):
        return None
    (least, rank), most = sent[0], sent[-1][0]
    if sent[1][0] < (1 - _ALIKE) * most or not _LEAST_SHORT * most <= least <= _MOST_SHORT * most:
        return None
    return Finding(
        "link-bytes-short", Severity.DOUBTFUL,
        f"{op.label}: rank {rank} sent {format_percent(1 - least / most)} fewer bytes than the other"
        f"{'s' * (len(sent) > 2)}, though all send alike",
        "its counter may have missed a link: 1 of 18 carries 5.6 %; go by the other ranks",
        op=op.op, report=op.report, values={"rank": rank, "link_tx_bytes": least, "others_link_tx_bytes": most},
    )  # fmt: skip


def missing_finding(job: str, count: int, missing: Sequence[int]) -> Finding:
    """That ranks of a job are not among the reports."""
    there = count - len(missing)
    words = listed(missing, 8)
    absent = f"rank {words} is" if len(missing) == 1 else f"ranks {words} are"
    return Finding(
        "ranks-missing", Severity.WARNING, f"{there} of {count} ranks are here; {absent} missing",
        "medians, waits and the slowest rank are of those that are here; ranks.json says why a rank has no report",
        report=job, values={"count": count, "missing": list(missing)},
    )  # fmt: skip


def _names(report: RankReport) -> list[str]:
    return [str(name) for name in report.measured.launches["kernel_name"].drop_nulls().unique().to_list()]


def _differences(job: str, ranks: Sequence[RankReport]) -> Iterator[Finding]:
    facts = {
        "GPUs": [_texts(r, "device_name") for r in ranks],
        "passes": [_texts(r, "replay_passes") for r in ranks],
        "versions of ncu": [r.measured.ncu_version or "" for r in ranks],
        "drivers": [str(_versions(r).get("driver") or "") for r in ranks],
        "recipes": [str(r.measured.conditions.capture.get("recipe") or "") for r in ranks],
        "TP and EP": [str(r.measured.conditions.capture.get("cut") or "") for r in ranks],
        "numbers of launches": [str(r.measured.launches.height) for r in ranks],
    }
    for what, values in facts.items():
        told = [value or "unknown" for value in values]
        if len(set(told)) > 1:
            shown = "; ".join(
                f"{value}: rank {', '.join(str(r.rank) for r, v in zip(ranks, told, strict=True) if v == value)}"
                for value in dict.fromkeys(told)
            )
            yield Finding(
                "ranks-differ", Severity.DOUBTFUL, f"the ranks' {what} differ: {shown}",
                "differences between ranks may be due to that",
                report=job, values={"what": what, "values": dict(zip((str(r.rank) for r in ranks), told, strict=True))},
            )  # fmt: skip


def _texts(report: RankReport, column: str) -> str:
    return ", ".join(sorted(map(str, report.measured.launches[column].drop_nulls().unique().to_list())))


def _versions(report: RankReport) -> Mapping[str, object]:
    found = report.measured.conditions.capture.get("versions")
    return found if isinstance(found, Mapping) else {}


def _other_work(job: str, ops: Mapping[Hashable, OpCalls], names: Mapping[Hashable, str]) -> Iterator[Finding]:
    """Ops that some ranks did not run, or called another number of times."""
    ranks = {rank for op in ops.values() for rank in op.ncu_ns}
    some = [key for key, op in ops.items() if set(op.ncu_ns) != ranks]
    counts = {
        key: [{len(own) for own in by_rank.values()} for by_rank in (op.ncu_ns, op.nsys)] for key, op in ops.items()
    }
    uneven = [key for key, found in counts.items() if any(len(each) > 1 for each in found)]
    for keys, what in (
        (some, "ran on some ranks alone"),
        (uneven, f"{'was' if len(uneven) == 1 else 'were'} called another number of times by some ranks"),
    ):
        if keys:
            own = [names[key] for key in keys]
            yield Finding(
                "ranks-differ", Severity.DOUBTFUL, f"{quantity(len(own), 'op')} {what}: {listed(own, _SHOWN)}",
                "calls are matched over ranks by their number: where ranks do different work, that pairs other calls",
                report=job, values={"what": what, "ops": own},
            )  # fmt: skip
