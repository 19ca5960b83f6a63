"""Values that no analysis writes, in the files that are loaded again: each is named with its key."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roofprof.errors import ReportError
from roofprof.hardware.ceilings import Ceilings, Peak, load_ceilings
from roofprof.results.report import RooflineReport, load_report
from roofprof.selfcheck.result import Row, Selfcheck, load_selfcheck

Edit = Callable[[dict[str, Any]], object]


def refused(path: Path, data: dict[str, Any], edit: Edit, load: Callable[[Path], object]) -> str:
    edit(data)
    path.write_text(json.dumps(data))
    with pytest.raises(ReportError) as caught:
        load(path)
    assert caught.value.message.startswith(f"{path}: ")
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda r: r["gpu"]["peak_flop_per_s"].update(fp32=None), "gpu.peak_flop_per_s.fp32 = null: expected"),
        (lambda r: r["gpu"].update(sm_count=0.5), "gpu.sm_count = 0.5: expected a positive whole number"),
        (lambda r: r["ops"][1].update(calls=0), "ops[1].calls = 0: expected a whole number of at least 1"),
        (lambda r: r["ops"][1].update(duration_ns="3"), "ops[1].duration_ns = '3': expected a number"),
        (lambda r: r["ops"][0].update(kernels=[1, -1]), "ops[0].kernels[1] = -1"),
        (lambda r: r["ops"][0].update(cache="hot"), "ops[0].cache = 'hot': expected one of cold, warm"),
        (lambda r: r["ops"][0]["flop_by_pipe"].pop("fp32"), "ops[0].flop_by_pipe.fp32 is missing"),
        (lambda r: r["kernels"][2].update(grid=[1, "x", 1]), "kernels[2].grid[1] = 'x': expected a whole number"),
        (lambda r: r["kernels"][2].update(launch_id=None), "kernels[2].launch_id = null"),
        (lambda r: r["kernels"][2].update(replay_passes=True), "kernels[2].replay_passes = true"),
        (lambda r: r["kernels"][2].pop("dram_bytes"), "kernels[2].dram_bytes is missing"),
        (lambda r: r["kernels"].append(5), "kernels[85] = 5: expected a table"),
        (lambda r: r.pop("kernels"), "kernels = null: expected an array"),
        (lambda r: r["findings"][0].update(severity="bad"), "findings[0].severity = 'bad': expected one of info"),
        (lambda r: r["reports"][0].pop("name"), "reports[0].name is missing"),
        (lambda r: r["unattributed"].update(launch_count=10**400), "unattributed.launch_count = a very large number"),
        (lambda r: r.update(joins=[{"report": 5}]), "joins[0].trace is missing"),
    ],
)  # fmt: skip
def test_in_a_report(decode: RooflineReport, tmp_path: Path, edit: Edit, said: str) -> None:
    assert said in refused(tmp_path / "report.json", json.loads(decode.to_json()), edit, load_report)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda c: c["peak_flop_per_s"].update(fp32=60), "peak_flop_per_s.fp32.burst = 60: expected a number"),
        (lambda c: c["peak_flop_per_s"].update(fp31=6e13), "unknown key 'fp31'; did you mean 'fp32'?"),
        (lambda c: c["dram_bytes_per_s"].update(read=-1), "dram_bytes_per_s.read = -1: expected a positive number"),
        (lambda c: c.update(conditions={"driver": ["x"]}), "conditions.driver = an array"),
        (lambda c: c.pop("created"), "created is missing"),
    ],
)  # fmt: skip
def test_in_ceilings(tmp_path: Path, edit: Edit, said: str) -> None:
    data = json.loads(json.dumps(Ceilings("X", "2026-01-01", {"read": 3e12}, {"fp32": Peak(6e13)}).as_dict()))
    assert said in refused(tmp_path / "ceilings.json", data, edit, load_ceilings)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda s: s["rows"][0].update(state="fine"), "rows[0].state = 'fine': expected one of passed, failed"),
        (lambda s: s["rows"][0].update(low=None), "rows[0].low = null: expected a number of at least 0"),
        (lambda s: s["rows"][0].update(metrics="a"), "rows[0].metrics = 'a': expected an array"),
        (lambda s: s.update(floor={}), "floor.duration_ns_min is missing"),
        (lambda s: s.update(gpu=5), "gpu = 5: expected a text"),
    ],
)  # fmt: skip
def test_in_a_selfcheck(tmp_path: Path, edit: Edit, said: str) -> None:
    row = Row("gemm", "fp32_flop_count", "exact", 8.0, 8.0, 8.0, 8.0, 3, "passed")
    data = json.loads(json.dumps(Selfcheck("X", "2025.3", None, None, "gh100", [row]).as_dict()))
    assert said in refused(tmp_path / "selfcheck.json", data, edit, load_selfcheck)
