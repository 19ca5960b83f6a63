"""The whole report as data: every section of the reference document, built from one or more analyses."""

from collections.abc import Sequence
from dataclasses import dataclass

from roofprof.document.bottlenecks import Bottlenecks, bottlenecks
from roofprof.document.cases import CaseOps, cases_of, counting_cases, headline_cases, superseded
from roofprof.document.claimed_statements import MeasuredClaim, Statement, check_statements, measured_claims
from roofprof.document.formula_points import FormulaPoint, formula_points
from roofprof.document.opportunities import Opportunities, opportunities
from roofprof.document.placement import Placement, placement
from roofprof.document.provenance import Provenance, provenance
from roofprof.document.scaling import Series, series_of
from roofprof.formulas.worked import WorkedFormula, worked_formula
from roofprof.hardware.devices import DeviceSpec
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport


@dataclass(frozen=True, slots=True)
class WorkedExample:
    """A formula with the numbers of one measured op."""

    case: CaseOps
    op: OpResult
    worked: WorkedFormula


@dataclass(frozen=True, slots=True)
class ReportSections:
    """What the Markdown report says, section by section."""

    gpus: tuple[DeviceSpec, ...]
    """The targets, then the profiled GPUs."""
    ran: tuple[str, ...]
    """Names of the profiled ones."""
    cases: tuple[CaseOps, ...]
    superseded: tuple[tuple[CaseOps, CaseOps], ...]
    """Cases measured more than once, each with the one that counts in series, claims and statements."""
    headline: tuple[CaseOps, ...]
    placements: tuple[Placement, ...]
    examples: tuple[WorkedExample, ...]
    bottlenecks: tuple[Bottlenecks, ...]
    batch_series: tuple[Series, ...]
    length_series: tuple[Series, ...]
    formula_points: tuple[FormulaPoint, ...]
    """Of the first decode case, where no batch series was measured."""
    formula_case: CaseOps | None
    opportunities: tuple[Opportunities, ...]
    mla: tuple[tuple[CaseOps, OpResult], ...]
    """MLA decode in every case, by the implementation that the layer's sums have."""
    claims: tuple[MeasuredClaim, ...]
    statements: tuple[Statement, ...]
    provenance: Provenance


def build_sections(reports: Sequence[RooflineReport]) -> ReportSections:
    """Build every section; cases of several reports stand side by side."""
    cases = cases_of(reports)
    counting = counting_cases(cases)
    layers = [case for case in counting if case.is_of_layer]
    headline = headline_cases(cases)
    batch, length = series_of(cases, "batch"), series_of(cases, "seq_len")
    has_series = any(s.phase == "decode" for s in batch)
    single = None if has_series else next((c for c in counting if c.phase == "decode" and c.batch), None)
    targets = {r.target.name: r.target for r in reports}
    return ReportSections(
        gpus=tuple({**targets, **{r.gpu.name: r.gpu for r in reports}}.values()),
        ran=tuple(dict.fromkeys(r.gpu.name for r in reports)),
        cases=tuple(cases),
        superseded=tuple(superseded(cases)),
        headline=tuple(headline),
        placements=tuple(placement(case) for case in headline),
        examples=tuple(_examples(headline)),
        bottlenecks=tuple(bottlenecks(case) for case in cases),
        batch_series=tuple(batch),
        length_series=tuple(length),
        formula_points=tuple(formula_points(single)) if single else (),
        formula_case=single,
        opportunities=tuple(opportunities(case) for case in headline),
        mla=tuple((case, op) for case in cases for op in case.layer if op.formula and op.formula.name == "mla_decode"),
        claims=tuple(measured_claims(layers)),
        statements=tuple(check_statements(layers, batch, length)),
        provenance=provenance(reports),
    )


def _examples(cases: Sequence[CaseOps]) -> list[WorkedExample]:
    """Each formula once, with the numbers of the longest op that it describes."""
    rows = [(case, op) for case in cases for op in case.ops if op.formula]
    rows.sort(key=lambda row: -(row[1].time_ns or 0))
    examples: dict[str, WorkedExample] = {}
    for case, op in rows:
        assert op.formula is not None
        if op.formula.name not in examples and (worked := worked_formula(op.formula.name, op.formula.shape)):
            examples[op.formula.name] = WorkedExample(case, op, worked)
    order = ("gemm", "moe_gemm", "bmm", "mla_decode", "mha_causal")
    return sorted(examples.values(), key=lambda e: (e.worked.formula not in order, _place(order, e.worked.formula)))


def _place(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)
