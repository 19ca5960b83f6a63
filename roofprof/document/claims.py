"""The reference document's claims beside its own formulas and roofprof's, each with a verdict that the numbers give."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from roofprof.formatting import format_number, format_si
from roofprof.formulas.dimensions import EXPERTS, TOP_K
from roofprof.formulas.layer import RECIPES, LayerCase, OpSpec, layer_ops
from roofprof.formulas.range_names import Shape
from roofprof.hardware.devices import DeviceSpec
from roofprof.hardware.roofline import Bound, Roofs, place

DEFAULT_TOKENS = 128
_NEAR = 0.10
_MANY_TOKENS = 1 << 40

DOCUMENT_FORMULAS: Mapping[str, Callable[[Shape], float]] = {
    # As the document writes them: FP4 weights without scales, 16-bit activations; FP8 with 1-byte outputs.
    "gemm_fp4": lambda s: 2 * _mnk(s) / (2 * s["m"] * s["k"] + 0.5 * s["k"] * s["n"] + 2 * s["m"] * s["n"]),  # type: ignore[operator]
    "bmm_fp8": lambda s: 2 * _mnk(s) / (s["m"] * s["k"] + s["k"] * s["n"] + s["m"] * s["n"]),  # type: ignore[operator]
    "rmsnorm": lambda _: 5 / 4,
    "silu_and_mul": lambda _: 4 / 6,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim as the document has it; fields are the keys of claims.toml."""

    kernel: str
    op: str
    recipe: str = ""
    """Whose precision the kernel works in; empty for an op that is not part of the layer."""
    arithmetic_intensity: float
    bound: str | None = None
    attainable_flop_per_s: float | None = None
    document_formula: str = ""
    """A name of `DOCUMENT_FORMULAS`."""
    m: int = DEFAULT_TOKENS
    """Tokens that the claim is for."""
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedClaim:
    """A claim with three arithmetic intensities: as claimed, by the document's formula, by roofprof's."""

    kernel: str
    op: str
    note: str | None
    m: int
    claimed_arithmetic_intensity: float
    document_formula_arithmetic_intensity: float | None
    """None where the document gives no formula."""
    arithmetic_intensity: float
    limit_arithmetic_intensity: float
    """By roofprof's formula as m grows without end."""
    claimed_bound: str | None
    bound: str | None
    claimed_attainable_flop_per_s: float | None
    attainable_flop_per_s: float | None
    verdict: str
    source: str = "formula"


def check_claims(target: DeviceSpec) -> list[CheckedClaim]:
    """Check every claim against the target's roofs (the reference document's own are `gb200`)."""
    text = (Path(__file__).parent / "claims.toml").read_text(encoding="utf-8")
    return [_check(Claim(**row), target) for row in tomllib.loads(text)["claim"]]


def _check(claim: Claim, target: DeviceSpec) -> CheckedClaim:
    spec = _spec(claim, claim.m)
    work = spec.work
    placed = place({work.pipe: work.flop_count}, work.dram_bytes, Roofs.of(target))
    formula = DOCUMENT_FORMULAS.get(claim.document_formula)
    intensity, limit = work.arithmetic_intensity or 0.0, _intensity(claim, _MANY_TOKENS)
    bound = placed.bound and str(placed.bound)
    verdicts = [*_intensity_verdict(claim, spec, intensity, limit), *_bound_verdicts(claim, spec, bound, target)]
    return CheckedClaim(
        kernel=claim.kernel,
        op=claim.op,
        note=claim.note,
        m=claim.m,
        claimed_arithmetic_intensity=claim.arithmetic_intensity,
        document_formula_arithmetic_intensity=formula(spec.shape) if formula else None,
        arithmetic_intensity=intensity,
        limit_arithmetic_intensity=limit,
        claimed_bound=claim.bound,
        bound=bound,
        claimed_attainable_flop_per_s=claim.attainable_flop_per_s,
        attainable_flop_per_s=placed.attainable_flop_per_s,
        verdict="; ".join(verdicts),
    )


def _intensity_verdict(claim: Claim, spec: OpSpec, intensity: float, limit: float) -> Iterator[str]:
    claimed = claim.arithmetic_intensity
    if abs(claimed / intensity - 1) <= _NEAR:
        yield "AI about right"
    elif not spec.work.pipe.startswith("tensor_"):
        yield f"AI {format_number(claimed / intensity)}x roofprof's: FLOPs of such ops are a convention"
    elif claimed > limit * (1 + _NEAR):
        yield f"AI impossible: at most {format_number(limit)} at any batch"
    elif claimed > intensity and (needed := _tokens_for(claim, claimed)):
        yield f"AI needs m = {needed}"
    else:
        yield f"AI {format_number(claimed / intensity)}x roofprof's"


def _bound_verdicts(claim: Claim, spec: OpSpec, bound: str | None, target: DeviceSpec) -> Iterator[str]:
    claimed, ridge = claim.arithmetic_intensity, target.ridge_point(spec.work.pipe)
    if ridge and claim.bound == Bound.COMPUTE and claimed < ridge:
        yield f"contradicts itself: {format_number(claimed)} is under the ridge of {format_number(ridge, 4)}"
    if claim.bound and bound and claim.bound != bound:
        yield f"{bound}-bound, not {claim.bound}-bound"
    rate, expected = claim.attainable_flop_per_s, claimed * (target.dram_bytes_per_s or 0)
    if rate and expected and abs(rate * 1000 / expected - 1) <= _NEAR:
        yield f"unit: {format_si(rate, 'FLOP/s')} is 1000 times too little for its own AI"


def _spec(claim: Claim, m: int) -> OpSpec:
    """The op of a claim at m tokens."""
    if claim.op == "topk_softmax":  # not an op of this layer: the document lists it
        return OpSpec("topk_softmax", "topk_ungrouped", {"m": m, "x": EXPERTS, "t": TOP_K})
    recipe = RECIPES[claim.recipe]
    decode = LayerCase("decode", 1, 4096, recipe)
    ops = [*layer_ops(decode), *layer_ops(LayerCase("prefill", 1, 1, recipe))]
    spec = next(op for op in ops if op.op == claim.op)
    rows = "r" if "r" in spec.shape else "m"
    return OpSpec(spec.op, spec.formula, {**spec.shape, rows: m})


def _intensity(claim: Claim, m: int) -> float:
    return _spec(claim, m).work.arithmetic_intensity or 0.0


def _tokens_for(claim: Claim, wanted: float) -> int | None:
    """The smallest m at which the AI reaches what is claimed; AI grows with m."""
    low, high = 1, _MANY_TOKENS
    if _intensity(claim, high) < wanted:
        return None
    while low < high:
        middle = (low + high) // 2
        if _intensity(claim, middle) >= wanted:
            high = middle
        else:
            low = middle + 1
    return low


def _mnk(shape: Shape) -> float:
    return shape["m"] * shape["n"] * shape["k"]  # type: ignore[operator, return-value]
