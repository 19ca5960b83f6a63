"""Whether reports and traces are those of different ranks of one run, and which ranks their collectives join."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.formatting import listed
from roofprof.ranks.calls import Groups, OpCalls
from roofprof.ranks.checks import RankReport

_SHOWN = 3
_RANKS_SHOWN = 8


def mix_findings(ranks: Sequence[RankReport]) -> Iterator[Finding]:
    """A rank that stands twice, a trace that is another rank's, files in no order of the ranks.

    Args:
        ranks: of one job.
    """
    job = ranks[0].job
    one = "give one report of each rank, all of one run"
    for same in _alike({r.rank: _without_name(r.measured.launches) for r in ranks}):
        yield _mixed(job, f"the reports of ranks {_said(same)} hold the same launches to the nanosecond", one, same)
    traces = {r.rank: r.measured.traces[0].trace.kernels for r in ranks if r.measured.traces}
    for same in _alike({rank: kernels.select("start_ns", "end_ns") for rank, kernels in traces.items()}):
        what = f"the traces of ranks {_said(same)} are the same: waits and stragglers mean nothing"
        yield _mixed(job, what, "give one trace of each rank: nsys profile in each process", same)
    reported = {r.rank: _device(r.measured.launches) for r in ranks}
    traced = {rank: _device(kernels) for rank, kernels in traces.items()}
    devices = list(reported.values())
    if None in devices or len(set(devices)) < len(devices):
        return
    other = [rank for rank, device in traced.items() if device != reported[rank]]
    if other and sorted(map(str, traced.values())) == sorted(map(str, devices)):
        shown = ", ".join(f"rank {rank} ran on device {reported[rank]}, its trace on {traced[rank]}" for rank in other)
        hint = "give --timeline in the order of the reports"
        yield _mixed(job, f"traces are of other ranks than reports: {shown}", hint, other)
    by_hand = not any(r.measured.conditions.capture for r in ranks)
    if by_hand and devices != sorted(devices, key=lambda device: device or 0):
        shown = ", ".join(f"rank {rank} on device {device}" for rank, device in reported.items())
        yield Finding(
            "ranks-order", Severity.DOUBTFUL, f"the files are in another order than their devices: {shown}",
            "--ranks takes the files as ranks 0, 1, ...: launchers give rank 0 the first GPU of a host",
            report=job, values={"devices": {str(rank): device for rank, device in reported.items()}},
        )  # fmt: skip


def elsewhere_findings(job: str, own: AbstractSet[int], present: AbstractSet[int]) -> Iterator[Finding]:
    """That a part of the capture, a phase for instance, is not there of ranks that have others."""
    if missing := sorted(present - own):
        yield Finding(
            "ranks-missing", Severity.WARNING,
            f"{job}: of ranks {_said(sorted(own))} alone; {_said(missing)} missing",
            "medians, waits and the slowest rank are of those that are here; give each rank's report of the same run",
            report=job, values={"ranks": sorted(own), "missing": missing},
        )  # fmt: skip


def group_findings(
    job: str, ops: Mapping[Hashable, OpCalls], names: Mapping[Hashable, str], count: int
) -> Iterator[Finding]:
    """Groups that were found by their ends, and formulas that speak of more GPUs than there are ranks."""
    found: dict[Groups, list[str]] = {}
    wider: dict[int, list[str]] = {}
    for key, op in ops.items():
        if op.groups and not op.group_size:
            found.setdefault(op.groups, []).append(names[key])
        if op.group_size and op.group_size > count:
            wider.setdefault(op.group_size, []).append(names[key])
    for groups, own in found.items():
        members = " and ".join(map(_said, groups[:_SHOWN])) + " ..." * (len(groups) > _SHOWN)
        yield Finding(
            "rank-groups", Severity.DOUBTFUL,
            f"{listed(own, _SHOWN)}: ranks {members} end together, each group at its own time: "
            "waits and stragglers are within a group",
            "right for TP or EP groups of one job; if these traces are of several runs, give those of one",
            report=job, values={"ops": own, "groups": [list(group) for group in groups]},
        )  # fmt: skip
    for size, own in wider.items():
        yield Finding(
            "ranks-missing", Severity.WARNING,
            f"{listed(own, _SHOWN)}: the range says {size} GPUs, {count} ranks are here",
            "give the reports of all ranks: waits and stragglers are of those that are here",
            report=job, values={"ops": own, "group_size": size, "count": count},
        )  # fmt: skip


def _mixed(job: str, message: str, hint: str, ranks: Sequence[int]) -> Finding:
    return Finding("ranks-mixed", Severity.WARNING, message, hint, report=job, values={"ranks": list(ranks)})


def _without_name(launches: pl.DataFrame) -> pl.DataFrame:
    """What no two GPUs measure alike; empty where nothing was."""
    return launches.drop("report", "process_id", "device_id").filter(pl.col("duration_ns").is_not_null())


def _alike(frames: Mapping[int, pl.DataFrame]) -> list[list[int]]:
    """Ranks whose frames are equal, and not empty."""
    groups: list[list[int]] = []
    # Traces are long and ranks many: only those that end alike are compared as a whole.
    firsts: dict[tuple[int, object], list[list[int]]] = {}
    for rank, frame in frames.items():
        if not frame.height:
            continue
        near = firsts.setdefault((frame.height, frame.row(frame.height - 1)[0]), [])
        own = next((group for group in near if frames[group[0]].equals(frame)), None)
        if own is None:
            near.append([rank])
            groups.append(near[-1])
        else:
            own.append(rank)
    return [group for group in groups if len(group) > 1]


def _device(frame: pl.DataFrame) -> int | None:
    """The GPU that all of it ran on."""
    found = frame["device_id"].drop_nulls().unique().to_list()
    return int(found[0]) if len(found) == 1 else None


def _said(ranks: Sequence[int]) -> str:
    return listed(ranks, _RANKS_SHOWN)
