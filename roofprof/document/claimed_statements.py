"""The reference document's sentences, each checked against what was measured; a sentence without data says so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from roofprof.document.bottlenecks import bottlenecks
from roofprof.document.cases import CaseOps
from roofprof.document.claims import CheckedClaim, check_claims
from roofprof.document.opportunities import EFFICIENT
from roofprof.document.scaling import CONSTANT_WITHIN, ScalingRow, Series
from roofprof.formatting import format_number, format_percent, format_si
from roofprof.hardware.devices import bundled_gpus
from roofprof.hardware.roofline import Bound
from roofprof.results.op import OpResult

CONFIRMED, PARTLY, REFUTED, UNKNOWN = "confirmed", "partly", "refuted", "not measured"
_GEMMS, _BMMS = ("gemm", "moe_gemm"), ("bmm",)
_ELEMENTWISE = ("rmsnorm", "add_rmsnorm", "silu_and_mul", "topk", "topk_ungrouped", "rope")


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of the reference document, and what the data say of it."""

    claim: str
    measured: str
    verdict: str


def check_statements(cases: Sequence[CaseOps], batch: Sequence[Series], length: Sequence[Series]) -> list[Statement]:
    """Check every sentence that the data can speak to, in the reference document's order."""
    decode = [s for s in batch if s.phase == "decode"]
    prefill = [s for s in length if s.phase == "prefill"]
    return [
        _hardware(),
        _gemms_at_one(_case(cases, "decode", 1)),
        _more_compute_bound(_case(cases, "decode", 128)),
        _prefill(_case(cases, "prefill", 1, 1024)),
        _growth("As batch grows, GEMM AI stays roughly constant", decode, _GEMMS, constant=True),
        _growth("As batch grows, BMM AI increases", decode, _BMMS, constant=False),
        _throughput(decode),
        _quadratic(prefill),
        _at_the_limit(cases),
        _mla(cases),
    ]


def _case(cases: Iterable[CaseOps], phase: str, batch: int, length: int | None = None) -> CaseOps | None:
    return next((c for c in cases if (c.phase, c.batch) == (phase, batch) and length in (None, c.seq_len)), None)


def _of(ops: Iterable[OpResult], formulas: Sequence[str]) -> list[OpResult]:
    return [op for op in ops if op.formula and op.formula.name in formulas]


def _hardware() -> Statement:
    document, nvidia = bundled_gpus()["gb200"], bundled_gpus()["gb200-nvl72"]
    pipe = "tensor_fp4"
    return Statement(
        f"GB200 has {format_si(document.peak_flop_per_s[pipe], 'FLOP/s')} in FP4, "
        f"ridge {format_number(document.ridge_point(pipe), 4)} FLOP/byte",
        f"these are HGX B200's; NVIDIA's for GB200 NVL72: {format_si(nvidia.peak_flop_per_s[pipe], 'FLOP/s')}, "
        f"ridge {format_number(nvidia.ridge_point(pipe), 4)} FLOP/byte ({nvidia.source})",
        PARTLY,
    )


def _unknown(claim: str, what: str) -> Statement:
    return Statement(claim, f"needs {what}", UNKNOWN)


def _gemms_at_one(case: CaseOps | None) -> Statement:
    claim = "Decode, batch 1: GEMM kernels dominate but are compute-limited"
    gemms = _of(case.ops, _GEMMS) if case else []
    if not case or not gemms:
        return _unknown(claim, "a decode case at batch 1 with GEMMs")
    time = case.time_ns
    own = [op.time_ns for op in gemms]
    share = sum(t for t in own if t) / time if time and None not in own else None
    return Statement(claim, f"{len(gemms)} GEMMs, {format_percent(share)} of the time; {_bounds(case, gemms)}",
                     _compute_verdict(gemms))  # fmt: skip


def _more_compute_bound(case: CaseOps | None) -> Statement:
    claim = "Decode, batch 128: all kernels become more compute-bound; BMM becomes compute-bound"
    if not case:
        return _unknown(claim, "a decode case at batch 128")
    bmms = _of(case.ops, _BMMS)
    parts = [f"all ops: {_bounds(case, case.ops)}"]
    if bmms:
        parts.append(f"BMMs: {_bounds(case, bmms)}")
    return Statement(claim, "; ".join(parts), _compute_verdict(bmms or case.ops))


