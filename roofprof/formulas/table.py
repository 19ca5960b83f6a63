"""The layer by formula: every op placed on a GPU's roofline, and the sum."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from roofprof.errors import UsageError
from roofprof.formulas.layer import LayerCase, OpSpec, layer_ops
from roofprof.formulas.range_names import Shape
from roofprof.formulas.work import Work
from roofprof.hardware.devices import DeviceSpec
from roofprof.hardware.roofline import UNPLACED, Bound, RooflinePoint, Roofs, place


@dataclass(frozen=True, slots=True)
class FormulaRow:
    """One op of one case by formula. Field names are those of `roofprof ops --json`."""

    op: str
    formula: str
    shape: Shape
    phase: str
    batch: int
    seq_len: int
    precision: str | None
    pipe: str
    flop_count: float
    dram_bytes: float
    dram_read_bytes: float
    dram_write_bytes: float
    arithmetic_intensity: float | None
    ridge_point: float | None
    bound: str | None
    attainable_flop_per_s: float | None
    bound_time_s: float | None
    """The minimum time by the roofs; a collective's is the link's."""
    link_bytes: float
    per: str
    source: str = "formula"
    link_bytes_per_s: float | None = None
    """The link's rate, each way: the roof of a collective."""


@dataclass(frozen=True, slots=True)
class FormulaTotal:
    """The sum over the ops of a layer; `step` ops (lm_head) are left out."""

    flop_count: float
    dram_bytes: float
    arithmetic_intensity: float | None
    bound_time_s: float | None
    """One op after the other, no overlap."""
    attainable_flop_per_s: float | None
    source: str = "formula"
    link_bytes: float = 0
    link_time_s: float | None = None
    """Of the collectives, in `bound_time_s`; None where there are none, or no rate is known."""
    overlapped_time_s: float | None = None
    """All communication hidden behind the other ops, or they behind it: the longer of the two."""


def formula_rows(case: LayerCase, gpu: DeviceSpec) -> list[FormulaRow]:
    """The ops of a case in launch order."""
    return placed_rows(layer_ops(case), case, gpu)


class Sized(Protocol):
    """What a row says of its case."""

    @property
    def phase(self) -> str:
        """decode or prefill."""
        ...

    @property
    def batch(self) -> int:
        """Sequences."""
        ...

    @property
    def seq_len(self) -> int:
        """Decode: KV length. Prefill: new tokens per sequence."""
        ...


def placed_rows(specs: Sequence[OpSpec], case: Sized, gpu: DeviceSpec) -> list[FormulaRow]:
    """Ops of any model's layer, each on the GPU's roofline."""
    return [_row(spec, case, gpu) for spec in specs]


def formula_total(rows: Sequence[FormulaRow]) -> FormulaTotal:
    """Sum, then divide: the AI of the sum, and the rate if every op ran at its own roof."""
    layer = [row for row in rows if row.per == "layer"]
    flop_count, dram_bytes = sum(r.flop_count for r in layer), sum(r.dram_bytes for r in layer)
    times = [r.bound_time_s for r in layer]
    time = None if None in times else sum(t for t in times if t)
    link_bytes = sum(r.link_bytes for r in layer)
    link_time = sum(r.bound_time_s or 0 for r in layer if r.link_bytes) if time is not None and link_bytes else None
    return FormulaTotal(
        flop_count,
        dram_bytes,
        flop_count / dram_bytes if dram_bytes else None,
        time,
        flop_count / time if time else None,
        link_bytes=link_bytes,
        link_time_s=link_time,
        overlapped_time_s=max(link_time, time - link_time) if time is not None and link_time is not None else None,
    )


def _row(spec: OpSpec, case: Sized, gpu: DeviceSpec) -> FormulaRow:
    work = spec.work
    placed = _on_link(work, gpu) or place({work.pipe: work.flop_count}, work.dram_bytes, Roofs.of(gpu))
    precision = spec.shape.get("precision")
    return FormulaRow(
        op=spec.op,
        formula=spec.formula,
        shape=spec.shape,
        phase=case.phase,
        batch=case.batch,
        seq_len=case.seq_len,
        precision=str(precision) if precision else None,
        pipe=work.pipe,
        flop_count=work.flop_count,
        dram_bytes=work.dram_bytes,
        dram_read_bytes=work.dram_read_bytes,
        dram_write_bytes=work.dram_write_bytes,
        arithmetic_intensity=work.arithmetic_intensity,
        ridge_point=gpu.ridge_point(work.pipe),
        bound=placed.bound and str(placed.bound),
        attainable_flop_per_s=placed.attainable_flop_per_s,
        bound_time_s=placed.bound_time_s,
        link_bytes=work.link_bytes,
        per=spec.per,
        link_bytes_per_s=gpu.nvlink_bytes_per_s if work.link_bytes else None,
    )


def _on_link(work: Work, gpu: DeviceSpec) -> RooflinePoint | None:
    """A collective on the link's roof, unknown where that is; None for what sends nothing."""
    if not work.link_bytes:
        return None
    rate = gpu.nvlink_bytes_per_s
    return RooflinePoint(Bound.COMMUNICATION, None, None, work.link_bytes / rate) if rate else UNPLACED


SORT_KEYS = {
    "order": "",
    "time": "bound_time_s",
    "bytes": "dram_bytes",
    "flop": "flop_count",
    "ai": "arithmetic_intensity",
}


def sort_rows(rows: list[FormulaRow], key: str) -> list[FormulaRow]:
    """Rows by name upwards or by a number downwards.

    Raises:
        UsageError: unknown sort key.
    """
    if key == "name":
        return sorted(rows, key=lambda row: row.op)
    if key not in SORT_KEYS:
        raise UsageError(f"unknown sort key {key!r}", f"use one of {', '.join([*SORT_KEYS, 'name'])}")
    if key == "order":
        return rows
    return sorted(rows, key=lambda row: -(getattr(row, SORT_KEYS[key]) or 0.0))


def formula_document(
    gpu: DeviceSpec,
    cases: Sequence[Mapping[str, object]],
    ops: Sequence[Mapping[str, object]],
    tables: Sequence[Sequence[FormulaRow]],
) -> dict[str, object]:
    """What the JSON of `roofprof ops` holds, whatever the model.

    Args:
        gpu: the target.
        cases: each case's sizes.
        ops: the rows that are shown.
        tables: all rows of each case; `total` is there where one case is alone.
    """
    totals = [asdict(formula_total(rows)) for rows in tables]
    return {
        "schema_version": 1,
        "source": "formula",
        "gpu": gpu.as_dict(),
        "cases": list(cases),
        "ops": list(ops),
        "totals": totals,
        "total": totals[0] if len(totals) == 1 else None,
    }
