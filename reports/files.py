"""A RooflineReport as flat tables: one row per op, and CSV that spreadsheets do not run."""

import json
from pathlib import Path

import polars as pl

from roofprof.files import write_output
from roofprof.formatting import spreadsheet_cell
from roofprof.hardware.devices import PIPES
from roofprof.results.op import OpResult, Useful
from roofprof.results.report import RooflineReport

_OPS_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "op": pl.String,
    "implementation": pl.String,
    "nvtx_path": pl.List(pl.String),
    "report": pl.String,
    "phase": pl.String,
    "batch": pl.Int64,
    "seq_len": pl.Int64,
    "cache": pl.String,
    "calls": pl.Int64,
    "kernels": pl.List(pl.Int64),
    "duration_ns": pl.Float64,
    "duration_ns_min": pl.Float64,
    "duration_ns_max": pl.Float64,
    "time_source": pl.String,
    "nsys_duration_ns": pl.Float64,
    "nsys_union_ns": pl.Float64,
    "nsys_projected_ns": pl.Float64,
    "graph_union_ns": pl.Float64,
    "graph_projected_ns": pl.Float64,
    "share": pl.Float64,
    "time_to_win_ns": pl.Float64,
    "dram_read_bytes": pl.Float64,
    "dram_write_bytes": pl.Float64,
    "dram_bytes": pl.Float64,
    "dram_upper_bytes": pl.Float64,
    "l2_bytes": pl.Float64,
    "l1_fill_bytes": pl.Float64,
    **{f"{pipe}_flop_count": pl.Float64() for pipe in PIPES},
    "flop_count": pl.Float64,
    "mufu_count": pl.Float64,
    "arithmetic_intensity": pl.Float64,
    "arithmetic_intensity_lower": pl.Float64,
    "arithmetic_intensity_l2": pl.Float64,
    "arithmetic_intensity_l1_fill": pl.Float64,
    "formula": pl.String,
    "formula_flop_count": pl.Float64,
    "formula_dram_bytes": pl.Float64,
    "formula_arithmetic_intensity": pl.Float64,
    "work_ratio": pl.Float64,
    "byte_ratio": pl.Float64,
    "target_gpu": pl.String,
    "roof_source": pl.String,
    "bound": pl.String,
    "ridge_point": pl.Float64,
    "attainable_flop_per_s": pl.Float64,
    "measured_on_gpu": pl.String,
    "measured_on_bound": pl.String,
    "achieved_flop_per_s": pl.Float64,
    "achieved_dram_bytes_per_s": pl.Float64,
    "roof_fraction": pl.Float64,
    "roof_fraction_at_clock": pl.Float64,
    "roof_fraction_measured": pl.Float64,
    "attainable_flop_per_s_measured": pl.Float64,
    "dram_mix": pl.String,
    "sm_clock_hz": pl.Float64,
    "clock_outlier_count": pl.Int64,
    "useful_flop_count": pl.Float64,
    "useful_arithmetic_intensity": pl.Float64,
    "useful_achieved_flop_per_s": pl.Float64,
    "useful_roof_fraction": pl.Float64,
    "findings": pl.List(pl.String),
}
OPS_SCHEMA = pl.Schema(_OPS_COLUMNS)


def ops_frame(report: RooflineReport) -> pl.DataFrame:
    """One row an op, `OPS_SCHEMA`."""
    return pl.DataFrame([_op_row(op, report.target.name) for op in report.ops], schema=OPS_SCHEMA, orient="row")


def write_table(path: Path, content: pl.DataFrame | str) -> Path:
    """Write a frame as CSV, or a text, whole or not at all.

    Raises:
        RoofprofError: the file cannot be written.
    """
    if isinstance(content, str):
        return write_output(path, lambda partial: partial.write_text(content, encoding="utf-8"))
    return write_output(path, lambda partial: _flat(content).write_csv(partial))


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists as JSON text; text that a spreadsheet would run as a formula made plain."""
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    return frame.with_columns(
        *(
            pl.Series(
                n,
                [None if v is None else json.dumps(list(v), ensure_ascii=False) for v in frame[n]],
                pl.String,
            )
            for n in lists
        ),
        *(pl.Series(n, [None if v is None else spreadsheet_cell(v) for v in frame[n]], pl.String) for n in texts),
    )


def _op_row(op: OpResult, target: str) -> dict[str, object]:
    formula, here = op.formula, op.measured_on
    row: dict[str, object] = {name: getattr(op, name) for name in OPS_SCHEMA if hasattr(op, name)}
    row |= {f"{pipe}_flop_count": op.flop_by_pipe.get(pipe) for pipe in PIPES}
    row |= {f"duration_ns_{k}": op.spread["duration_ns"][k] for k in ("min", "max")}
    row |= {
        "formula": formula.name if formula else None,
        "formula_flop_count": formula.flop_count if formula else None,
        "formula_dram_bytes": formula.dram_bytes if formula else None,
        "formula_arithmetic_intensity": formula.arithmetic_intensity if formula else None,
        "target_gpu": target,
        "measured_on_gpu": here.gpu,
        "measured_on_bound": here.bound,
        "achieved_flop_per_s": here.achieved_flop_per_s,
        "achieved_dram_bytes_per_s": here.achieved_dram_bytes_per_s,
        "roof_fraction": here.roof_fraction,
        "roof_fraction_at_clock": here.roof_fraction_at_clock,
        "roof_fraction_measured": here.roof_fraction_measured,
        "attainable_flop_per_s_measured": here.attainable_flop_per_s_measured,
        "dram_mix": here.dram_mix,
        "sm_clock_hz": here.sm_clock_hz,
        **{f"useful_{name}": getattr(op.useful, name, None) for name in Useful.__dataclass_fields__},
        "findings": list(dict.fromkeys(f.kind for f in op.findings)),
    }
    return row
