"""What a case ran, and what it could run, as plain data."""

from collections.abc import Sequence
from typing import Any

from roofprof.formulas.layer import LayerCase, OpSpec
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.ranges import case_range
from roofprof.harness.plan.choose import PlannedOp, expected_counts

UNTESTED = "untested on Blackwell"


def case_record(ctx: Context, planned: Sequence[PlannedOp]) -> dict[str, Any]:
    """A case that has run: its ops with counted shapes, and its routing."""
    counts = ctx.counts
    ops = []
    for op in planned:
        row = _op_row(op, op.stated(counts))
        row["range_name"] = None if op.not_run else op.range_name(counts)
        ops.append(row)
    record = {**_case_fields(ctx.case, ctx.options.experts), "ops": ops, "routing": None}
    if ctx.case.layer == "moe":
        record["routing"] = {
            "experts_hit": counts.hit,
            "row_count": counts.rows,
            "rows_per_expert": list(counts.rows_per_expert),
        }
    return record


def listing(case: LayerCase, planned: Sequence[PlannedOp], experts: int) -> dict[str, Any]:
    """A case that has not run: expected shapes, what can run each op and what cannot."""
    counts = expected_counts(case, experts)
    rows = []
    for op in planned:
        possible = [i.name for i in op.choice.possible]
        rows.append({**_op_row(op, op.stated(counts)), "possible": possible, "refused": dict(op.choice.refused)})
    return {**_case_fields(case, experts), "ops": rows}


def _case_fields(case: LayerCase, experts: int) -> dict[str, Any]:
    return {
        "range_name": case_range(case),
        "phase": case.phase,
        "batch": case.batch,
        "seq_len": case.seq_len,
        "layer": case.layer,
        "recipe": case.recipe.name,
        "tp": case.tp,
        "ep": case.ep,
        "experts": experts,
    }


def _op_row(op: PlannedOp, stated: OpSpec) -> dict[str, Any]:
    implementation = op.implementation
    work = stated.work
    row: dict[str, Any] = {
        "op": stated.op,
        "implementation": implementation.name if implementation and not op.not_run else None,
        "formula": stated.formula,
        "shape": dict(stated.shape),
        "flop_count": work.flop_count,
        "dram_bytes": work.dram_bytes,
        "not_run": op.not_run,
        "note": implementation.note if implementation else None,
        "untested": UNTESTED if implementation and implementation.untested else None,
    }
    if work.link_bytes:
        row["link_bytes"] = work.link_bytes
    return row
