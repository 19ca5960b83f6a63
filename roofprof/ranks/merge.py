"""One row for each op of a job, from the rows of its ranks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

from roofprof.analysis.op_roofline import over, under_link
from roofprof.hardware.ceilings import Ceilings
from roofprof.hardware.devices import DeviceSpec
from roofprof.hardware.roofline import Bound, measured_bound
from roofprof.ranks.calls import OpCalls
from roofprof.ranks.clocks import Clocks, rank_calls
from roofprof.ranks.idle import Work
from roofprof.results.op import OpResult
from roofprof.results.op_groups import RankDurations, RankShare, RankSpread

Member = tuple[int, OpResult]
"""A rank and its row."""


def merged_op(
    members: Sequence[Member],
    calls: OpCalls,
    count: int,
    clocks: Clocks | None,
    work: Mapping[int, Work],
    gpu: DeviceSpec,
    target: DeviceSpec,
    ceilings: Ceilings | None = None,
) -> OpResult:
    """The slowest rank's row of the call that the op's row is, with what all ranks say.

    Args:
        members: the rows of the ranks that ran the op.
        calls: of the op.
        count: ranks of the job, missing ones included.
        clocks: of the job.
        work: of the job's ranks.
        gpu: the profiled one.
        target: of the roofline.
        ceilings: measured roofs of the profiled one.
    """
    # ncu's time of what communicates is null by now; elsewhere one rank's nsys beside another's ncu is no spread.
    one_source = len({op.time_source for _, op in members}) == 1
    shares = [_share(rank, op, op.time_ns if one_source else op.duration_ns) for rank, op in members]
    durations, slowest = _durations(shares)
    listed = rank_calls(calls, count, clocks, work) if calls.collective else []
    row = listed[calls.picked_traced] if listed and calls.picked_traced is not None else None
    wait = row.wait_ns if row else None
    merged = replace(
        dict(members)[slowest],
        calls=min(len(own) for own in calls.ncu_ns.values()),
        link_tx_bytes=_median([op.link_tx_bytes for _, op in members]),
        link_bytes_formula=_median([op.link_bytes_formula for _, op in members]),
        wait_ns=wait,
        straggler_rank=row.straggler_rank if row else None,
        straggler_idle_ns=row.straggler_idle_ns if row else None,
        ranks=shares,
        rank_spread=RankSpread(duration_ns=durations),
        rank_calls=listed,
    )
    if merged.link_tx_bytes is None:
        return merged
    transfer_s = (durations.max - wait) / 1e9 if wait is not None and durations.max is not None else None
    return _placed(replace(merged, link_bytes_per_s=over(merged.link_tx_bytes, transfer_s)), gpu, target, ceilings)


def _durations(shares: Sequence[RankShare]) -> tuple[RankDurations, int]:
    """How the ranks' times differ, unknown where one is; and the slowest rank of those that are known."""
    known = {s.rank: s.duration_ns for s in shares if s.duration_ns is not None}
    slowest = max(known, key=lambda rank: known[rank]) if known else shares[0].rank
    if len(known) < len(shares):
        return RankDurations(min=None, median=None, max=None, argmax=None), slowest
    times = known.values()
    return RankDurations(min=min(times), median=median(times), max=max(times), argmax=slowest), slowest


def _share(rank: int, op: OpResult, time_ns: float | None) -> RankShare:
    return RankShare(
        rank=rank, duration_ns=time_ns, dram_bytes=op.dram_bytes, flop_count=op.flop_count,
        link_tx_bytes=op.link_tx_bytes, graph_union_ns=op.graph_union_ns,
    )  # fmt: skip


def _median(values: Sequence[float | None]) -> float | None:
    """Over ranks; unknown where one rank's is."""
    known = [value for value in values if value is not None]
    return median(known) if known and len(known) == len(values) else None


def _placed(op: OpResult, gpu: DeviceSpec, target: DeviceSpec, ceilings: Ceilings | None) -> OpResult:
    """Under the roofs by the bytes that the median rank sent, as a saved row is placed."""
    placed = op.placed(gpu, target)
    there, here = placed.points.on_target, placed.points.on_gpu
    seconds = op.time_ns / 1e9 if op.time_ns else None
    bound = measured_bound(here.bound, here.bound_time_s, seconds)
    measured_on = replace(
        op.measured_on,
        bound=_text(bound),
        ridge_point=here.ridge_point,
        attainable_flop_per_s=here.attainable_flop_per_s,
        roof_fraction=over(here.bound_time_s, seconds),
    )
    return replace(
        placed,
        bound=_text(there.bound),
        ridge_point=there.ridge_point,
        attainable_flop_per_s=there.attainable_flop_per_s,
        measured_on=under_link(measured_on, ceilings, op.link_tx_bytes, seconds),
    )


def _text(bound: Bound | None) -> str | None:
    return None if bound is None else str(bound)
