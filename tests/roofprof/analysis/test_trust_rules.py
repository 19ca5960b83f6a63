"""Doubts about an op's figures: each rule on numbers made for it, and the whole way on the bundled decode layer."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from roofprof.analysis.op_facts import OpFacts
from roofprof.analysis.op_roofline import References, flop_by_pipe, on_profiled_gpu
from roofprof.analysis.trust_rules import doubts
from roofprof.errors import RoofprofError
from roofprof.formulas.models import Work
from roofprof.formulas.ops_file import CaseConditions
from roofprof.hardware.ceilings import Ceilings, Peak, load_ceilings
from roofprof.hardware.devices import PIPES, load_gpu
from roofprof.launches.measured_work import op_rows
from roofprof.launches.ranges import NamedRange
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.reports.plots.roofline import draw_roofline
from roofprof.reports.tables.ceilings import ceiling_lines
from roofprof.reports.tables.ops import NARROW, legend
from roofprof.results.op import case_title, short_labels
from roofprof.results.op_groups import MeasuredOn
from roofprof.results.points import CountedWork, roofline_points
from roofprof.results.report import RooflineReport
from roofprof.selfcheck.result import Floor, Row, Selfcheck
from roofprof.timeline.op_times import NO_TIMING, OpTiming

H100 = "NVIDIA H100 80GB HBM3"
CEILINGS = Ceilings(
    H100, "2026-11-22T00:00:00+00:00", {"read": 3.1e12, "write": 2.9e12, "copy": 2.8e12, "triad": 2.85e12},
    {"tensor_bf16": Peak(7.9e14, 6.8e14, "8192x8192x8192"), "tensor_fp8": Peak(1.5e15), "fp32": Peak(6e13)},
    l2_read_bytes_per_s=5.5e12, mufu_per_s=3.8e12, launch_floor_ns={"eager": 4000.0, "graph": 1100.0},
)  # fmt: skip
# A bf16 GEMM that takes 100 µs: half of the H100's roof by bytes, 20 % by FLOPs.
ROW: dict[str, Any] = {
    **{f"{pipe}_flop_count": None for pipe in PIPES},
    **{f"peak_{pipe}_flop_per_s": None for pipe in PIPES},
    "report": "r", "kernels": [0], "calls": 3, "duration_ns": 100e3, "tensor_bf16_flop_count": 2e10,
    "flop_count": 2e10, "dram_bytes": 1.675e8, "dram_read_bytes": 1.6e8, "dram_write_bytes": 7.5e6,
    "mufu_count": None, "sm_clock_hz": 1.8e9, "dram_peak_bytes_per_s": None, "clock_outlier_count": 0,
    "sm_clock_hz_min": 1.8e9, "sm_clock_hz_median": 1.8e9, "replay_passes": 1,
}  # fmt: skip
SMALL = {"duration_ns": 3e3, "tensor_bf16_flop_count": 1e6, "flop_count": 1e6, "dram_bytes": 1e5}
SELFCHECK = Selfcheck(
    H100, "2025.3.1.0", None, None, "gh100",
    [Row("gemm_bf16", "tensor_bf16_flop_count", "exact", 8.0, 8.0, 4.0, 4.0, 3, "failed", metrics=("sm__ops",))],
    Floor(2700.0, 2900.0, 4096.0, 4352.0, 10),
)  # fmt: skip
FP8_GEMM = NamedRange("o", "gemm", {}, Work(2e10, {"in": 1.6e8}, {"out": 7e6}, "tensor_fp8"))
WARM = NamedRange("o", case=CaseConditions(cache="warm"))


def on_h100(row: dict[str, Any], references: References, timing: OpTiming) -> MeasuredOn:
    measured = CountedWork(flop_by_pipe(row), row["dram_bytes"], row["mufu_count"])
    point = roofline_points(measured, None, references.gpu, references.target).on_gpu
    return on_profiled_gpu(row, references, timing, point)


def found(
    changes: dict[str, Any], named: NamedRange | None = None, names: tuple[str, ...] = ("nvjet_tst",),
    held: References | None = None, timing: OpTiming = NO_TIMING,
) -> dict[str, Any]:  # fmt: skip
    row, references = ROW | changes, held or References(load_gpu("h100"), load_gpu("h100"))
    source = "nsys" if timing.nsys_union_ns else "ncu"
    facts = OpFacts(row, named or NamedRange("o"), list(names), on_h100(row, references, timing), source, references)
    return {f.kind: f for f in doubts(facts)}


def test_a_plain_row_raises_no_doubt() -> None:
    assert found({}) == {}


@pytest.mark.parametrize(
    ("changes", "kind", "values"),
    [
        ({"duration_ns": 40e3}, "over-roof", {"reason"}),
        (SMALL, "launch-bound", {"kernel_count"}),
        ({"clock_outlier_count": 1, "sm_clock_hz_min": 1.2e9}, "clock-outlier", {"outlier_count"}),
    ],
)  # fmt: skip
def test_each_doubt_has_its_finding(changes: dict[str, Any], kind: str, values: set[str]) -> None:
    findings = found(changes)
    assert set(findings) == {kind}
    assert values <= set(findings[kind].values)


def test_tensor_work_in_another_precision_than_asked_is_said() -> None:
    finding = found({}, FP8_GEMM)["other-precision"]
    assert "are bf16, the formula's are fp8" in finding.message


def test_warm_bytes_of_several_passes_are_flagged() -> None:
    assert "warm-replayed" in found({"replay_passes": 3}, WARM)
    assert found({"replay_passes": 1}, WARM) == {}


@pytest.mark.parametrize(
    ("changes", "names", "timing", "reason"),
    [
        ({}, ("sm90_xmma_sparse_gemm_f16f16",), OpTiming(1, 4e4, 4e4, 4e4, None), "sparsity"),
        ({}, ("nvjet",), OpTiming(1, 4e4, 4e4, 4e4, None), "L2 reuse"),
        ({"duration_ns": 4e3, "dram_bytes": 1.7e7}, ("nvjet",), NO_TIMING, "imprecision"),
        ({"duration_ns": 4e4}, ("nvjet",), NO_TIMING, "different passes"),
    ],
)
def test_over_a_roof_has_a_reason_and_is_not_clamped(
    changes: dict[str, Any], names: tuple[str, ...], timing: OpTiming, reason: str
) -> None:
    references = References(replace(load_gpu("h100"), boost_clock_hz=None), load_gpu("h100"))
    finding = found({"sm_clock_hz": None} | changes, names=names, timing=timing, held=references)["over-roof"]
    assert reason in finding.values["reason"]
    assert finding.values["roof_fraction"] > 1.02


def test_over_the_sheet_alone_is_said_with_the_clock() -> None:
    """H100's tensor peaks are at 1.83 GHz; at 1.98 a kernel may pass them and stay below the roof at its clock."""
    busy = {"sm_clock_hz": 1.98e9, "peak_tensor_bf16_flop_per_s": None, "duration_ns": 1.7e14 / 989.4e12 / 1.05 * 1e9}
    finding = found({"tensor_bf16_flop_count": 1.7e14, "flop_count": 1.7e14} | busy)["over-roof"]
    assert finding.values["at_clock"] < 1
    assert finding.values["roof_fraction"] > 1.02
    assert finding.values["reason"] == "the clock: it ran at 1.98 GHz, the datasheet's peaks are at 1.83 GHz"
    assert "by the datasheet" in finding.message


