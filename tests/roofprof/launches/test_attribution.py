"""Launches to op calls, on hand-made launches."""

from typing import Any

import polars as pl

from roofprof.launches.attribution import attribute, choose_domain
from roofprof.launches.measured_work import call_rows, op_rows, with_measured_work
from roofprof.launches.schema import LAUNCH_SCHEMA


def launches(*rows: dict[str, Any]) -> pl.DataFrame:
    """Launches of report r with the given columns; the rest null."""
    filled = [
        {"report": "r", "launch_id": i, "process_id": 1, "workload_type": "kernel", "kernel_name": "k", **row}
        for i, row in enumerate(rows)
    ]
    return pl.DataFrame(filled, schema=LAUNCH_SCHEMA)


def stack(
    *push_pop: str, ids: list[int] | None = None, domain: str = "roofprof", start_end: tuple = (),
    start_end_id: list[int] | None = None,
) -> dict[str, Any]:  # fmt: skip
    names = {"domain": domain, "push_pop": list(push_pop), "start_end": list(start_end)}
    return names | {"push_pop_id": ids, "start_end_id": start_end_id}


def test_the_domain_is_roofprof_else_nsight_pythons_else_the_default_else_the_only_one() -> None:
    assert choose_domain(["x", "nsight-python", "<default domain>", "roofprof"]) == "roofprof"
    assert choose_domain(["x", "nsight-python", "<default domain>"]) == "<default domain>"
    assert choose_domain(["CCCL", "nsight-python", "NCCL"]) == "nsight-python"
    assert choose_domain(["x", "<default domain>"]) == "<default domain>"
    assert choose_domain(["x"]) == "x"
    assert choose_domain(["x", "y"]) is None
    assert choose_domain(["x", "y"], "y") == "y"
    assert choose_domain(["x"], "y") is None


def test_the_innermost_push_pop_range_wins_over_start_end_and_other_domains() -> None:
    frame, findings = attribute(
        launches(
            {"nvtx": [stack("layer", "a"), stack("inner", domain="CCCL")]},
            {"nvtx": [stack("layer", start_end=("s",))]},
            {"nvtx": [stack(start_end=("s",))]},
            {"nvtx": [stack("inner", domain="CCCL")]},
            {"nvtx": []},
            {"nvtx": None},
        )
    )
    assert frame["nvtx_path"].to_list() == [["layer", "a"], ["layer"], ["s"], None, None, None]
    assert findings == []


def test_two_ranges_of_one_name_are_two_calls_where_the_file_tells_them_apart() -> None:
    frame, _ = attribute(
        launches(
            {"nvtx": [stack("a", ids=[1])]},
            {"nvtx": [stack("a", ids=[1])]},
            {"nvtx": [stack("a", ids=[5])]},
            {"nvtx": [stack("a", ids=[5])], "process_id": 2},
        )
    )
    assert frame["call"].n_unique() == 3


def test_start_end_ranges_of_one_name_are_told_apart_likewise() -> None:
    frame, _ = attribute(launches(*({"nvtx": [stack(start_end=("a",), start_end_id=[at])]} for at in (3, 3, 8, 8, 9))))
    assert [frame["call"].to_list().index(call) for call in frame["call"]] == [0, 0, 2, 2, 4]


def test_without_ids_a_contiguous_run_is_a_call() -> None:
    frame, _ = attribute(
        launches(*({"nvtx": [stack(name)]} for name in "aaba")),
    )
    assert [frame["call"].to_list().index(c) for c in frame["call"]] == [0, 0, 2, 3]


def test_a_child_range_does_not_split_its_parent() -> None:
    frame, _ = attribute(
        launches(
            {"nvtx": [stack("a", ids=[1])]}, {"nvtx": [stack("a", "b", ids=[1, 2])]}, {"nvtx": [stack("a", ids=[1])]}
        )
    )
    assert frame["call"][0] == frame["call"][2] != frame["call"][1]


def test_several_domains_without_roofprof_are_not_guessed() -> None:
    frame, findings = attribute(launches({"nvtx": [stack("a", domain="x"), stack("b", domain="y")]}))
    assert frame["nvtx_path"].to_list() == [None]
    assert [f.kind for f in findings] == ["domain-ambiguous"]
    frame, findings = attribute(launches({"nvtx": [stack("a", domain="x")]}), "z")
    assert [f.kind for f in findings] == ["domain-absent"]


