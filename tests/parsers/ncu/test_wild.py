"""Reports that strangers made, of 20 GPUs and 15 versions, row by row against an independent reading of them."""

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from roofprof.parsers.ncu.report import read_ncu_report

FOLDER = Path(__file__).parents[4] / "shared/data/wild"
DERIVED = 1e-3
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="needs reports that are not in the repository")


def expected() -> dict[str, list[dict[str, str]]]:
    rows: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    if FOLDER.is_dir():
        with (FOLDER / "expected.csv").open() as file:
            for row in csv.DictReader(file):
                rows[row["file"]].append(row)
    return rows


EXPECTED = expected()
COLUMNS = {
    "duration_ns": "duration_ns", "dram_bytes": "dram_bytes", "fp32_flop_count": "fp32_flop",
    "fp64_flop_count": "fp64_flop",
}  # fmt: skip
WAYS = {"counter": None, "rate": "rate", "pct": "percent_of_peak"}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_launch_is_read_as_it_was_read_independently(name: str) -> None:
    launches = read_ncu_report(FOLDER / name).launches
    assert launches["kernel_name"].to_list() == [row["kernel"] for row in EXPECTED[name]]
    for launch, row in zip(launches.iter_rows(named=True), EXPECTED[name], strict=True):
        for column, key in COLUMNS.items():
            if row[key]:  # a blank cell was not read
                exact = column in ("duration_ns", "dram_bytes") and not launch["how"].get(column)
                assert launch[column] == pytest.approx(float(row[key]), rel=1e-12 if exact else DERIVED), column
        if row["dram_how"]:
            assert launch["how"]["dram_bytes"] == WAYS[row["dram_how"]]
        if row["tensor_flop_by_opcode"]:
            tensor = [v for c, v in launch.items() if c.startswith("tensor_") and c.endswith("_flop_count")]
            known = sum(v for v in tensor if v is not None)  # a chip without tensor cores has none
            assert known == pytest.approx(float(row["tensor_flop_by_opcode"]), rel=DERIVED)
        if "percent" in (launch["dram_bytes_from"] or ""):
            assert launch["dram_read_bytes"] is None
            assert launch["dram_write_bytes"] is None


def test_percent_of_peak_is_not_believed_where_it_was_wrong() -> None:
    for name in EXPECTED:
        if name.startswith(("b200", "rtx-50")):
            ways = read_ncu_report(FOLDER / name).launches["how"].struct.field("dram_bytes")
            assert "percent_of_peak" not in set(ways)
