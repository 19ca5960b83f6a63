"""Tables of the formula side for a terminal: the layer, the reference document's claims."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roofprof.document.claims import CheckedClaim
from roofprof.formatting import format_number, format_si, printable
from roofprof.formulas.layer import LayerCase
from roofprof.formulas.served.case import ServedCase
from roofprof.formulas.table import FormulaRow, FormulaTotal, formula_total
from roofprof.hardware.devices import DeviceSpec
from roofprof.reports.tables.formula_console import WIDTH, formula_console
from roofprof.reports.tables.lines import room_beside
from roofprof.reports.tables.terminal import shown


def _table(*headings: str, footer: bool = False) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=0, pad_edge=False, show_footer=footer)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i == 0 else "right", no_wrap=i == 0)
    return table


def print_formula_rows(
    case: LayerCase | ServedCase, rows: Sequence[FormulaRow], gpu: DeviceSpec, top: int | None = None
) -> None:
    """The first `top` ops of one case, and the sum of all."""
    total = formula_total(rows)
    console = formula_console()
    where = f"tp {case.tp}, ep {case.ep}" if case.tp * case.ep > 1 else "one GPU"
    length = "KV length" if case.phase == "decode" else "new tokens per sequence"
    hit = f", {case.hit:.4g} experts hit{'' if case.experts_hit else ' (expected)'}" if case.layer == "moe" else ""
    console.print(
        shown(
            f"{case.phase}, {_layer(case)} layer, batch {case.batch}, {length} {case.seq_len}, "
            f"recipe {case.recipe.name}, {_served(case)}{where}{hit}; by formula on {gpu.name}"
        )
    )
    console.print(_op_table(rows, rows[:top], total, console.width))
    if any(row.per == "step" for row in rows):
        console.print("* once per step, not once per layer: left out of the total")
    console.print(f"minimum time by the roofs: {format_si(total.bound_time_s, 's')}")
    if total.link_bytes:
        _print_communication(console, case, rows, total, gpu)
    console.print(shown(f"{gpu.name}: {gpu.source}"))
    console.print()


def _op_table(rows: Sequence[FormulaRow], chosen: Sequence[FormulaRow], total: FormulaTotal, width: int) -> Table:
    """The chosen rows over the sum of all; a narrow one is without ridge points, and cuts names and no figure."""
    whole = [_cells(row) for row in chosen]
    heads = ["op", "shape", "prec.", "FLOP", "bytes", "AI", "ridge", "bound", "attain.\nFLOP/s"]
    foot = ["total" if len(chosen) == len(rows) else f"total of all {len(rows)}", "", "", format_si(total.flop_count),
            format_si(total.dram_bytes, "B"), format_number(total.arithmetic_intensity), "", "",
            format_si(total.attainable_flop_per_s)]  # fmt: skip
    kept = [place for place in range(len(heads)) if width >= WIDTH or place != _RIDGE]
    if width < WIDTH:
        whole = [[_SHORT.get(cell, cell) for cell in cells] for cells in whole]
    room = room_beside([[cells[place] for place in kept[1:]] for cells in (heads, foot, *whole)], width)
    table = _table(*(heads[place] for place in kept), footer=True)
    for column, place in zip(table.columns, kept, strict=True):
        column.footer = foot[place]
    table.columns[1].no_wrap, table.columns[1].justify = True, "left"
    for cells in whole:
        table.add_row(shown(printable(cells[0], room)), *(shown(cells[place]) for place in kept[1:]))
    return table


_RIDGE = 6
_SHORT = {"memory": "mem", "compute": "comp"}


def _cells(row: FormulaRow) -> list[str]:
    return [
        row.op if row.per == "layer" else f"{row.op}*", _shape(row), _precision(row), format_si(row.flop_count),
        format_si(row.dram_bytes, "B"), format_number(row.arithmetic_intensity),
        _ridge(None if row.link_bytes else row.ridge_point), _bound(row), format_si(row.attainable_flop_per_s),
    ]  # fmt: skip


def _bound(row: FormulaRow) -> str:
    """`comm.`, for the column is narrow."""
    return "comm." if row.bound == "communication" else row.bound or "—"


def _print_communication(
    console: Console, case: LayerCase | ServedCase, rows: Sequence[FormulaRow], total: FormulaTotal, gpu: DeviceSpec
) -> None:
    """What goes over the link, how long that takes at the least, and the layer with and without overlap."""
    moved = ", ".join(
        f"{r.op} {format_si(r.link_bytes, 'B')}" + (f" ({format_si(r.bound_time_s, 's')})" if r.bound_time_s else "")
        for r in rows
        if r.link_bytes
    )
    labels = [f"all-reduce {case.all_reduce}"] * (case.tp > 1) + [f"dispatch {case.dispatch}"] * (case.ep > 1)
    console.print(shown(f"sent by each GPU ({', '.join(labels)}): {moved}"))
    if gpu.nvlink_bytes_per_s is None:
        console.print(shown(f"no link rate of {gpu.name} is known, hence no time of the collectives and of the layer"))
        return
    each = f"{format_si(gpu.nvlink_bytes_per_s, 'B/s')} each way, if all {case.ranks} GPUs share one NVLink domain"
    console.print(
        shown(f"comm.: the link's roof, {each}; communication {format_si(total.link_time_s, 's')} of the sum")
    )
    console.print(
        f"layer, nothing overlapped {format_si(total.bound_time_s, 's')}, "
        f"all communication overlapped {format_si(total.overlapped_time_s, 's')}"
    )


def print_claims(claims: Sequence[CheckedClaim], gpu: DeviceSpec) -> None:
    """Every claim of the reference document with three AIs and a verdict."""
    console = formula_console()
    table = _table(
        "kernel, op",
        "m",
        "AI\nclaimed",
        "AI, doc.\nformula",
        "AI\nroofprof",
        "bound\nclaimed",
        "bound\nroofprof",
        "verdict",
    )
    table.columns[-1].justify = "left"
    table.columns[0].no_wrap = console.width == WIDTH
    for claim in claims:
        name = f"{claim.kernel}\n  {claim.op}" + (f", {claim.note}" if claim.note else "")
        table.add_row(
            Text(name), str(claim.m), format_number(claim.claimed_arithmetic_intensity),
            format_number(claim.document_formula_arithmetic_intensity), format_number(claim.arithmetic_intensity),
            claim.claimed_bound or "—", claim.bound or "—", claim.verdict,
        )  # fmt: skip
    console.print(table)
    note = "m: tokens; where the claim names none, 128 (16 for dsv3). roofprof's formulas: docs/formulas.md. "
    console.print(shown(f"{note}{gpu.name}: {gpu.source}"))


def _layer(case: LayerCase | ServedCase) -> str:
    return str(case.kind) if isinstance(case, ServedCase) else case.layer


def _served(case: LayerCase | ServedCase) -> str:
    """What R1's layer has no option for."""
    if not isinstance(case, ServedCase):
        return ""
    drafted = f"{case.queries} new tokens each, " if case.phase == "decode" and case.queries > 1 else ""
    return drafted + (f"KV cache {case.kv_cache}, " if case.kv_cache != "bf16" else "")


def _precision(row: FormulaRow) -> str:
    """Of inputs and weights; weights of 4 bits under other inputs are named, the inputs follow from the recipe."""
    return "w4" if row.formula.endswith("_w4") else row.precision or ""


def _shape(row: FormulaRow) -> str:
    """Sizes but those that every row shares or the heading tells; heads of keys behind those of queries."""
    hidden = {"t", "kb"} | ({"g", "sb"} if row.formula.endswith("_w4") else set())
    hidden |= {"hk"} if "h" in row.shape else set()
    sizes = {k: v for k, v in row.shape.items() if not isinstance(v, str) and k not in hidden and (k, v) != ("p", 0)}
    keys = f"/{row.shape['hk']}" if "h" in row.shape and "hk" in row.shape else ""
    words = (f"{k}{v:.4g}" if isinstance(v, float) else f"{k}{v}" for k, v in sizes.items())
    return " ".join(word + keys if word.startswith("h") else word for word in words)


def _ridge(value: float | None) -> str:
    return "—" if value is None else f"{value:.5g}"
