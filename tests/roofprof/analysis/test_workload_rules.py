"""What a workload spends on launches that compute little, on launches of made-up durations and on real captures."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof import analyze
from roofprof.analysis.workload_rules import KERNEL_COLUMNS, call_findings, kernel, wide_products, workload_findings
from roofprof.findings import Finding
from roofprof.hardware.devices import PIPES

CAST = (
    "void at::native::vectorized_elementwise_kernel<8, at::native::bfloat16_copy_kernel_cuda(at::TensorIteratorBase &)>"
)
SUM = "splitKreduce_kernel"


def frame(*launches: dict[str, Any]) -> pl.DataFrame:
    blank = {
        "report": "r", "launch_id": 0, "workload_type": "kernel", "op": "o", "kernel_name": "k", "duration_ns": 1e5,
        "kernel_demangled_name": None, "nvtx_path": ["o"], **{f"{pipe}_flop_count": 0.0 for pipe in PIPES},
    }  # fmt: skip
    rows = [{**blank, "launch_id": number, **launch} for number, launch in enumerate(launches)]
    return pl.DataFrame(
        rows, schema_overrides={"nvtx_path": pl.List(pl.String()), "kernel_demangled_name": pl.String()}
    )


def kinds(found: list[Finding]) -> list[str]:
    return [finding.kind for finding in found]


def test_each_sort_is_counted_with_its_time_and_its_places() -> None:
    found = list(workload_findings(frame(
        {"duration_ns": 80e3}, {"duration_ns": 2e3, "op": "rope"}, {"duration_ns": 4e3, "op": "rope"},
        {"kernel_demangled_name": CAST, "duration_ns": 6e3, "op": "norm"},
        {"kernel_name": SUM, "duration_ns": 7e3, "op": "o_proj"}, {"nvtx_path": None, "duration_ns": 5e3, "op": None},
    )))  # fmt: skip
    by_kind = {finding.kind: finding for finding in found}
    assert list(by_kind) == ["tiny-launches", "conversions", "split-k-reductions", "outside-ranges"]
    tiny = by_kind["tiny-launches"]
    assert (tiny.values["launch_count"], tiny.values["time_ns"]) == (2, 6e3)
    assert tiny.values["share"] == pytest.approx(6 / 104)
    assert (
        "2 of 6 launches take less than 5 µs each: 6.00 µs, 5.8 % of all under ncu; most: k (2, 6.00 µs)"
        in tiny.message
    )
    (one, *_) = workload_findings(frame({"duration_ns": 4e3}, {"duration_ns": 9e3}))
    assert one.message.startswith("1 of 2 launches takes less than 5 µs: 4.00 µs, ")
    assert by_kind["conversions"].values["most"] == [{"name": "norm", "launch_count": 1, "time_ns": 6e3}]
    assert by_kind["split-k-reductions"].values["most"][0]["name"] == "o_proj"
    assert by_kind["outside-ranges"].values["time_ns"] == 5e3
    assert {(finding.report, finding.op) for finding in found} == {("r", None)}


def test_names_that_differ_in_the_middle_are_told_apart() -> None:
    names = [f"{'begin' * 8}.{middle}.{'end' * 12}" for middle in ("first", "other")]
    (found,) = workload_findings(frame(
        {"duration_ns": 80e3}, *({"kernel_demangled_name": CAST, "duration_ns": 9e3, "op": name} for name in names)
    ))  # fmt: skip
    assert "first" in found.message
    assert "other" in found.message


def test_what_takes_hardly_any_time_is_not_said() -> None:
    assert not list(workload_findings(frame({"duration_ns": 1e6}, {"duration_ns": 2e3, "kernel_demangled_name": CAST})))


def test_where_nothing_lies_in_a_range_that_is_not_said_again() -> None:
    assert not list(workload_findings(frame({"nvtx_path": None}, {"nvtx_path": None})))


def test_reports_are_told_apart_and_launches_without_a_time_left_out() -> None:
    found = list(workload_findings(frame(
        {"report": "a", "kernel_demangled_name": CAST}, {"report": "a"}, {"report": "b"}, {"report": "b"},
        {"report": "b", "kernel_demangled_name": CAST, "duration_ns": None},
    )))  # fmt: skip
    assert [(finding.kind, finding.report) for finding in found] == [("conversions", "a")]


@given(st.lists(st.tuples(st.sampled_from(["k", SUM]), st.floats(1.0, 1e9)), max_size=8))
def test_shares_are_of_the_whole(launches: list[tuple[str, float]]) -> None:
    rows = [kernel("o", name, None, duration, ["o"]) for name, duration in launches]
    whole, sums = sum(time for _, time in launches), sum(time for name, time in launches if name == SUM)
    for finding in call_findings("o", "r", rows):
        assert finding.kind == "split-k-reductions"
        assert finding.values["share"] == pytest.approx(sums / whole)
        assert finding.values["launch_count"] == sum(name == SUM for name, _ in launches)


def test_an_op_of_one_kernel_is_what_its_name_says() -> None:
    assert not list(call_findings("cast", "r", [kernel("cast", "k", CAST, 5e3, ["cast"])]))


@pytest.mark.parametrize(
    ("changes", "pipe"),
    [
        ({"fp32_flop_count": 8.0}, "fp32"),
        ({"tensor_tf32_flop_count": 8.0}, "tensor_tf32"),
        ({"tensor_bf16_flop_count": 8.0}, None),
        ({"tensor_tf32_flop_count": None}, None),
        ({"fp32_flop_count": 8.0, "kernel_name": "vectorized_elementwise_kernel"}, None),
        ({"fp32_flop_count": 8.0, "op": None}, None),
    ],
)
def test_a_product_that_is_wider_than_most(changes: dict[str, Any], pipe: str | None) -> None:
    usual = {"kernel_name": "nvjet_sm90", "tensor_bf16_flop_count": 1e9}
    found = list(wide_products(frame(usual, {"kernel_name": "cutlass_80_simt_sgemm_64x64", **changes})))
    assert [finding.values["pipe"] for finding in found] == ([pipe] if pipe else [])
    assert all((f.values["usual_pipe"], f.launch_id, f.values["flop_count"]) == ("tensor_bf16", 1, 8.0) for f in found)


def test_without_tensor_work_nothing_is_wider() -> None:
    assert not list(wide_products(frame({"kernel_name": "sgemm_128", "fp32_flop_count": 8.0})))
    wide = {"kernel_name": "gemm", "tensor_tf32_flop_count": 8.0}
    assert not list(wide_products(frame(wide, wide)))


def test_columns_are_those_of_launches() -> None:
    assert set(KERNEL_COLUMNS) <= set(frame({}).columns)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        (
            "sglang-decode-b8",
            {
                "tiny-launches": {None},
                "outside-ranges": {None},
                "conversions": {None, "topk", "model.logits_processor"},
                "split-k-reductions": {None, "o_proj", "dense_down", "shared_gate_up", "router_gemm"},
            },
        ),
        ("hf-deepseek-modules", {"wide-product": {"router_gemm", "rope"}}),
    ],
)
def test_real_engines(shared_data: Path, name: str, places: dict[str, set[str | None]]) -> None:
    found: dict[str, set[str | None]] = {}
    for finding in analyze(shared_data / "serving" / name).findings:
        found.setdefault(finding.kind, set()).add(finding.op)
    assert {kind: found.get(kind) for kind in places} == places


def test_launches_in_no_range_of_a_real_engine(shared_data: Path) -> None:
    findings = analyze(shared_data / "serving" / "sglang-decode-b8").findings
    (outside,) = (finding for finding in findings if finding.kind == "outside-ranges")
    assert (outside.values["launch_count"], outside.values["time_ns"]) == (33, 127488.0)
