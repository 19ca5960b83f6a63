"""The seed document's claims of each kernel beside the nearest measurement."""

from collections.abc import Sequence
from dataclasses import dataclass

from roofprof.report_cases import Case
from roofprof.results import OpResult
from roofprof.seed_claims import JudgedClaim, judge_claims


@dataclass(frozen=True, slots=True)
class MeasuredClaim:
    """A claim and the measured row whose token count is nearest to the claim's."""

    claim: JudgedClaim
    case: Case | None
    op: OpResult | None
    """None where the op was not measured."""


def measured_claims(cases: Sequence[Case]) -> list[MeasuredClaim]:
    """Every claim of the placement table and of the worked examples, in the seed's order."""
    if not cases:
        return []
    return [_nearest(claim, cases) for claim in judge_claims(cases[0].source.target)]


def _nearest(claim: JudgedClaim, cases: Sequence[Case]) -> MeasuredClaim:
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