@pytest.mark.parametrize(("over", "said"), [(0.97, False), (1.004, False), (1.006, True), (1.5, True)])
def test_what_prints_above_100_percent_is_said(over: float, said: bool) -> None:
    slow = {"sm_clock_hz": 1.83e9, "peak_tensor_bf16_flop_per_s": None, "dram_bytes": 1e6}
    work = {"tensor_bf16_flop_count": 1e14, "flop_count": 1e14, "duration_ns": 1e14 / 989.4e12 / over * 1e9}
    assert ("over-roof" in found(slow | work)) is said


def test_fp16_accumulation_on_a_geforce_card_is_a_reason() -> None:
    work = {"tensor_bf16_flop_count": None, "tensor_fp16_flop_count": 1e13, "flop_count": 1e13, "sm_clock_hz": 1.7e9}
    held = References(load_gpu("rtx-3080"), load_gpu("h100"))
    finding = found(work | {"peak_tensor_bf16_flop_per_s": None, "duration_ns": 1e13 / 110e12 * 1e9}, held=held)
    assert "accumulation in FP16" in finding["over-roof"].values["reason"]


def test_a_sparse_kernel_is_told_from_a_dense_one() -> None:
    assert "sparse-dense" in found({}, names=("sm90_xmma_sparse_gemm_f16f16_f16f32",))
    assert "sparse-dense" not in found({"tensor_bf16_flop_count": None}, names=("sparse_gemm_setup",))


