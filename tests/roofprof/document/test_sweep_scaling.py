"""Cases that differ in one size."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from roofprof.document.sweep_scaling import case_total, cases_of, scaling_groups, series
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport


@pytest.fixture
def op(decode: RooflineReport) -> Callable[..., OpResult]:
    def build(name: str = "rope", **changes: object) -> OpResult:
        base = next(o for o in decode.ops if o.op == "rope")
        fields: dict[str, object] = {"op": name, "report": "r", "time_source": "ncu", **changes}
        return replace(base, **fields)  # type: ignore[arg-type]

    return build


def test_groups_differ_in_one_size_alone(op: Callable[..., OpResult]) -> None:
    points = [(1, 4096), (64, 4096), (64, 1024), (8, 512)]
    ops = [op(batch=b, seq_len=s) for b, s in points]
    (by_batch,) = scaling_groups(ops, "batch")
    assert (by_batch.fixed, list(by_batch.cases)) == (4096, [1, 64])
    assert by_batch.title == "decode, KV length 4096, cold cache"
    (by_length,) = scaling_groups(ops, "seq_len")
    assert (by_length.fixed, list(by_length.cases)) == (64, [1024, 4096])
    assert by_length.stem == "decode-b64-cold-h100"


def test_phase_cache_and_gpu_keep_cases_apart(op: Callable[..., OpResult]) -> None:
    other = replace(op().measured_on, gpu="h200")
    ops = [
        op(batch=1), op(batch=2, phase="prefill"), op(batch=4, cache="warm"), op(batch=8, measured_on=other),
        op(batch=16, phase=None),
    ]  # fmt: skip
    assert scaling_groups(ops, "batch") == []


def test_a_case_measured_twice_counts_once(op: Callable[..., OpResult]) -> None:
    ops = [op(batch=1, report="a"), op(batch=1, report="b", duration_ns=7.0), op(batch=2, report="a")]
    (group,) = scaling_groups(ops, "batch")
    assert [o.report for o in group.cases[1]] == ["b"]


def test_series_put_most_time_first_and_name_twins(op: Callable[..., OpResult]) -> None:
    ops = [
        replaced
        for b in (1, 2)
        for replaced in (
            op("small", batch=b, duration_ns=1.0), op("twin", batch=b, implementation="x", duration_ns=9.0),
            op("twin", batch=b, implementation="y", duration_ns=5.0),
        )
    ]  # fmt: skip
    (group,) = scaling_groups(ops, "batch")
    lines = series(group)
    assert list(lines) == ["twin (x)", "twin (y)", "small"]
    assert [x for x, _ in lines["small"]] == [1, 2]


def test_a_total_sums_and_then_divides(op: Callable[..., OpResult]) -> None:
    slow = replace(op().measured_on, bound="latency")
    ops = [
        op(duration_ns=30.0, flop_count=100.0, dram_bytes=10.0, formula=None),
        op(duration_ns=10.0, flop_count=0.0, dram_bytes=30.0, measured_on=slow),
        op(duration_ns=None, flop_count=None, dram_bytes=60.0, measured_on=slow),
    ]
    total = case_total(ops)
    assert (total.time_ns, total.flop_count, total.dram_bytes) == (40.0, 100.0, 100.0)
    assert total.arithmetic_intensity == 2.5  # over the ops of which both are known
    assert total.time_share_by_bound["latency"] == pytest.approx(0.25 if op().measured_on.bound != "latency" else 1.0)
    assert sum(total.time_share_by_bound.values()) == pytest.approx(1)


def test_an_op_of_the_step_is_no_part_of_the_layer(op: Callable[..., OpResult]) -> None:
    alone, beside = case_total([op()]), case_total([op(), op("lm_head", duration_ns=1e9)])
    assert alone == beside
    assert case_total([op("lm_head")]).time_ns is None


def test_no_op_is_unknown_and_not_0() -> None:
    total = case_total([])
    assert (total.time_ns, total.dram_bytes, total.arithmetic_intensity) == (None, None, None)


def test_cases_keep_their_order(op: Callable[..., OpResult]) -> None:
    ops = [op(batch=2), op(batch=1), op("topk", batch=2)]
    assert [len(case) for case in cases_of(ops).values()] == [2, 1]