def timed(name: str, call: int, duration: float | None, **columns: Any) -> dict[str, Any]:
    return {"nvtx": [stack(name, ids=[call])], "duration_ns": duration, **columns}


def ops_of(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    frame, _ = attribute(launches(*rows))
    return op_rows(call_rows(with_measured_work(frame).filter(pl.col("nvtx_path").is_not_null()))).to_dicts()


def test_an_ops_row_is_its_median_call_and_nothing_else() -> None:
    rows = ops_of(
        timed("a", 1, 30.0, dram_bytes=3.0, fp32_flop_count=1.0),
        timed("a", 1, 20.0, dram_bytes=4.0, fp32_flop_count=1.0),
        timed("a", 2, 10.0, dram_bytes=100.0, fp32_flop_count=9.0),
        timed("a", 3, 90.0, dram_bytes=200.0, fp32_flop_count=9.0),
    )
    (row,) = rows
    assert (row["calls"], row["duration_ns"], row["dram_bytes"], row["flop_count"]) == (3, 50.0, 7.0, 2.0)
    assert row["kernels"] == [0, 1]
    assert (row["duration_ns_min"], row["duration_ns_max"], row["dram_bytes_max"]) == (10.0, 90.0, 200.0)


def test_of_two_calls_the_shorter_stands_and_untimed_calls_are_not_the_median() -> None:
    (row,) = ops_of(timed("a", 1, 30.0), timed("a", 2, 20.0), timed("a", 3, None))
    assert (row["calls"], row["duration_ns"]) == (3, 20.0)
    (row,) = ops_of(timed("a", 1, None), timed("a", 2, None))
    assert (row["calls"], row["duration_ns"]) == (2, None)


def test_unknown_in_one_launch_is_unknown_in_the_sum() -> None:
    (row,) = ops_of(timed("a", 1, 1.0, dram_bytes=3.0, fp32_flop_count=1.0), timed("a", 1, 1.0, fp32_flop_count=None))
    assert row["dram_bytes"] is None
    assert row["fp32_flop_count"] is None


def test_ops_stand_in_launch_order() -> None:
    rows = ops_of(*(timed(name, i, float(9 - i)) for i, name in enumerate("cabcab")))
    assert [r["nvtx_path"] for r in rows] == [["c"], ["a"], ["b"]]


def test_half_instructions_are_arithmetic_only_beyond_constant_loads() -> None:
    base = {"thread_count": 32, "fp32_flop_count": 5.0}
    frame = with_measured_work(
        attribute(
            launches(
                {**base, "half_instruction_count": 16.0 * 32, "fp16_flop_count": 64.0 * 32},
                {**base, "half_instruction_count": 16.0 * 32 + 1, "fp16_flop_count": 100.0},
                {**base, "half_instruction_count": 0.0, "fp16_flop_count": 0.0},
                {**base, "half_instruction_count": None, "fp16_flop_count": None},
            )
        )[0]
    )
    assert frame["flop_count"].to_list() == [5.0, 105.0, 5.0, 5.0]
    assert frame["fp16_flop_count"].to_list() == [0.0, 100.0, 0.0, None]
    assert frame["fp16_left_out_flop_count"].to_list() == [2048.0, 0.0, 0.0, 0.0]


def test_a_zero_that_was_not_counted_is_unknown() -> None:
    frame = with_measured_work(
        attribute(
            launches(
                {"tensor_bf16_flop_count": 0.0},
                {"tensor_bf16_flop_count": 7.0},
                {"tensor_bf16_flop_count": 0.0, "fp32_flop_count": 0.0},
                {},
            )
        )[0]
    )
    assert frame["flop_count"].to_list() == [None, 7.0, 0.0, None]


def test_upper_bytes_take_the_larger_of_written_and_stored_launch_by_launch() -> None:
    (row,) = ops_of(
        timed("a", 1, 1.0, dram_read_bytes=10.0, dram_write_bytes=5.0, l2_write_bytes=1.0),
        timed("a", 1, 1.0, dram_read_bytes=10.0, dram_write_bytes=0.0, l2_write_bytes=7.0),
    )
    assert row["dram_upper_bytes"] == 32.0
