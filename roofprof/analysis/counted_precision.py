"""The formula of a name that gives sizes alone: at the precision that the counters show, or not at all."""

from collections.abc import Mapping
from dataclasses import replace

from roofprof.findings import Finding, Severity
from roofprof.formulas.models import ShapeError, evaluate
from roofprof.launches.ranges import NamedRange
from roofprof.names.precision import complete_shape, lacks_precision, precision_from_work
from roofprof.names.reading import read_path
from roofprof.names.writers import own

COUNTERS = "counters"


def with_counted_precision(
    named: NamedRange, path: tuple[str, ...], report: str, flop_by_pipe: Mapping[str, float | None]
) -> tuple[NamedRange, str | None]:
    """Complete the shape that somebody else's range name gave.

    A name of ours and an ops file say the precision or mean the formula's default; anybody else's knows none.

    Args:
        named: what the path stands for.
        path: range names from the outermost in.
        report: for the finding.
        flop_by_pipe: executed FLOPs of the row.

    Returns:
        The meaning, and "counters" where its precision is from there. Without a formula, and with a finding, where
        the counters show no precision, or one whose bytes the formula does not know.
    """
    read = read_path(path).innermost
    if named.formula is None or read.writer == own.NAME or (read.formula, read.shape) != (named.formula, named.shape):
        return named, None
    if not lacks_precision(named.formula, named.shape):
        return named, None
    precision = precision_from_work(flop_by_pipe)
    shape = complete_shape(named.shape, precision)
    try:
        if precision is None:
            raise ShapeError("no tensor pipe is known to have run, so its precision is unknown")
        return replace(named, shape=shape, work=evaluate(named.formula, shape)), COUNTERS
    except ShapeError as error:
        finding = Finding(
            "range-name",
            Severity.INFO,
            f"the range's name gives the sizes of a {named.formula} alone: {error}",
            "give the precision with --ops, or name the range op:formula:sizes:precision",
            op=named.op,
            report=report,
            values={"name": path[-1]},
        )
        return replace(named, formula=None, shape={}, work=None, findings=(*named.findings, finding)), None
