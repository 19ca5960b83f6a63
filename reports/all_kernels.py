"""all_kernels.csv: one row an op with everything that a picture or a document needs, and the way back.

docs/all-kernels.md explains every column. Lists and objects stand as JSON; what is constant stands in every row.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from roofprof.errors import ReportError
from roofprof.files import write_output
from roofprof.findings import Finding
from roofprof.hardware.devices import PIPES, device_from_dict
from roofprof.results.op import FormulaResult, MeasuredOn, OpResult, Useful
from roofprof.results.report import KERNEL_SCHEMA, RooflineReport, Unattributed

_OP_TEXT = ("op", "implementation", "report", "phase", "cache", "time_source", "bound", "roof_source", "source")
_OP_WHOLE = ("batch", "seq_len", "calls", "clock_outlier_count")
_OP_NUMBERS = (
    "duration_ns", "nsys_duration_ns", "nsys_union_ns", "nsys_projected_ns", "graph_union_ns", "graph_projected_ns",
    "share", "dram_read_bytes", "dram_write_bytes", "dram_bytes", "dram_upper_bytes", "l2_bytes", "l1_fill_bytes",
    "flop_count", "mufu_count", "arithmetic_intensity", "arithmetic_intensity_lower", "arithmetic_intensity_l2",
    "arithmetic_intensity_l1_fill", "work_ratio", "byte_ratio", "ridge_point", "attainable_flop_per_s",
)  # fmt: skip
_OP_JSON = ("nvtx_path", "kernels")
_FORMULA_TEXT = ("name", "pipe", "bound", "source")
_FORMULA_NUMBERS = ("flop_count", "dram_bytes", "dram_read_bytes", "dram_write_bytes", "arithmetic_intensity",
                    "attainable_flop_per_s")  # fmt: skip
_HERE_TEXT = ("gpu", "bound", "dram_mix")
_HERE_NUMBERS = ("ridge_point", "attainable_flop_per_s", "achieved_flop_per_s", "achieved_dram_bytes_per_s",
                 "roof_fraction", "roof_fraction_at_clock", "sm_clock_hz", "roof_fraction_measured",
                 "attainable_flop_per_s_measured")  # fmt: skip
_USEFUL = ("flop_count", "arithmetic_intensity", "achieved_flop_per_s", "roof_fraction")
_SPREAD = tuple(f"{name}_{end}" for name in ("duration_ns", "dram_bytes", "flop_count") for end in ("min", "max"))
_LAUNCH_COLUMNS = ("launch_id", "kernel_name", "duration_ns", "dram_clock_hz", "waves_per_sm", "achieved_occupancy",
                   "theoretical_occupancy")  # fmt: skip
_CONSTANT = ("generated", "gpu", "target", "notes", "reports", "joins")
_SHARED = ("launches", "findings", "formula_shape", "nvtx_path", "kernels", *_CONSTANT[1:])

COLUMNS = (
    *_OP_TEXT[:2], *_OP_TEXT[2:5], *_OP_WHOLE, *_OP_TEXT[5:], *_OP_NUMBERS, *_SPREAD,
    *(f"{pipe}_flop_count" for pipe in PIPES),
    *(f"formula_{name}" for name in (*_FORMULA_TEXT, "shape", *_FORMULA_NUMBERS)),
    *(f"measured_on_{name}" for name in (*_HERE_TEXT, *_HERE_NUMBERS)),
    *(f"useful_{name}" for name in _USEFUL),
    *_OP_JSON, "launches", "findings", *_CONSTANT,
)  # fmt: skip
"""In this order."""


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
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            for op in report.ops:
                writer.writerow({key: _cell(value) for key, value in {**_row(report, op), **constant}.items()})

    return write_output(path, write)


def _counts(join: Mapping[str, Any]) -> dict[str, Any]:
    """Without its list of launches, which would be most of the file."""
    return {key: value for key, value in join.items() if not isinstance(value, list)}


def read_all_kernels(path: Path) -> RooflineReport:
    """Read the file back into a report; of the kernels only what `launches` holds.

    Raises:
        ReportError: no such file, no row, or a column missing or garbled.
    """
    hint = "give the all_kernels.csv that scripts/bench_deepseek_kernels.py wrote"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise ReportError(f"cannot read {path}: {error}", hint) from None
    if not rows:
        raise ReportError(f"{path} holds no row", hint)
    if missing := [name for name in COLUMNS if name not in rows[0]]:
        raise ReportError(f"{path} lacks the columns {', '.join(missing[:5])}", hint)
    try:
        return _report([{key: _uncell(key, value) for key, value in row.items() if key in COLUMNS} for row in rows])
    except (KeyError, TypeError, ValueError, AttributeError, pl.exceptions.PolarsError) as error:
        raise ReportError(f"{path} is garbled: {type(error).__name__}: {error}", hint) from None


def _row(report: RooflineReport, op: OpResult) -> dict[str, Any]:
    formula: dict[str, Any] = asdict(op.formula) if op.formula else {}
    row = {name: getattr(op, name) for name in (*_OP_TEXT, *_OP_WHOLE, *_OP_NUMBERS)}
    row |= {name: _json(getattr(op, name)) for name in _OP_JSON}
    row |= {f"{pipe}_flop_count": op.flop_by_pipe.get(pipe) for pipe in PIPES}
    row |= {name: op.spread.get(name[:-4], {}).get(name[-3:]) for name in _SPREAD}
    row |= {f"formula_{name}": formula.get(name) for name in (*_FORMULA_TEXT, *_FORMULA_NUMBERS)}
    row["formula_shape"] = _json(formula["shape"]) if formula else None
    row |= {f"measured_on_{name}": getattr(op.measured_on, name) for name in (*_HERE_TEXT, *_HERE_NUMBERS)}
    row |= {f"useful_{name}": getattr(op.useful, name, None) for name in _USEFUL}
    kernels = report.kernels.filter((pl.col("report") == op.report) & pl.col("launch_id").is_in(op.kernels))
    row["launches"] = _json(kernels.select(_LAUNCH_COLUMNS).to_dicts())
    row["findings"] = _json([f.as_dict() for f in op.findings])
    return row


def _report(rows: Sequence[Mapping[str, Any]]) -> RooflineReport:
    first = rows[0]
    ops = [_op(row) for row in rows]
    launches = [
        {**launch, "report": row["report"], "nvtx_path": row["nvtx_path"], "op": row["op"]}
        for row in rows
        for launch in row["launches"]
    ]
    unknown = Unattributed(0, None, None, None, [])
    return RooflineReport(
        generated=first["generated"],
        gpu=device_from_dict(first["gpu"]),
        target=device_from_dict(first["target"]),
        notes=list(first["notes"]),
        reports=list(first["reports"]),
        ops=ops,
        kernels=pl.DataFrame(launches, schema=KERNEL_SCHEMA, strict=False, orient="row"),
        unattributed=unknown,
        findings=[finding for op in ops for finding in op.findings],
        joins=list(first["joins"]),
    )


def _op(row: Mapping[str, Any]) -> OpResult:
    own = {name: row[name] for name in (*_OP_TEXT, *_OP_NUMBERS, *_OP_JSON)}
    own |= {name: None if row[name] is None else int(row[name]) for name in _OP_WHOLE}
    names = (*_FORMULA_TEXT, "shape", *_FORMULA_NUMBERS)
    formula = FormulaResult(**{name: row[f"formula_{name}"] for name in names}) if row["formula_name"] else None
    useful = Useful(**{n: row[f"useful_{n}"] for n in _USEFUL}) if row["useful_flop_count"] is not None else None
    spread: dict[str, dict[str, float | None]] = {}
    for name in _SPREAD:
        spread.setdefault(name[:-4], {})[name[-3:]] = row[name]
    return OpResult(
        **own,
        flop_by_pipe={pipe: row[f"{pipe}_flop_count"] for pipe in PIPES},
        formula=formula,
        useful=useful,
        measured_on=MeasuredOn(**{name: row[f"measured_on_{name}"] for name in (*_HERE_TEXT, *_HERE_NUMBERS)}),
        spread=spread,
        findings=[Finding.from_dict(finding) for finding in row["findings"]],
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _cell(value: object) -> object:
    """Text that a spreadsheet would run gets an apostrophe, as does text that begins with one."""
    if not isinstance(value, str):
        return "" if value is None else value
    # An unknown name is an empty cell; an empty one is an apostrophe alone.
    return f"'{value}" if not value or value[0] in "=+-@\t\r\n'" else value


_TEXT = {*_OP_TEXT, "generated", *(f"formula_{n}" for n in _FORMULA_TEXT), *(f"measured_on_{n}" for n in _HERE_TEXT)}


def _uncell(key: str, cell: str | None) -> Any:
    if not cell:
        return None
    text = cell.removeprefix("'")
    if key in _TEXT:
        return text
    return json.loads(text) if key in _SHARED else float(text)
