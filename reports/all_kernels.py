"""all_kernels.csv: one row per op with everything that a picture or a document needs, and the way back.

docs/all-kernels.md explains every column. Lists and objects stand as JSON; what is constant stands in every row.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from roofprof.errors import ReportError
from roofprof.field_errors import FieldError, wrong
from roofprof.files import parse_json, read_text, write_output
from roofprof.formatting import csv_line
from roofprof.hardware.ceilings import SHIPPED, Ceilings, shipped_ceilings
from roofprof.results.columns import flat_columns, nested
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport, Unattributed
from roofprof.validate import checked

_LAUNCH_COLUMNS = ("launch_id", "kernel_name", "duration_ns", "dram_clock_hz", "waves_per_sm", "achieved_occupancy",
                   "theoretical_occupancy")  # fmt: skip
_CONSTANT = ("generated", "gpu", "target", "notes", "reports", "joins")
Row = Mapping[str, Any]
"""By column; JSON cells read."""
_OF_OP = {column.name: column for column in flat_columns(OpResult)}

_FIRST = """
op implementation report phase cache batch seq_len calls clock_outlier_count time_source bound roof_source source
duration_ns nsys_duration_ns nsys_union_ns nsys_projected_ns graph_union_ns graph_projected_ns share dram_read_bytes
dram_write_bytes dram_bytes dram_upper_bytes l2_bytes l1_fill_bytes flop_count mufu_count arithmetic_intensity
arithmetic_intensity_lower arithmetic_intensity_l2 arithmetic_intensity_l1_fill work_ratio byte_ratio ridge_point
attainable_flop_per_s duration_ns_min duration_ns_max dram_bytes_min dram_bytes_max flop_count_min flop_count_max
tensor_fp4_flop_count tensor_fp6_flop_count tensor_fp8_flop_count tensor_fp16_flop_count tensor_bf16_flop_count
tensor_tf32_flop_count tensor_fp64_flop_count tensor_int8_flop_count fp64_flop_count fp32_flop_count fp16_flop_count
formula_name formula_pipe formula_bound formula_source formula_shape formula_flop_count formula_dram_bytes
formula_dram_read_bytes formula_dram_write_bytes formula_arithmetic_intensity formula_attainable_flop_per_s
measured_on_gpu measured_on_bound measured_on_dram_mix measured_on_ridge_point measured_on_attainable_flop_per_s
measured_on_achieved_flop_per_s measured_on_achieved_dram_bytes_per_s measured_on_roof_fraction
measured_on_roof_fraction_at_clock measured_on_sm_clock_hz measured_on_roof_fraction_measured
measured_on_attainable_flop_per_s_measured useful_flop_count useful_arithmetic_intensity useful_achieved_flop_per_s
useful_roof_fraction nvtx_path kernels launches findings generated gpu target notes reports joins
"""
FIRST_COLUMNS = tuple(_FIRST.split())
"""The columns that the file has always had, in their order; a file without one of them is not read."""

COLUMNS = (*FIRST_COLUMNS, *(name for name in _OF_OP if name not in FIRST_COLUMNS))
"""Those, then whatever else `OpResult` declares."""


def write_all_kernels(report: RooflineReport, path: Path) -> Path:
    """Write the file, whole or not at all.

    Raises:
        RoofprofError: it cannot be written.
    """
    constant = {
        "generated": report.generated, "gpu": _json(report.gpu.as_dict()), "target": _json(report.target.as_dict()),
        "notes": _json(report.notes), "reports": _json([dict(r) for r in report.reports]),
        "joins": _json([_counts(join) for join in report.joins]),
    }  # fmt: skip

    def write(partial: Path) -> None:
        with partial.open("w", encoding="utf-8", newline="") as file:
            file.write(csv_line(COLUMNS))
            launches = _launches(report)
            for op in report.ops:
                own = [launches[key] for launch in sorted(set(op.kernels)) if (key := (op.report, launch)) in launches]
                row = {**_of_op(op), "launches": _json(own), **constant}
                file.write(csv_line(_cell(row[key]) for key in COLUMNS))

    return write_output(path, write)


def _counts(join: Mapping[str, object]) -> dict[str, object]:
    """Without its list of launches, which would be most of the file."""
    return {key: value for key, value in join.items() if not isinstance(value, list)}


def read_all_kernels(path: Path) -> RooflineReport:
    """Read the file back into a report; of the kernels only what `launches` holds.

    Raises:
        ReportError: no such file, no row, or a column missing or invalid.
    """
    hint = "give the all_kernels.csv that scripts/bench_deepseek_kernels.py wrote"
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path, hint), newline="")))
    except csv.Error as error:
        raise ReportError(f"{path} is not CSV: {error}", hint) from None
    if not rows:
        raise ReportError(f"{path} holds no row", hint)
    if missing := [name for name in FIRST_COLUMNS if name not in rows[0]]:
        raise ReportError(f"{path} is missing columns: {', '.join(missing[:5])}", hint)
    try:
        return _report([_uncelled(row, number) for number, row in enumerate(rows, 1)])
    except FieldError as error:
        raise ReportError(f"{path}: {error}", hint) from None


def _of_op(op: OpResult) -> dict[str, object]:
    """The op's own columns; what is neither text nor a number as JSON."""
    row = {name: column.value(op) for name, column in _OF_OP.items()}
    row["findings"] = [finding.as_dict() for finding in op.findings]
    row |= {"ranks": [asdict(share) for share in op.ranks], "rank_calls": [asdict(call) for call in op.rank_calls]}
    return {name: _json(value) if isinstance(value, Mapping | list) else value for name, value in row.items()}


