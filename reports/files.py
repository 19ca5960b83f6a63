"""A RooflineReport as flat tables: one row per op, and CSV that spreadsheets do not run."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from roofprof.files import write_output
from roofprof.findings import Finding
from roofprof.formatting import spreadsheet_cell
from roofprof.results.columns import flat_columns
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

_DTYPES: dict[object, pl.DataType] = {
    str: pl.String(),
    int: pl.Int64(),
    float: pl.Float64(),
    bool: pl.Boolean(),
    list[str]: pl.List(pl.String()),
    list[int]: pl.List(pl.Int64()),
    list[Finding]: pl.List(pl.String()),  # their kinds, each once
}

_COLUMNS = [column for column in flat_columns(OpResult) if column.ops_name]


def _ops_schema() -> pl.Schema:
    schema: dict[str, pl.DataType] = {}
    for column in _COLUMNS:
        if column.ops_name == "roof_source":  # the one column that is the report's and not the op's
            schema["target_gpu"] = pl.String()
        schema[str(column.ops_name)] = _DTYPES.get(column.type, pl.String())
    return pl.Schema(schema)


OPS_SCHEMA = _ops_schema()
"""Columns of ops.csv and ops.parquet: those that `OpResult` declares, in its order; objects as JSON."""


def ops_frame(report: RooflineReport) -> pl.DataFrame:
    """One row per op, `OPS_SCHEMA`."""
    return pl.DataFrame([_op_row(op, report.target.name) for op in report.ops], schema=OPS_SCHEMA, orient="row")


def write_table(path: Path, content: pl.DataFrame | str) -> Path:
    """Write a frame as CSV, or a text, whole or not at all.

    Raises:
        RoofprofError: the file cannot be written.
    """
    if isinstance(content, str):
        return write_output(path, lambda partial: partial.write_text(content, encoding="utf-8"))

    text = _flat(content).write_csv()
    return write_output(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: held for key, held in value.items() if held is not None}
    return list(value) if isinstance(value, Iterable) else value


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists and objects as JSON text; text that a spreadsheet would run as a formula made plain."""
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List | pl.Struct)]
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    return frame.with_columns(
        *(
            pl.Series(
                n,
                [None if v is None else json.dumps(_plain(v), ensure_ascii=False) for v in frame[n]],
                pl.String,
            )
            for n in lists
        ),
        *(pl.Series(n, [None if v is None else spreadsheet_cell(v) for v in frame[n]], pl.String) for n in texts),
    )


def _op_row(op: OpResult, target: str) -> dict[str, object]:
    row = {str(column.ops_name): _cell(column.value(op)) for column in _COLUMNS}
    return row | {"target_gpu": target, "findings": list(dict.fromkeys(f.kind for f in op.findings))}


def _cell(value: object) -> object:
    return json.dumps(dict(value), ensure_ascii=False) if isinstance(value, Mapping) else value
