"""The row of an op is declared once: what is added there stands in every output."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from roofprof.results.columns import FlatColumn, flat_columns, nested
from roofprof.results.op import OpResult

COLUMNS = flat_columns(OpResult)
ADDED = """    l3_hit_ratio: Annotated[float | None, Column("ratio", "Hits in a third cache", "ncu")] = 0.25
"""
WRITE_ALL = """
import json, sys
from pathlib import Path
import polars as pl
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.reports.all_kernels import read_all_kernels, write_all_kernels
from roofprof.reports.outputs.registry import analysis_outputs, write_folder
from roofprof.reports.html.data import page_data
from roofprof.results.report import load_report
from roofprof.results.schema import report_schema

folder = Path(sys.argv[2])
report = analyze_files(AnalyzeRequest([Path(sys.argv[1])]))
write_folder(analysis_outputs(), [report], folder)
again = read_all_kernels(write_all_kernels(report, folder / "all_kernels.csv"))
print(json.dumps({
    "schema": report_schema()["$defs"]["op"]["properties"].get("l3_hit_ratio"),
    "report.json": json.loads((folder / "report.json").read_text())["ops"][0].get("l3_hit_ratio"),
    "loaded": load_report(folder / "report.json").ops[0].l3_hit_ratio,
    "ops.csv": pl.read_csv(folder / "ops.csv")["l3_hit_ratio"][0],
    "ops.parquet": pl.read_parquet(folder / "ops.parquet")["l3_hit_ratio"][0],
    "all_kernels.csv": pl.read_csv(folder / "all_kernels.csv")["l3_hit_ratio"][0],
    "last of all_kernels.csv": (folder / "all_kernels.csv").read_text().split("\\n")[0].split(",")[-1],
    "read back": again.ops[0].l3_hit_ratio,
    "html": page_data([report])["ops"]["l3_hit_ratio"][0],
}))
"""


def test_one_line_adds_a_column_to_every_output(root: Path, data: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "roofprof", tmp_path / "roofprof", ignore=shutil.ignore_patterns("__pycache__"))
    declared = tmp_path / "roofprof/results/op.py"
    before, after = declared.read_text().split("    clock_outlier_count:", 1)
    declared.write_text(f"{before}{ADDED}    clock_outlier_count:{after}")
    ran = subprocess.run(
        [sys.executable, "-c", WRITE_ALL, data / "kinds/set-roofline.ncu-rep", tmp_path / "out"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found.pop("schema") == {"description": "Hits in a third cache", "type": ["number", "null"], "minimum": 0}
    assert found.pop("last of all_kernels.csv") == "l3_hit_ratio"
    assert found == dict.fromkeys(found, 0.25)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_a_column_says_its_unit_and_what_it_is(column: FlatColumn) -> None:
    suffixes = {
        "_ns": "ns", "_flop_count": "FLOP", "_bytes_per_s": "B/s", "_flop_per_s": "FLOP/s", "_bytes": "B",
        "_hz": "Hz", "_ratio": "ratio", "arithmetic_intensity": "FLOP/B", "ridge_point": "FLOP/B",
    }  # fmt: skip
    name = column.name.removesuffix("_min").removesuffix("_max").removesuffix("_measured").removesuffix("_lower")
    assert column.unit == next((unit for end, unit in suffixes.items() if name.endswith(end)), column.unit)
    assert column.description
    assert "\n" not in column.description
    assert not column.description.endswith(".")


def test_no_name_stands_twice() -> None:
    names = [column.name for column in COLUMNS]
    in_ops_csv = [column.ops_name for column in COLUMNS if column.ops_name]
    assert len(set(names)) == len(names)
    assert len(set(in_ops_csv)) == len(in_ops_csv)


def test_flat_cells_become_a_row_again(decode) -> None:  # type: ignore[no-untyped-def]
    for op in (decode.ops[0], replace(decode.ops[0], formula=None)):
        cells = {column.name: column.value(op) for column in COLUMNS} | {"findings": []}
        assert OpResult.from_dict(nested(OpResult, cells)).as_dict()["spread"] == op.as_dict()["spread"]
        assert (nested(OpResult, cells)["formula"] is None) == (op.formula is None)
        assert "headroom_ns" not in nested(OpResult, cells)  # follows from the others
