"""The reference document's sentences, each checked against what was measured; a sentence without data says so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from roofprof.document.bottlenecks import bottlenecks
from roofprof.document.cases import CaseOps
from roofprof.document.claimed_kernels import DOCUMENT_KERNELS, ops_of
from roofprof.document.claims import CheckedClaim, check_claims
from roofprof.document.opportunities import EFFICIENT
from roofprof.document.scaling import CONSTANT_WITHIN, ScalingRow, Series
from roofprof.formatting import format_number, format_percent, format_si
from roofprof.hardware.devices import bundled_gpus
from roofprof.hardware.roofline import Bound
from roofprof.results.op import OpResult

CONFIRMED, PARTLY, REFUTED, UNKNOWN = "confirmed", "partly", "refuted", "not measured"
NOT_CONFIRMED = "not confirmed"
HALF = 0.5
"""A sentence about many ops of which fewer agree is not even partly confirmed."""
_NEITHER = {"latency": "neither roof"}
"""Where no roof binds: latency alone does not say what does."""
_GEMMS, _BMMS = ("gemm", "moe_gemm"), ("bmm",)
_ELEMENTWISE = ("rmsnorm", "add_rmsnorm", "silu_and_mul", "topk", "topk_ungrouped", "rope")


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of the reference document, and what the data say of it."""

    claim: str
    measured: str
    verdict: str
    extrapolated: bool = False
    """Whether it is of the target's roofs, and not of the profiled GPU."""


def check_statements(cases: Sequence[CaseOps], batch: Sequence[Series], length: Sequence[Series]) -> list[Statement]:
    """Check every sentence that the data can speak to, in the reference document's order."""
    decode = [s for s in batch if s.phase == "decode"]
    prefill = [s for s in length if s.phase == "prefill"]
    one, many = _case(cases, "decode", 1), _case(cases, "decode", 128)
    whole = _case(cases, "prefill", 1, 1024)
    measured = [
        _hardware(),
        _gemms_at_one(one),
        _more_compute_bound(many),
        _prefill(whole),
        _growth("As batch grows, GEMM AI stays roughly constant", decode, _GEMMS, constant=True),
        _growth("As batch grows, BMM AI increases", decode, _BMMS, constant=False),
        _throughput(decode),
        _quadratic(prefill),
        _at_the_limit(cases),
        _mla(cases),
    ]
    there = [_gemms_at_one(one, target=True), _more_compute_bound(many, target=True), _prefill(whole, target=True),
             _mla(cases, target=True)]  # fmt: skip
    projected = any(case.source.projected for case in cases)
    return measured + [statement for statement in there if projected and statement.verdict != UNKNOWN]


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
        f"no measurement, datasheets: these are HGX B200's; NVIDIA's for GB200 NVL72: "
        f"{format_si(nvidia.peak_flop_per_s[pipe], 'FLOP/s')}, "
        f"ridge {format_number(nvidia.ridge_point(pipe), 4)} FLOP/byte ({nvidia.source})",
        PARTLY,
    )


def _unknown(claim: str, what: str) -> Statement:
    return Statement(claim, f"needs {what}", UNKNOWN)


def _verdict(agree: int, count: int) -> str:
    """Of a sentence about several ops: how many agree stands beside it where they differ."""
    if not count:
        return UNKNOWN
    if agree in (0, count):
        return CONFIRMED if agree else REFUTED
    return f"{PARTLY if agree / count >= HALF else NOT_CONFIRMED}, {agree} of {count}"


def _bound_of(op: OpResult, target: bool) -> str | None:
    return op.bound if target else op.measured_on.bound


def _gemms_at_one(case: CaseOps | None, target: bool = False) -> Statement:
    claim = "Decode, batch 1: GEMM kernels dominate but are compute-limited"
    gemms = _of(case.layer, _GEMMS) if case else []
    if not case or not gemms:
        return _unknown(claim, "a decode case at batch 1 with GEMMs")
    time = case.time_ns
    own = [case.time_of(op) for op in gemms]
    share = sum(t for t in own if t) / time if time and None not in own else None
    head = f"{len(gemms)} GEMMs" if target else f"{len(gemms)} GEMMs, {format_percent(share)} of the time"
    bounds = [bound for op in gemms if (bound := _bound_of(op, target))]
    return Statement(claim, f"{head}: {_counts(bounds)}", _compute_verdict(bounds), target)


def _more_compute_bound(case: CaseOps | None, target: bool = False) -> Statement:
    claim = "Decode, batch 128: all kernels become more compute-bound; BMM becomes compute-bound"
    if not case:
        return _unknown(claim, "a decode case at batch 128")
    every, bmms = (
        [bound for op in ops if (bound := _bound_of(op, target))] for ops in (case.layer, _of(case.layer, _BMMS))
    )
    text = f"all ops: {_counts(every)}" + (f"; BMMs: {_counts(bmms)}" if bmms else "")
    return Statement(claim, text, _compute_verdict(bmms or every), target)


