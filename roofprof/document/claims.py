"""The reference document's claims beside its own formulas and ours, each with a verdict that the numbers give."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

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


@dataclass(frozen=True, slots=True)
class JudgedClaim:
    """A claim with three arithmetic intensities: as claimed, by the document's formula, by ours."""

    kernel: str
    op: str
    note: str | None
    m: int
    claimed_arithmetic_intensity: float
    document_formula_arithmetic_intensity: float | None
    """None where the document gives no formula."""
    arithmetic_intensity: float
    limit_arithmetic_intensity: float
    """Ours as m grows without end."""
    claimed_bound: str | None
    bound: str | None
    claimed_attainable_flop_per_s: float | None
    attainable_flop_per_s: float | None
    verdict: str
    source: str = "formula"


def judge_claims(target: DeviceSpec) -> list[JudgedClaim]:
    """Judge every claim against the target's roofs (the reference document's own are `gb200`)."""
    text = (resources.files("roofprof.document") / "claims.toml").read_text(encoding="utf-8")
    return [_judge(claim, target) for claim in tomllib.loads(text)["claim"]]


def _judge(claim: Mapping[str, Any], target: DeviceSpec) -> JudgedClaim:
    m = claim.get("m", DEFAULT_TOKENS)
    spec = _spec(claim, m)
    work = spec.work
    placed = place({work.pipe: work.flop_count}, work.dram_bytes, Roofs.of(target))
    formula = DOCUMENT_FORMULAS.get(claim.get("document_formula", ""))
    ours, limit = work.arithmetic_intensity or 0.0, _intensity(claim, _MANY_TOKENS)
    bound = placed.bound and str(placed.bound)
    return JudgedClaim(
        kernel=claim["kernel"],
        op=claim["op"],
        note=claim.get("note"),
        m=m,
        claimed_arithmetic_intensity=claim["arithmetic_intensity"],
        document_formula_arithmetic_intensity=formula(spec.shape) if formula else None,
        arithmetic_intensity=ours,
        limit_arithmetic_intensity=limit,
        claimed_bound=claim.get("bound"),
        bound=bound,
        claimed_attainable_flop_per_s=claim.get("attainable_flop_per_s"),
        attainable_flop_per_s=placed.attainable_flop_per_s,
        verdict="; ".join(_verdicts(claim, spec, ours, limit, bound, target)),
    )


def _verdicts(
    claim: Mapping[str, Any], spec: OpSpec, ours: float, limit: float, bound: str | None, target: DeviceSpec
) -> list[str]:
    claimed, verdicts = claim["arithmetic_intensity"], []
    if abs(claimed / ours - 1) <= _NEAR:
        verdicts.append("AI about right")
    elif not spec.work.pipe.startswith("tensor_"):
        verdicts.append(f"AI {format_number(claimed / ours)}x ours: FLOPs of such ops are a convention")
    elif claimed > limit * (1 + _NEAR):
        verdicts.append(f"AI impossible: at most {format_number(limit)} at any batch")
    elif claimed > ours and (needed := _tokens_for(claim, claimed)):
        verdicts.append(f"AI needs m = {needed}")
    else:
        verdicts.append(f"AI {format_number(claimed / ours)}x ours")
    ridge = target.ridge_point(spec.work.pipe)
    claimed_bound = claim.get("bound")
    if ridge and claimed_bound == Bound.COMPUTE and claimed < ridge:
        verdicts.append(f"contradicts itself: {format_number(claimed)} is under the ridge of {format_number(ridge, 4)}")
    if claimed_bound and bound and claimed_bound != bound:
        verdicts.append(f"{bound}-bound, not {claimed_bound}-bound")
    rate, expected = claim.get("attainable_flop_per_s"), claimed * target.dram_bytes_per_s
    if rate and abs(rate * 1000 / expected - 1) <= _NEAR:
        verdicts.append(f"unit: {format_si(rate, 'FLOP/s')} is 1000 times too little for its own AI")
    return verdicts


def _spec(claim: Mapping[str, Any], m: int) -> OpSpec:
    """Our op for a claim at m tokens."""
    if claim["op"] == "topk_softmax":  # not an op of this layer: the document lists it
        return OpSpec("topk_softmax", "topk_ungrouped", {"m": m, "x": EXPERTS, "t": TOP_K})
    recipe = RECIPES[claim["recipe"]]
    decode = LayerCase("decode", 1, 4096, recipe)
    ops = [*layer_ops(decode), *layer_ops(LayerCase("prefill", 1, 1, recipe))]
    spec = next(op for op in ops if op.op == claim["op"])
    rows = "r" if "r" in spec.shape else "m"
    return OpSpec(spec.op, spec.formula, {**spec.shape, rows: m})


def _intensity(claim: Mapping[str, Any], m: int) -> float:
    return _spec(claim, m).work.arithmetic_intensity or 0.0


def _tokens_for(claim: Mapping[str, Any], wanted: float) -> int | None:
    """The least m at which our AI reaches what is claimed; AI grows with m."""
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