def test_figures_of_a_failed_counter_are_marked() -> None:
    references = References(load_gpu("h100"), load_gpu("h100"), selfcheck=SELFCHECK)
    finding = found({}, held=references)["counter-failed-selfcheck"]
    assert finding.values["counter"] == "tensor_bf16_flop_count"
    assert finding.values["metrics"] == ["sm__ops"]
    assert "counter-failed-selfcheck" not in found({"tensor_bf16_flop_count": None, "flop_count": 0.0}, held=references)


def test_the_floor_is_the_empty_kernels_on_this_gpu() -> None:
    references = References(load_gpu("h100"), load_gpu("h100"), selfcheck=SELFCHECK)
    small = {"duration_ns": 5.7e3, "dram_bytes": 8e3, "tensor_bf16_flop_count": None, "flop_count": 0.0}
    finding = found(small, held=references)["below-floor"]
    assert finding.values["floor_duration_ns"] == 2900
    assert finding.values["floor_dram_bytes"] == 4352
    assert "time" in finding.message
    assert "DRAM bytes" in finding.message
    assert "below-floor" not in found(small | {"duration_ns": 6e3, "dram_bytes": 9e3}, held=references)
    assert "below-floor" in found(small | {"duration_ns": 11e3, "dram_bytes": 9e3, "kernels": [0, 1]}, held=references)


def test_the_measured_roof_follows_the_access_mix() -> None:
    references = References(load_gpu("h100"), load_gpu("h100"), CEILINGS)
    for read, write, mix in ((1e8, 0.0, "read"), (0.0, 1e8, "write"), (5e7, 5e7, "copy"), (7e7, 3e7, "triad")):
        changes = {"dram_read_bytes": read, "dram_write_bytes": write, "dram_bytes": 1e8}
        here = on_h100(ROW | changes, references, NO_TIMING)
        assert here.dram_mix == mix
        assert here.roof_fraction_measured == pytest.approx(1e8 / CEILINGS.dram_bytes_per_s[mix] / 100e-6)
    assert "over-measured-roof" in found({"duration_ns": 51e3}, held=references)
    unknown = on_h100(ROW | {"tensor_int8_flop_count": 1e9}, references, NO_TIMING)
    assert unknown.roof_fraction_measured is None


def calls(clocks: list[float]) -> pl.DataFrame:
    size = len(clocks)
    return pl.DataFrame(
        {
            "report": ["r"] * size, "nvtx_path": [["o"]] * size, "duration_ns": [100.0 + i for i in range(size)],
            "dram_bytes": [1.0] * size, "flop_count": [1.0] * size, "sm_clock_hz": clocks,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("clocks", "outliers", "duration"),
    [
        ([1.0, 1.8, 1.8, 1.8], 1, 102.0),
        ([1.7, 1.8, 1.8], 0, 101.0),
        ([1.0, 1.8], 0, 100.0),
        ([1.8, 1.8, 1.8, 1.0, 1.0], 2, 101.0),
    ],
)
def test_a_call_at_another_clock_is_left_out_of_the_median(clocks: list[float], outliers: int, duration: float) -> None:
    (row,) = op_rows(calls(clocks)).to_dicts()
    assert (row["clock_outlier_count"], row["duration_ns"]) == (outliers, duration)
    assert row["calls"] == len(clocks)
    assert row["duration_ns_min"] == 100.0


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Any], Path]:
    def to(name: str, data: Any) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(data.as_dict()))
        return path

    return to


def analyse(data: Path, **options: Any) -> RooflineReport:
    path = data / "h100-decode-b64-s4096.ncu-rep"
    return analyze_files(AnalyzeRequest([path], "same", ops="h100-decode-b64-s4096", **options))


