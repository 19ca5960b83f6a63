"""Files that a newer version wrote: a field that is not known is left alone wherever it stands."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roofprof.hardware.ceilings import Ceilings, Peak, load_ceilings
from roofprof.results.report import RooflineReport, load_report
from roofprof.selfcheck.result import Floor, Row, Selfcheck, load_selfcheck

OPEN = (
    "values", "shape", "devices", "conditions", "skipped", "peak_flop_per_s", "dram_bytes_per_s", "launch_floor_ns",
    "flop_by_pipe", "how",
)  # fmt: skip
"""Objects whose keys are data."""


def objects(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in which a newer version could write one more field, with where it stands."""
    if path.endswith("/values"):
        return  # a finding's own figures, whatever they are
    if isinstance(node, dict):
        if path.rpartition("/")[2] not in OPEN:
            yield path, node
        for key, value in node.items():
            yield from objects(value, f"{path}/{key}")
    if isinstance(node, list) and node:
        yield from objects(node[0], path)


def extended(data: dict[str, Any]) -> dict[str, Any]:
    newer = copy.deepcopy(data)
    for _, found in list(objects(newer)):
        found["added_later"] = {"x": 1}
    return newer


def test_a_report_with_one_more_field_in_every_object_is_read(decode: RooflineReport, tmp_path: Path) -> None:
    data = json.loads(decode.to_json())
    assert {"/findings", "/ops/findings", "/ops/measured_on", "/kernels", "/gpu"} <= {path for path, _ in objects(data)}
    path = tmp_path / "report.json"
    path.write_text(json.dumps(extended(data)))
    again = json.loads(load_report(path).to_json())
    assert {key: again[key] for key in ("ops", "kernels", "gpu", "findings")} == {
        key: data[key] for key in ("ops", "kernels", "gpu", "findings")
    }


def test_a_selfcheck_with_more_fields_is_read(tmp_path: Path) -> None:
    row = Row("gemm", "fp32_flop_count", "exact", 8.0, 8.0, 8.0, 8.0, 3, "passed")
    check = Selfcheck("X", "2025.3", None, None, "gh100", [row], Floor(1.0, 2.0, 3.0, 4.0, 10))
    path = tmp_path / "selfcheck.json"
    path.write_text(json.dumps(extended(json.loads(json.dumps(check.as_dict())))))
    assert load_selfcheck(path).as_dict() == check.as_dict()


def test_ceilings_with_more_fields_are_read(tmp_path: Path) -> None:
    found = Ceilings("X", "2026-01-01", {"read": 3e12}, {"fp32": Peak(6e13)})
    path = tmp_path / "ceilings.json"
    path.write_text(json.dumps(extended(found.as_dict())))
    assert load_ceilings(path) == found


@pytest.mark.parametrize("lost", ["op", "duration_ns", "measured_on", "spread"])
def test_a_field_that_is_missing_is_named(decode: RooflineReport, tmp_path: Path, lost: str) -> None:
    data = json.loads(decode.to_json())
    del data["ops"][0][lost]
    path = tmp_path / "report.json"
    path.write_text(json.dumps(data))
    with pytest.raises(Exception, match=rf"report.json: ops\[0\].{lost} is missing"):
        load_report(path)
