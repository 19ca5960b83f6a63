"""What each NVTX path stands for: op, formula, shape and case, by the range's own name or by an ops file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.formats.capture import Conditions
from roofprof.formulas.models import ShapeError, Work, evaluate
from roofprof.formulas.ops_file import CaseConditions, OpsConfig
from roofprof.formulas.range_names import (
    CASE_FORMULA,
    TRUTH_FORMULA,
    RangeName,
    RangeNameError,
    Shape,
    op_of,
    parse_range_name,
)
from roofprof.names.writers.engine_steps import Batch, batch_of


@dataclass(frozen=True, slots=True)
class NamedRange:
    """One path's meaning."""

    op: str
    formula: str | None = None
    shape: Shape = field(default_factory=dict)
    work: Work | None = None
    case: CaseConditions = field(default_factory=CaseConditions)
    findings: tuple[Finding, ...] = ()


PathKey = tuple[str, tuple[str, ...]]


def name_ranges(
    launches: pl.DataFrame, config: OpsConfig | None, conditions: Mapping[str, Conditions] | None = None
) -> tuple[dict[PathKey, NamedRange], list[Finding]]:
    """Name every distinct path of every report.

    Args:
        launches: rows with `report` and `nvtx_path`.
        config: an ops file, or None.
        conditions: what a capture's manifest says of each report.

    Returns:
        (report, path) to its meaning, and findings that belong to no op.
    """
    paths = launches.select("report", "nvtx_path").unique(maintain_order=True).drop_nulls("nvtx_path")
    known = conditions or {}
    named = {
        (report, tuple(path)): _name(report, tuple(path), config, known.get(report, Conditions()))
        for report, path in paths.iter_rows()
    }
    findings: list[Finding] = []
    if config and named and not any(config.match(path[-1]) for _, path in named):
        findings.append(
            Finding(
                "ops-file-unused",
                Severity.WARNING,
                "no pattern of the ops file matches any range of the reports",
                f"the first range is named {next(iter(named))[1][-1][:80]!r}",
            )
        )
    return named, findings


def _name(report: str, path: tuple[str, ...], config: OpsConfig | None, conditions: Conditions) -> NamedRange:
    innermost = path[-1]
    case = _case(path, config, conditions)
    matched = config.match(innermost) if config else None
    if matched:
        if matched.implementation:
            case = CaseConditions(case.phase, case.batch, case.seq_len, case.cache, matched.implementation)
        return _evaluated(report, RangeName(matched.op, matched.formula, matched.shape), case)
    try:
        parsed = parse_range_name(innermost)
    except RangeNameError as error:
        op = op_of(innermost)
        finding = Finding(
            "range-name",
            Severity.INFO,
            f"the range's name carries no shape: {error}",
            "name it op:formula:sizes:precision, or map it with --ops",
            op=op,
            report=report,
            values={"name": innermost},
        )
        return NamedRange(op, case=case, findings=(finding,))
    return _evaluated(report, parsed, case)


def _evaluated(report: str, name: RangeName, case: CaseConditions) -> NamedRange:
    if name.formula is None or name.formula in (CASE_FORMULA, TRUTH_FORMULA):
        return NamedRange(name.op, case=case)
    try:
        work = evaluate(name.formula, name.shape)
    except ShapeError as error:
        finding = Finding(
            "range-name",
            Severity.INFO,
            f"the range's shape does not fit its formula: {error}",
            "docs/formulas.md lists the formulas and their sizes",
            op=name.op,
            report=report,
            values={"name": str(name)},
        )
        return NamedRange(name.op, case=case, findings=(finding,))
    return NamedRange(name.op, name.formula, name.shape, work, case)


def _case(path: tuple[str, ...], config: OpsConfig | None, conditions: Conditions) -> CaseConditions:
    """The case by the innermost layer range around the op, else by an engine's step, else by the ops file.

    Cache and implementation are the manifest's.
    """
    default = config.case if config else CaseConditions()
    cache = conditions.cache or default.cache
    for text in reversed(path[:-1]):
        try:
            name = parse_range_name(text)
        except RangeNameError:
            continue
        if name.formula == CASE_FORMULA:
            sizes: Mapping[str, int | float | str] = name.shape
            batch, seq_len = sizes.get("b"), sizes.get("s")
            return CaseConditions(
                name.op,
                batch if isinstance(batch, int) else default.batch,
                seq_len if isinstance(seq_len, int) else default.seq_len,
                cache,
                conditions.implementations.get(text, {}).get(op_of(path[-1]), default.implementation),
            )
    steps = [step for text in path if (step := batch_of(text))]
    step = steps[-1] if steps else Batch(None, None)
    return CaseConditions(
        step.phase or default.phase, step.batch or default.batch, default.seq_len, cache, default.implementation
    )