def test_the_decode_layer_against_measured_roofs_and_a_self_check(data: Path, write: Callable[..., Path]) -> None:
    report = analyse(data, ceilings=write("c.json", CEILINGS), selfcheck=write("s.json", SELFCHECK))
    moe = next(op for op in report.ops if op.label == "moe_gate_up (fp8 CUTLASS es)")
    here = moe.measured_on
    assert here.dram_mix == "read"
    assert here.roof_fraction_measured == pytest.approx(here.roof_fraction * 3.35e12 / 3.1e12)  # type: ignore[operator]
    kinds = {f.kind for f in report.findings}
    assert {"below-floor", "counter-failed-selfcheck"} <= kinds
    assert any("measured roofs" in note for note in report.notes)
    lines = draw_roofline(report).axes[0].lines
    measured = [line for line in lines if str(line.get_gid()).startswith("roof-") and line.get_linestyle() == "-"]
    assert len(measured) == 4  # DRAM, bf16, fp8, fp32
    assert {np.asarray(line.get_ydata())[0] for line in measured} >= {7.9e14, 1.5e15, 6e13}
    near = [f for f in report.findings if f.kind == "below-floor"]
    assert sum("~" in NARROW[0].cell(op) for op in report.ops) == len(near) > 10
    again = RooflineReport.from_dict(json.loads(report.to_json()))
    assert again.to_json() == report.to_json()


def test_what_is_of_another_gpu_is_not_applied(data: Path, write: Callable[..., Path]) -> None:
    report = analyse(
        data, ceilings=write("c.json", replace(CEILINGS, gpu="H200")),
        selfcheck=write("s.json", replace(SELFCHECK, gpu="H200")),
    )  # fmt: skip
    assert [f.kind for f in report.findings].count("not-applied") == 2
    assert report.ceilings
    assert report.ceilings.origin == "shipped"  # those of such a GPU stand in
    assert {op.measured_on.measured_roofs for op in report.ops} == {"shipped"}


def test_useful_stands_beside_executed(decode: RooflineReport) -> None:
    moe = next(op for op in decode.ops if op.label == "moe_gate_up (fp8 CUTLASS es)")
    assert moe.useful
    assert moe.formula
    assert moe.useful.arithmetic_intensity == pytest.approx(moe.formula.flop_count / moe.dram_bytes)  # type: ignore[operator]
    assert moe.arithmetic_intensity / moe.useful.arithmetic_intensity == pytest.approx(moe.work_ratio)  # type: ignore[operator]
    assert moe.useful.roof_fraction == pytest.approx(moe.measured_on.roof_fraction, rel=0.02)
    assert all(op.useful is None for op in decode.ops if op.formula is None)


def test_cold_and_warm_rows_are_told_apart(decode: RooflineReport) -> None:
    cold = decode.ops[0]
    warm = replace(cold, cache="warm", report="warm")
    assert [label.split()[-1] for label in short_labels([cold, warm])] == ["cold", "warm"]
    assert short_labels([cold]) == [cold.op]
    assert any(line.startswith("cold:") for line in legend(replace(decode, ops=[cold, warm])))
    assert case_title(warm).endswith("warm cache")


def test_ceilings_are_loaded_from_json_and_toml(tmp_path: Path, write: Callable[..., Path]) -> None:
    assert load_ceilings(write("c.json", CEILINGS)) == CEILINGS
    toml = tmp_path / "c.toml"
    toml.write_text(
        'schema_version = 1\ngpu = "x"\ncreated = "2026"\n[dram_bytes_per_s]\nread = 3e12\n'
        "[peak_flop_per_s]\ntensor_bf16 = 7e14\n"
    )
    assert load_ceilings(toml).peak_flop_per_s["tensor_bf16"] == Peak(7e14)


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 1}', '{"schema_version": 1, "gpu": "x", "created": '
                                  '"y", "dram_bytes_per_s": {"read": -1}, "peak_flop_per_s": {}}'])  # fmt: skip
def test_other_files_are_refused_as_ceilings(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(RoofprofError):
        load_ceilings(path)
    with pytest.raises(RoofprofError):
        load_ceilings(tmp_path / "absent.json")


def test_the_ceilings_table_sets_the_datasheet_beside(data: Path) -> None:
    text = "\n".join(ceiling_lines(CEILINGS))
    row = next(line for line in text.splitlines() if line.startswith("tensor_bf16"))
    assert " ".join(row.split()) == "tensor_bf16 989 TFLOP/s 790 TFLOP/s 80 % 680 TFLOP/s 69 % 8192x8192x8192"
    assert "launch floor, graph: 1.10 µs" in text
