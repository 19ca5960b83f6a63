"""A whole step of a model by formula: every layer, then what runs once."""

from dataclasses import replace

from roofprof.errors import UsageError
from roofprof.formulas.models import ShapeError
from roofprof.formulas.served.case import ServedCase
from roofprof.formulas.served.layer import served_ops
from roofprof.formulas.table import FormulaRow, FormulaTotal, formula_total, placed_rows
from roofprof.hardware.devices import DeviceSpec


def served_rows(case: ServedCase, gpu: DeviceSpec) -> list[FormulaRow]:
    """The ops of one layer in launch order.

    Raises:
        UsageError: sizes that the model cannot be cut into, or beyond what a formula takes.
    """
    try:
        return placed_rows(served_ops(case), case, gpu)
    except ShapeError as error:
        raise UsageError(f"{case.model.name} at these sizes: {error}", "use smaller sizes") from None


def step_total(case: ServedCase, gpu: DeviceSpec) -> FormulaTotal:
    """The sum over all layers of the model and lm_head; embedding, last norm and sampling are left out.

    Args:
        case: any layer's; its kind is not read.
        gpu: the target.
    """
    rows: list[FormulaRow] = []
    once: list[FormulaRow] = []
    for kind, count in case.model.kinds.items():
        layer = served_rows(replace(case, kind=kind), gpu)
        rows += [row for row in layer if row.per == "layer"] * count
        once = [replace(row, per="layer") for row in layer if row.per == "step"]
    return formula_total([*rows, *once])