def _prefill(case: CaseOps | None) -> Statement:
    claim = "Prefill, 1 x 1024: dominated by compute-bound operations"
    if not case:
        return _unknown(claim, "a prefill case of 1 x 1024 tokens")
    found = bottlenecks(case)
    shares = ", ".join(f"{s.bound} {format_percent(s.share)}" for s in found.here)
    target = ", ".join(f"{s.bound} {format_percent(s.share)}" for s in found.target)
    text = f"time by bound on {case.gpu}: {shares}; minimum time on {case.source.target.name}: {target}"
    verdicts = {found.dominant == Bound.COMPUTE, found.target_dominant == Bound.COMPUTE}
    return Statement(claim, text, CONFIRMED if verdicts == {True} else REFUTED if verdicts == {False} else PARTLY)


def _bounds(case: CaseOps, ops: Sequence[OpResult]) -> str:
    """Counts by bound, here and on the target."""
    here = [op.measured_on.bound for op in ops if op.measured_on.bound]
    there = [op.bound for op in ops if op.bound]
    target = f"; by {case.source.target.name}'s roofs {_counts(there)}" if case.source.projected else ""
    return f"on {case.gpu} {_counts(here)}{target}"


def _counts(bounds: Sequence[str]) -> str:
    return ", ".join(f"{bounds.count(b)} {b}-bound" for b in ("memory", "compute", "latency") if b in bounds) or "none"


def _compute_verdict(ops: Sequence[OpResult]) -> str:
    found = {b for op in ops for b in (op.measured_on.bound, op.bound) if b}
    if not found:
        return UNKNOWN
    return CONFIRMED if found == {Bound.COMPUTE} else PARTLY if Bound.COMPUTE in found else REFUTED


def _growth(claim: str, series: Sequence[Series], formulas: Sequence[str], constant: bool) -> Statement:
    if not series:
        return _unknown(claim, "decode cases at two batches or more")
    chosen = series[0]
    rows = [row for row in chosen.rows if _is(row, formulas) and row.growth]
    if not rows:
        return _unknown(claim, "ops of that kind at two batches or more")
    growths = sorted(row.useful_growth or 0 for row in rows)
    counted, by_formula = (sorted(getattr(row, n) or 0 for row in rows) for n in ("growth", "formula_growth"))
    text = (
        f"from batch {chosen.values[0]} to {chosen.values[-1]}, {len(rows)} ops: useful FLOPs per counted byte grow "
        f"{_range(growths, 'x')}, by formula {_range(by_formula, 'x')}; counted AI, padded tiles among it, "
        f"{_range(counted, 'x')}"
    )
    still = [g for g in growths if abs(g - 1) <= CONSTANT_WITHIN]
    agrees = len(still) if constant else len(growths) - len(still)
    return Statement(claim, text, CONFIRMED if agrees == len(growths) else PARTLY if agrees else REFUTED)


def _is(row: ScalingRow, formulas: Sequence[str]) -> bool:
    return any(p and p.formula and p.formula.name in formulas for p in row.points)


def _range(values: Sequence[float], unit: str = "") -> str:
    low, high = format_number(values[0]) + unit, format_number(values[-1]) + unit
    return low if low == high else f"{low} to {high}"


def _throughput(series: Sequence[Series]) -> Statement:
    claim = "As batch grows, throughput improves until hitting the compute ceiling"
    times = [(p.case.batch, p.time_per_token_ns) for p in series[0].layers] if series else []
    known = [(batch, time) for batch, time in times if time]
    if len(known) < 2:
        return _unknown(claim, "decode cases at two batches or more")
    text = ", ".join(f"batch {batch}: {format_si(time / 1e9, 's')}" for batch, time in known)
    falling = all(a[1] > b[1] for a, b in pairwise(known))
    last = series[0].layers[-1].bottlenecks
    ceiling = f"; at the largest {_share_words(last.here[0].bound, last.here[0].share)}" if last.here else ""
    return Statement(claim, f"layer time per token: {text}{ceiling}", CONFIRMED if falling else PARTLY)