def _prefill(case: CaseOps | None, target: bool = False) -> Statement:
    claim = "Prefill, 1 x 1024: dominated by compute-bound operations"
    if not case:
        return _unknown(claim, "a prefill case of 1 x 1024 tokens")
    found = bottlenecks(case)
    bounds, dominant = (found.target, found.target_dominant) if target else (found.here, found.dominant)
    if not bounds:
        return _unknown(claim, "times and bounds of its ops")
    shares = ", ".join(f"{_NEITHER.get(s.bound, s.bound)} {format_percent(s.share)}" for s in bounds)
    text = f"{'minimum time' if target else 'time'} by bound: {shares}"
    return Statement(claim, text, CONFIRMED if dominant == Bound.COMPUTE else REFUTED, target)


def _counts(bounds: Sequence[str]) -> str:
    words = {"latency": "reach neither roof"}
    names = ("memory", "compute", "latency")
    return ", ".join(f"{bounds.count(b)} {words.get(b, f'{b}-bound')}" for b in names if b in bounds) or "none"


def _compute_verdict(bounds: Sequence[str]) -> str:
    return _verdict(sum(bound == Bound.COMPUTE for bound in bounds), len(bounds))


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
    return Statement(claim, text, _verdict(agrees, len(growths)))


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
    points = [point for point in series[0].layers if point.time_per_token_ns]
    reached = [point.bottlenecks.dominant == Bound.COMPUTE for point in points]
    rises = [a[1] > b[1] for a, b in pairwise(known)]
    explained = all(better or ceiling for better, ceiling in zip(rises, reached[1:], strict=True))
    last = series[0].layers[-1].bottlenecks
    share = f": at the largest batch {_share_words(last.here[0].bound, last.here[0].share)}" if last.here else ""
    ceiling = "" if any(reached) else f"; the compute ceiling was never seen{share}"
    verdict = REFUTED if not any(rises) else CONFIRMED if explained and any(reached) else PARTLY
    return Statement(claim, f"layer time per token: {text}{ceiling}", verdict)


def _share_words(bound: str, share: float) -> str:
    words = "reaches neither roof" if bound == "latency" else f"is {bound}-bound"
    return f"{format_percent(share)} of the time {words}"


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
    ops = [op for case in cases for op in _of(case.layer, _ELEMENTWISE)]
    fractions = sorted(f for op in ops if (f := op.of_roof) is not None)
    if not fractions:
        return _unknown(claim, "such ops")
    above = sum(f >= EFFICIENT for f in fractions)
    low, high = format_percent(fractions[0]), format_percent(fractions[-1])
    text = (
        f"they reach {low} to {high} of the roof on the profiled GPU; "
        f"{above} of {len(fractions)} rows reach {format_percent(EFFICIENT)}"
    )
    return Statement(claim, text, _verdict(above, len(fractions)))


def _mla(cases: Sequence[CaseOps], target: bool = False) -> Statement:
    claim = "MLA decode: memory-bound at low batch, compute-bound at high batch"
    rows = [
        (case.batch, op, bound)
        for case in cases
        for op in _of(case.layer, ("mla_decode",))
        if case.batch and (bound := _bound_of(op, target))
    ]
    if len({batch for batch, _, _ in rows}) < 2:
        return _unknown(claim, "MLA decode at two batches or more")
    text = ", ".join(
        f"batch {batch}: AI {format_number(op.arithmetic_intensity)}, {_NEITHER.get(bound, f'{bound}-bound')}"
        for batch, op, bound in rows
    )
    halves = [rows[0][2] == Bound.MEMORY, rows[-1][2] == Bound.COMPUTE]
    return Statement(claim, text, CONFIRMED if all(halves) else PARTLY if any(halves) else REFUTED, target)


@dataclass(frozen=True, slots=True)
class MeasuredClaim:
    """A claim and, where its kernel ran at the claim's token count, the measured row."""

    claim: CheckedClaim
    case: CaseOps | None
    op: OpResult | None
    """None where the kernel was not measured at that count: another kernel or another size is not set beside it."""


def measured_claims(cases: Sequence[CaseOps]) -> list[MeasuredClaim]:
    """Every claim of the placement table and of the worked examples, in the reference document's order."""
    if not cases:
        return []
    return [_like_with_like(claim, cases) for claim in check_claims(cases[0].source.target)]


def _like_with_like(claim: CheckedClaim, cases: Sequence[CaseOps]) -> MeasuredClaim:
    names = ("topk_softmax", "topk") if claim.op == "topk_softmax" else (claim.op,)
    kernels = [kernel for kernel in DOCUMENT_KERNELS if kernel.kernel == claim.kernel]
    for case in cases:
        for kernel in kernels if case.tokens == claim.m else ():
            for op, ran in ops_of(kernel, case):
                if ran and op.op in names:
                    return MeasuredClaim(claim, case, op)
    return MeasuredClaim(claim, None, None)
