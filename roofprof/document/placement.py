"""The kernel placement table: the reference document's 11 kernels, measured or by formula, then every other op."""

from dataclasses import dataclass

from roofprof.document.cases import CaseOps
from roofprof.document.claimed_kernels import (
    DOCUMENT_KERNELS,
    DocumentKernel,
    formula_spec,
    gpu_of_case,
    ops_of,
    why_not,
)
from roofprof.formulas.worked import shape_words
from roofprof.hardware.roofline import Roofs, place
from roofprof.results.op import KERNEL_MARK, OpResult, marked


@dataclass(frozen=True, slots=True)
class PlacementRow:
    """One kernel in one case. None is unknown, or not to be had by formula."""

    kernel: str
    op: str
    source: str
    """`measured` or `formula`."""
    formula_intensity: float | None
    intensity: float | None
    work_ratio: float | None
    byte_ratio: float | None
    bound: str | None
    """By the target's roofs: of the measured work, or of the formula's in a formula row."""
    attainable_flop_per_s: float | None
    bound_here: str | None
    """On the profiled GPU."""
    achieved_flop_per_s: float | None
    achieved_dram_bytes_per_s: float | None
    roof_fraction: float | None
    reason: str = ""
    """Why it was not measured, or why it stands under another kernel's row."""
    shape: str | None = None
    """In words."""
    ran: str | None = None
    """The implementation or kernel, where `kernel` is the reference document's name for it."""
    findings: tuple[str, ...] = ()
    """Kinds."""
    mark: str = ""
    """`KERNEL_MARK` where a kernel's row stands among ops."""
    measured: OpResult | None = None
    """The row of the report that it shows; None in a formula row."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The table of one case."""

    case: CaseOps
    document_rows: tuple[PlacementRow, ...]
    """At least one per kernel of the reference document's table, in its order; what ran instead follows each. None
    where the case is no layer."""
    other_rows: tuple[PlacementRow, ...]
    """Ops that the reference document's table leaves out."""


def placement(case: CaseOps) -> Placement:
    """Build the table of a case; of one that is no layer every row stands among the others, longest first."""
    if not case.is_of_layer:
        longest = sorted((*case.ops, *case.step_ops), key=lambda op: -(op.time_ns or 0))
        return Placement(case, (), tuple(_measured(case, op, case.kernel_of(op)) for op in longest))
    shown: set[int] = set()
    rows: list[PlacementRow] = []
    for kernel in DOCUMENT_KERNELS:
        found = list(ops_of(kernel, case))
        own = [op for op, matches in found if matches]
        if own:
            rows += [_measured(case, op, kernel.kernel) for op in own if id(op) not in shown]
        else:
            rows.append(_by_formula(kernel, case))
        instead = [op for op, matches in found if not matches and id(op) not in shown]
        rows += [_measured(case, op, case.kernel_of(op), "ran instead") for op in instead]
        shown |= {id(op) for op, _ in found}
    others = [op for op in (*case.ops, *case.step_ops) if id(op) not in shown]
    return Placement(case, tuple(rows), tuple(_measured(case, op, case.kernel_of(op)) for op in others))


def _measured(case: CaseOps, op: OpResult, kernel: str, why: str = "") -> PlacementRow:
    here, formula = op.measured_on, op.formula
    ran = case.kernel_of(op)
    return PlacementRow(
        kernel=kernel,
        op=op.op,
        source=op.source,
        formula_intensity=formula.arithmetic_intensity if formula else None,
        intensity=op.arithmetic_intensity,
        work_ratio=op.work_ratio,
        byte_ratio=op.byte_ratio,
        bound=op.bound,
        attainable_flop_per_s=op.attainable_flop_per_s,
        bound_here=here.bound,
        achieved_flop_per_s=here.achieved_flop_per_s,
        achieved_dram_bytes_per_s=here.achieved_dram_bytes_per_s,
        roof_fraction=here.roof_fraction,
        reason=why,
        shape=shape_words(formula.name, formula.shape) if formula else None,
        ran=ran if ran != kernel else None,
        findings=tuple(dict.fromkeys(f.kind for f in op.findings)),
        mark=KERNEL_MARK if op.kind == "kernel" and marked(case.ops) else "",
        measured=op,
    )


def _by_formula(kernel: DocumentKernel, case: CaseOps) -> PlacementRow:
    spec = formula_spec(kernel, case)
    work = spec.work
    placed = place({work.pipe: work.flop_count}, work.dram_bytes, Roofs.of(case.source.target))
    return PlacementRow(
        kernel=kernel.kernel,
        op=kernel.op,
        source="formula",
        formula_intensity=work.arithmetic_intensity,
        intensity=None,
        work_ratio=None,
        byte_ratio=None,
        bound=placed.bound and str(placed.bound),
        attainable_flop_per_s=placed.attainable_flop_per_s,
        bound_here=None,
        achieved_flop_per_s=None,
        achieved_dram_bytes_per_s=None,
        roof_fraction=None,
        reason=why_not(kernel, case, gpu_of_case(case)),
        shape=shape_words(spec.formula, spec.shape),
    )