def _share_words(bound: str, share: float) -> str:
    return f"{format_percent(share)} of the time is {bound}-bound"


def _quadratic(series: Sequence[Series]) -> Statement:
    claim = "As prefill length grows, attention grows quadratically"
    rows = [row for s in series[:1] for row in s.rows if _is(row, ("mha_causal",))]
    ends = [(row.points[0], row.points[-1]) for row in rows]
    known = [(a.flop_count, b.flop_count) for a, b in ends if a and b and a.flop_count and b.flop_count]
    if not known:
        return _unknown(claim, "prefill cases at two lengths or more")
    lengths = series[0].values
    factor, wanted = known[0][1] / known[0][0], (lengths[-1] / lengths[0]) ** 2
    text = (
        f"from {lengths[0]} to {lengths[-1]} tokens its FLOPs grow {format_number(factor)}x; "
        f"the square is {format_number(wanted)}x"
    )
    return Statement(claim, text, CONFIRMED if abs(factor / wanted - 1) <= CONSTANT_WITHIN else PARTLY)


def _at_the_limit(cases: Sequence[CaseOps]) -> Statement:
    claim = "Memory-bound kernels (norms, activations, top-k, rope) are already at hardware bandwidth limits"
    ops = [op for case in cases for op in _of(case.ops, _ELEMENTWISE)]
    fractions = sorted(f for op in ops if (f := op.measured_on.roof_fraction) is not None)
    if not fractions:
        return _unknown(claim, "such ops")
    above = sum(f >= EFFICIENT for f in fractions)
    low, high = format_percent(fractions[0]), format_percent(fractions[-1])
    text = (
        f"they reach {low} to {high} of the roof on the profiled GPU; "
        f"{above} of {len(fractions)} rows reach {format_percent(EFFICIENT)}"
    )
    return Statement(claim, text, CONFIRMED if above == len(fractions) else PARTLY if above else REFUTED)


def _mla(cases: Sequence[CaseOps]) -> Statement:
    claim = "MLA decode: memory-bound at low batch, compute-bound at high batch"
    rows = [(case.batch, op) for case in cases for op in _of(case.ops, ("mla_decode",)) if case.batch and op.bound]
    if len({batch for batch, _ in rows}) < 2:
        return _unknown(claim, "MLA decode at two batches or more")
    text = ", ".join(
        f"batch {batch}: AI {format_number(op.arithmetic_intensity)}, {op.measured_on.bound}-bound here, "
        f"{op.bound}-bound on the target"
        for batch, op in rows
    )
    found = [{op.bound, op.measured_on.bound} for _, op in rows]
    halves = {Bound.MEMORY in found[0], Bound.COMPUTE in found[-1]}
    return Statement(claim, text, CONFIRMED if halves == {True} else REFUTED if halves == {False} else PARTLY)


@dataclass(frozen=True, slots=True)
class MeasuredClaim:
    """A claim and the measured row whose token count is nearest to the claim's."""

    claim: CheckedClaim
    case: CaseOps | None
    op: OpResult | None
    """None where the op was not measured."""


def measured_claims(cases: Sequence[CaseOps]) -> list[MeasuredClaim]:
    """Every claim of the placement table and of the worked examples, in the reference document's order."""
    if not cases:
        return []
    return [_nearest(claim, cases) for claim in check_claims(cases[0].source.target)]


def _nearest(claim: CheckedClaim, cases: Sequence[CaseOps]) -> MeasuredClaim:
    names = ("topk_softmax", "topk") if claim.op == "topk_softmax" else (claim.op,)
    found = [
        (abs((case.tokens or 0) - claim.m), names.index(op.op), number, case, op)
        for case in cases
        for number, op in enumerate(case.ops)
        if op.op in names
    ]
    if not found:
        return MeasuredClaim(claim, None, None)
    _, _, _, case, op = min(found, key=lambda row: row[:3])
    return MeasuredClaim(claim, case, op)
