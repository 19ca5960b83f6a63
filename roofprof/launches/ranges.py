"""What each NVTX path stands for: op, formula, shape and case, by the range's own name or by an ops file."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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
    parse_range_name,
)
from roofprof.names.labels import distinct_labels
from roofprof.names.reading import Layers, ReadPath, read_path
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
    key: tuple[str, ...] = ()
    """Equal for the paths of one row: what differs between them are layer and step numbers."""
    layer: int | None = None


PathKey = tuple[str, tuple[str, ...]]


def name_ranges(
    launches: pl.DataFrame, config: OpsConfig | None, conditions: Mapping[str, Conditions] | None = None,
    domains: Mapping[str, str] | None = None, layers: Layers = "folded",
) -> tuple[dict[PathKey, NamedRange], list[Finding]]:  # fmt: skip
    """Name every distinct path of every report.

    Args:
        launches: rows with `report` and `nvtx_path`.
        config: an ops file, or None.
        conditions: what a capture's manifest says of each report.
        domains: the NVTX domain of each report's ranges.
        layers: whether layers are told apart.

    Returns:
        (report, path) to its meaning, and findings that belong to no op.
    """
    paths = launches.select("report", "nvtx_path").unique(maintain_order=True).drop_nulls("nvtx_path")
    known, of_report = conditions or {}, domains or {}
    read = {
        (report, tuple(path)): read_path(tuple(path), of_report.get(report), layers)
        for report, path in paths.iter_rows()
    }
    named = {key: _name(*key, found, config, known.get(key[0], Conditions())) for key, found in read.items()}
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
    return _told_apart(named), findings


def case_outside(config: OpsConfig | None, conditions: Conditions) -> CaseConditions:
    """The case of launches in no range."""
    return _case((), config, conditions)


def _told_apart(named: Mapping[PathKey, NamedRange]) -> dict[PathKey, NamedRange]:
    """Ops of one case and name that are different paths get names that differ; those with a formula keep theirs."""
    rows = {(report, n.case, n.op, n.key) for (report, _), n in named.items() if n.formula is None}
    counts = Counter(row[:3] for row in rows)
    labels = {
        report: distinct_labels({n.key for (other, _), n in named.items() if other == report})
        for report in {report for report, _ in named}
    }
    found = {}
    for (report, path), range_ in named.items():
        own = range_
        if range_.formula is None and counts[report, range_.case, range_.op] > 1:
            op = labels[report][range_.key]
            own = replace(range_, op=op, findings=tuple(replace(f, op=op) for f in range_.findings))
        found[report, path] = own
    return found


def _name(
    report: str, path: tuple[str, ...], read: ReadPath, config: OpsConfig | None, conditions: Conditions
) -> NamedRange:
    innermost = path[-1]
    case = _case(path, config, conditions)
    matched = config.match(innermost) if config else None
    if matched:
        if matched.implementation:
            case = CaseConditions(case.phase, case.batch, case.seq_len, case.cache, matched.implementation)
        found = _evaluated(report, RangeName(matched.op, matched.formula, matched.shape), case)
    elif read.innermost.formula is not None or (why := _why_no_shape(innermost)) is None:
        found = _evaluated(report, RangeName(read.op, read.innermost.formula, read.innermost.shape), case)
    else:
        finding = Finding(
            "range-name",
            Severity.INFO,
            f"the range's name carries no shape: {why}",
            "name it op:formula:sizes:precision, or map it with --ops",
            op=read.op,
            report=report,
            values={"name": innermost},
        )
        found = NamedRange(read.op, case=case, findings=(finding,))
    return replace(found, key=read.key, layer=read.layer)


def _why_no_shape(name: str) -> str | None:
    """Why a name gives no formula; None of a plain name, which does not try to."""
    try:
        parsed = parse_range_name(name)
    except RangeNameError as error:
        return str(error)
    return None if parsed.formula is None else "nothing that follows its first colon is a size or a precision"


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
                conditions.implementations.get(text, {}).get(read_path(path).op, default.implementation),
            )
    steps = [step for text in path if (step := batch_of(text))]
    step = steps[-1] if steps else Batch(None, None)
    return CaseConditions(
        step.phase or default.phase, step.batch or default.batch, default.seq_len, cache, default.implementation
    )
