"""Doubts about single launches: their shape, what was counted, and their time in another run."""

from typing import Any

import polars as pl
import pytest

from roofprof.analysis.launch_rules import launch_findings, shape_findings
from roofprof.hardware.devices import PIPES
from roofprof.launches.attribution import attribute
from roofprof.launches.measured_work import with_measured_work
from roofprof.launches.merge import merge_launches
from roofprof.launches.schema import LAUNCH_SCHEMA


def launch(**changes: Any) -> pl.DataFrame:
    row = dict.fromkeys(LAUNCH_SCHEMA) | {
        "report": "r", "launch_id": 0, "workload_type": "kernel", "kernel_name": "k", "kernel_demangled_name": "k",
        "grid": [132, 1, 1], "block": [256, 1, 1], "duration_ns": 50e3, "sm_count": 132, "waves_per_sm": 1.0,
        "achieved_occupancy": 0.8, "op": "o",
    }  # fmt: skip
    schema = {**LAUNCH_SCHEMA, "op": pl.String}
    return with_measured_work(pl.DataFrame([row | changes], schema=schema, orient="row"))


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, []),
        ({"waves_per_sm": 1.27}, ["partial-wave"]),
        ({"waves_per_sm": 1.9}, []),
        ({"waves_per_sm": 5.1}, []),
        ({"waves_per_sm": 0.2, "grid": [20, 1, 1]}, ["partial-wave"]),
        ({"waves_per_sm": 0.25, "grid": [264, 1, 1]}, []),
        ({"waves_per_sm": 0.2, "grid": [20, 1, 1], "duration_ns": 3e3}, []),
        ({"achieved_occupancy": 0.2}, ["low-occupancy"]),
        ({"achieved_occupancy": 0.15, "kernel_name": "nvjet_sm90_tst"}, []),
        ({"achieved_occupancy": 0.15, "tensor_bf16_flop_count": 1e9}, []),
        ({"achieved_occupancy": 0.1, "waves_per_sm": 0.1}, []),
        ({"op": None, "achieved_occupancy": 0.1}, []),
    ],
)
def test_what_a_launchs_shape_costs(changes: dict[str, Any], kinds: list[str]) -> None:
    assert [f.kind for f in shape_findings(launch(**changes))] == kinds


def test_tensor_work_beyond_what_was_counted_is_found() -> None:
    counted = {
        "tensor_bf16_flop_count": 132 * 4096 * 1000.0, "peak_tensor_bf16_flop_per_s": 132 * 4096 * 1.8e9,
        "sm_clock_hz": 1.8e9, "half_instruction_count": 0.0, "fp32_flop_count": 0.0,
    }  # fmt: skip

    def kinds(cycles: float, **changes: float) -> list[str]:
        return [f.kind for f in launch_findings(launch(**counted, tensor_pipe_active_cycles=cycles, **changes))]

    assert kinds(1000.0) == []
    assert kinds(1990.0) == []
    assert kinds(3000.0) == ["uncounted-precision"]
    everything = {f"{p}_flop_count": 0.0 for p in PIPES if p.startswith("tensor_") and p != "tensor_bf16"}
    assert kinds(3000.0, **everything) == []


def test_a_kernel_that_took_another_time_in_the_other_run_is_doubtful() -> None:
    first, other = launch(duration_ns=10e3), launch(duration_ns=40e3, report="b", replay_passes=3)
    frames = [attribute(frame.select(LAUNCH_SCHEMA.names()))[0] for frame in (first, other)]
    _, findings = merge_launches("m", frames)
    assert [f.kind for f in findings] == ["replay-changed"]
    assert findings[0].values["replay_passes"] == [3]
    _, findings = merge_launches("m", [frames[0], frames[0]])
    assert findings == []