def _launches(report: RooflineReport) -> dict[tuple[str, int], dict[str, object]]:
    """The launches of every op by report and launch id."""
    rows = report.kernels.select("report", *_LAUNCH_COLUMNS).iter_rows(named=True)
    return {(row.pop("report"), row["launch_id"]): row for row in rows}


def _report(rows: Sequence[Row]) -> RooflineReport:
    """The whole, as one report.json would hold it, so that it is checked as that is.

    Raises:
        FieldError: at the key that the value has there, such as `ops[0].calls`.
    """
    first, ops = rows[0], [nested(OpResult, row) for row in rows]
    launches = [
        {**launch, "report": row["report"], "nvtx_path": row["nvtx_path"] or None, "op": row["op"]}
        for number, row in enumerate(rows, 1)
        for launch in _launches_of(row["launches"], number)
    ]
    whole = {
        **{name: first[name] for name in _CONSTANT}, "ops": ops, "kernels": launches, "findings": [],
        "unattributed": asdict(Unattributed(0, None, None, None, [])),
    }  # fmt: skip
    report = RooflineReport.from_dict(whole)
    return replace(
        report, findings=[finding for op in report.ops for finding in op.findings], ceilings=_shipped_roofs(report)
    )


def _shipped_roofs(report: RooflineReport) -> Ceilings | None:
    """The measured roofs of its rows, where they come with roofprof; the file holds no others."""
    if not any(op.measured_on.measured_roofs == SHIPPED for op in report.ops):
        return None
    devices = [device for entry in report.reports for device in entry.get("devices", {}).values()]
    found = (shipped_ceilings(str(device.get("device_name"))) for device in devices)
    return next((roofs for roofs in found if roofs), None)


def _launches_of(cell: object, number: int) -> list[Mapping[str, object]]:
    try:
        found: list[Mapping[str, object]] = checked(list[Mapping[str, object]], cell)
    except FieldError as error:
        raise error.inside("launches").inside(f"row {number}") from None
    return found


def _uncelled(row: Mapping[str, str | None], number: int) -> Row:
    """The values of a row's cells.

    Raises:
        FieldError: a cell is neither a number nor JSON where one of them is expected.
    """
    found = {}
    for key, cell in row.items():
        if key in COLUMNS:
            try:
                found[key] = _uncell(key, cell)
            except (ValueError, OverflowError):
                raise wrong(cell, "a number" if _OF_OP.get(key) else "JSON").inside(f"row {number}.{key}") from None
    return found


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _cell(value: object) -> object:
    """Text that a spreadsheet would run gets an apostrophe, as does text that begins with one."""
    if not isinstance(value, str):
        return "" if value is None else value
    # An unknown name is an empty cell; an empty one is an apostrophe alone.
    return f"'{value}" if not value or value[0] in "=+-@\t\r\n'" else value


def _uncell(key: str, cell: str | None) -> Any:
    """The value of a cell, by the type of its column; JSON where that is neither text nor a number."""
    if not cell:
        return None
    kind = _OF_OP[key].type if key in _OF_OP else str if key == "generated" else None
    text = cell.removeprefix("'")
    if kind is str:
        return text
    if kind is int:
        return int(float(text))
    return float(text) if kind is float else parse_json(text)
