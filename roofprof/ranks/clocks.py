"""The ranks' clocks, aligned on the ends of collectives: what each rank waited, and the critical path over all."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from roofprof.ranks.calls import OpCalls
from roofprof.results.op_groups import RankCall

LATE_SHARE = 0.05
"""Of the transfer: kernels of ranks that came at the same time differ by less."""
MAX_SPREAD_NS, MAX_SPREAD_SHARE = 50e3, 0.1
"""Ends of one collective lie closer than both, the share being of its transfer: else they are not what they are held
for, or the clocks run apart. Four GPUs of one host showed up to 20 µs."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """How far each rank's clock is ahead of the first one's."""

    offset_ns: Mapping[int, float]
    spread_ns: float
    """Median distance of an end from where the offsets put it."""
    call_count: int
    """Calls of collectives that they are from."""
    aligned: bool


def align_clocks(ops: Iterable[OpCalls]) -> Clocks | None:
    """Clocks by the calls that end on all ranks at once; None where no rank or no such call was traced.

    Args:
        ops: of one job.
    """
    known = [op for op in ops if op.together and op.traced and len(op.ncu_ns) > 1]
    if not known:
        return None
    ranks = sorted({rank for op in known for rank in op.ncu_ns})
    first = ranks[0]
    ahead: dict[int, list[float]] = {rank: [] for rank in ranks}
    transfers: list[float] = []
    for op in known:
        if first not in op.ncu_ns:
            continue
        for at, times in enumerate(op.traced_times()):
            transfers += [min(v for v in times.values() if v is not None)] if None not in times.values() else []
            for rank in op.ncu_ns:
                ahead[rank].append(op.nsys[rank][at].end_ns - op.nsys[first][at].end_ns)
    offsets = {rank: median(found) for rank, found in ahead.items() if found}
    spread = max((median(abs(d - offsets[r]) for d in ahead[r]) for r in offsets), default=0.0)
    limit = max(MAX_SPREAD_NS, MAX_SPREAD_SHARE * median(transfers)) if transfers else MAX_SPREAD_NS
    return Clocks(offsets, spread, len(transfers), bool(transfers) and spread <= limit)


def rank_calls(op: OpCalls, count: int, clocks: Clocks | None) -> list[RankCall]:
    """Wait and straggler of each traced call of a collective; unknown where ends do not coincide.

    A rank's time less the least of all ranks is what it waited: all end at once, the last to come waits for none.

    Args:
        op: a collective.
        count: ranks of the job, missing ones included.
        clocks: of the job.
    """
    found = []
    for at, times in enumerate(op.traced_times()):
        durations = [times.get(rank) for rank in range(count)]
        wait, late = None, None
        known = {rank: ns for rank, ns in times.items() if ns is not None}
        if op.together and clocks and clocks.aligned and len(known) == len(times) > 1:
            least = min(known, key=lambda rank: known[rank])
            wait = max(known.values()) - known[least]
            late = least if wait >= max(LATE_SHARE * known[least], clocks.spread_ns) else None
        found.append(RankCall(call=at, wait_ns=wait, straggler_rank=late, duration_ns=durations))
    return found


def critical_path(ops: Mapping[Hashable, OpCalls], clocks: Clocks | None) -> dict[Hashable, float]:
    """Each op's part of the critical path, median over its calls, in ns; empty where clocks are not aligned.

    A call ends where its latest rank does; its part is the time since the call before it, of any op, ended so.
    """
    if clocks is None or not clocks.aligned:
        return {}
    ends: list[tuple[float, float, Hashable]] = []
    for key, op in ops.items():
        ranks = [rank for rank in op.ncu_ns if rank in clocks.offset_ns]
        if not op.traced or len(ranks) < len(op.ncu_ns):
            continue
        for at in range(op.traced_count):
            calls = [(op.nsys[rank][at], clocks.offset_ns[rank]) for rank in ranks]
            last = max(call.end_ns - offset for call, offset in calls)
            ends.append((last, min(call.start_ns - offset for call, offset in calls), key))
    ends.sort(key=lambda entry: entry[:2])
    parts: dict[Hashable, list[float]] = {}
    before = ends[0][1] if ends else 0.0
    for last, _, key in ends:
        parts.setdefault(key, []).append(max(0.0, last - before))
        before = last
    return {key: median(found) for key, found in parts.items()}
