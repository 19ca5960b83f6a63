"""Formula against measurement, op by op: the gap in intensity, and the gap in time split into factors.

With t_f the minimum time of the formula's work and bytes on the profiled GPU, t_b that of the counted ones, and t_m the
measured time, t_m / t_f = (t_b / t_f) x (t_m / t_b). The second is the time factor. The first is the byte ratio where
memory binds by formula and the work ratio where arithmetic does; what is left over, because another roof or another
pipe binds the counted work, is the roof change. The product of the four is t_m / t_f, so their logarithms add up.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from roofprof.document.cases import CaseOps
from roofprof.document.claims import DOCUMENT_FORMULAS, CheckedClaim, check_claims
from roofprof.hardware.roofline import Bound, RooflinePoint
from roofprof.results.op import OpResult

CONDITIONS = ("report", "phase", "batch", "seq_len", "cache", "gpu", "target")
"""Of a case, in this order, in compare.json and before every row of the CSVs."""
FACTORS = ("work_factor", "byte_factor", "roof_factor", "time_factor")
SAME_ROOF_WITHIN = 1e-9
_DOCUMENT_FORMULA_OF = {
    "gemm": "gemm_fp4", "bmm": "bmm_fp8", "rmsnorm": "rmsnorm", "silu_and_mul": "silu_and_mul",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gap:
    """One op. Factors are None where a time, a counter or a peak is unknown."""

    op: str
    label: str
    formula_intensity: float | None
    intensity: float | None
    intensity_gap: float | None
    """Measured over formula: work ratio over byte ratio."""
    work_ratio: float | None
    byte_ratio: float | None
    formula_bound: str | None
    """The roof that binds the formula's work on the profiled GPU."""
    bound: str | None
    """The roof that binds the counted work there; latency is not a roof."""
    formula_time_ns: float | None
    time_ns: float | None
    work_factor: float | None = None
    byte_factor: float | None = None
    roof_factor: float | None = None
    time_factor: float | None = None
    time_gap: float | None = None
    """Measured time over the formula's minimum time: the product of the four factors."""

    @property
    def distance(self) -> float:
        """How far the intensities lie apart, as a logarithm; below any number where one is unknown or 0."""
        return abs(math.log(self.intensity_gap)) if self.intensity_gap else -1.0

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON and CSV."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class DocumentGap:
    """What the reference document claims of an op beside its formula and the measurement."""

    kernel: str
    op: str
    label: str
    claimed_intensity: float
    document_formula_intensity: float | None
    """The reference document's own expression at the sizes of this op."""
    formula_intensity: float | None
    intensity: float | None
    claimed_over_measured: float | None
    claimed_bound: str | None
    bound: str | None
    """On the target GPU."""
    bound_here: str | None
    """On the profiled GPU."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One case, worst first."""

    case: CaseOps
    gaps: tuple[Gap, ...]
    without_formula: int
    """Ops whose range names carry no shape."""
    document: tuple[DocumentGap, ...] = ()
    """Largest claim over measurement first."""

    @property
    def conditions(self) -> dict[str, object]:
        """What every row of the case shares."""
        case = self.case
        values = (case.report, case.phase, case.batch, case.seq_len, case.cache, case.gpu, case.source.target.name)
        return dict(zip(CONDITIONS, values, strict=True))

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {
            **self.conditions, "generated": self.case.source.generated, "without_formula": self.without_formula,
            "ops": [gap.as_dict() for gap in self.gaps], "document": [asdict(row) for row in self.document],
        }  # fmt: skip


def compare(cases: Sequence[CaseOps], against_document: bool = False) -> list[Comparison]:
    """Compare every case.

    Args:
        cases: of one or more reports.
        against_document: whether to set the reference document's claims beside.
    """
    comparisons = []
    for case in cases:
        ops = [*case.ops, *case.step_ops]
        gaps = sorted((gap_of(op) for op in ops if op.formula), key=lambda g: (-g.distance, -(g.time_gap or 0)))
        claims = check_claims(case.source.target) if against_document else ()
        document = _document_gaps(case, claims)
        comparisons.append(Comparison(case, tuple(gaps), sum(op.formula is None for op in ops), tuple(document)))
    return comparisons


def gap_of(op: OpResult) -> Gap:
    """The gap of one op with a formula."""
    formula = op.formula
    assert formula is not None
    formula_point, counted = op.points.formula_on_gpu, op.points.on_gpu
    gap = Gap(
        op=op.op,
        label=op.label,
        formula_intensity=formula.arithmetic_intensity,
        intensity=op.arithmetic_intensity,
        intensity_gap=_over(op.arithmetic_intensity, formula.arithmetic_intensity),
        work_ratio=op.work_ratio,
        byte_ratio=op.byte_ratio,
        formula_bound=formula_point.bound and str(formula_point.bound),
        bound=counted.bound and str(counted.bound),
        formula_time_ns=None if formula_point.bound_time_s is None else formula_point.bound_time_s * 1e9,
        time_ns=op.time_ns,
    )
    return _split(gap, formula_point, counted)


def _split(gap: Gap, formula_point: RooflinePoint, counted: RooflinePoint) -> Gap:
    """Add the factors where everything is known."""
    minimum = counted.bound_time_s
    binding = gap.work_ratio if formula_point.bound is Bound.COMPUTE else gap.byte_ratio
    if not formula_point.bound_time_s or not minimum or not gap.time_ns or not binding:
        return gap
    roof = minimum / formula_point.bound_time_s / binding
    factors = {
        "work_factor": gap.work_ratio if formula_point.bound is Bound.COMPUTE else 1.0,
        "byte_factor": gap.byte_ratio if formula_point.bound is Bound.MEMORY else 1.0,
        "roof_factor": 1.0 if abs(roof - 1) < SAME_ROOF_WITHIN else roof,
        "time_factor": gap.time_ns / (minimum * 1e9),
    }
    return Gap(**{**asdict(gap), **factors, "time_gap": gap.time_ns / (formula_point.bound_time_s * 1e9)})


def _document_gaps(case: CaseOps, claims: Sequence[CheckedClaim]) -> list[DocumentGap]:
    rows = []
    for claim in claims:
        if claim.note:  # a worked example repeats the table's op
            continue
        names = ("topk_softmax", "topk") if claim.op == "topk_softmax" else (claim.op,)
        rows += [_document_gap(claim, op) for op in case.ops if op.op in names]
    return sorted(rows, key=lambda row: -(row.claimed_over_measured or 0))


def _document_gap(claim: CheckedClaim, op: OpResult) -> DocumentGap:
    formula = op.formula
    has_own = formula is not None and claim.document_formula_arithmetic_intensity is not None
    own = DOCUMENT_FORMULAS.get(_DOCUMENT_FORMULA_OF.get(formula.name, "")) if formula and has_own else None
    return DocumentGap(
        kernel=claim.kernel,
        op=op.op,
        label=op.label,
        claimed_intensity=claim.claimed_arithmetic_intensity,
        document_formula_intensity=own(dict(formula.shape)) if own and formula else None,
        formula_intensity=formula.arithmetic_intensity if formula else None,
        intensity=op.arithmetic_intensity,
        claimed_over_measured=_over(claim.claimed_arithmetic_intensity, op.arithmetic_intensity),
        claimed_bound=claim.claimed_bound,
        bound=op.bound,
        bound_here=op.measured_on.bound,
    )


def _over(a: float | None, b: float | None) -> float | None:
    return a / b if a is not None and b else None
