"""Which kernels are worth a second look, from reports of made-up launches."""

from pathlib import Path

import pytest
from tiny_report import tiny_report

from roofprof.errors import ReportError
from roofprof.profiler.ncu.look import left_to_count, matrix_functions, not_sampled, read_launches, unexplained
from roofprof.profiler.ncu.plan import table_of_chip

CHIP = table_of_chip("gh100")
BF16, FP8 = "sm__ops_path_tensor_src_bf16_dst_fp32.sum", "sm__ops_path_tensor_src_fp8.sum"
PEAK = "sm__ops_path_tensor_src_fp8_sparsity_off.sum.peak_sustained"
TIME = "gpu__time_duration.sum"
OPS = dict.fromkeys(CHIP.groups["tensor_ops"], 0.0)
MATRIX, HFMA2 = (f"sm__inst_executed_pipe_tensor{name}.sum" for name in ("", "_op_hmma_type_hfma2"))
BLACKWELL = table_of_chip("gb100")


def written(folder: Path, *launches: tuple[str, dict[str, float]]) -> Path:
    path = folder / "made-up.ncu-rep"
    path.write_bytes(tiny_report(launches))
    return path


def test_a_function_is_open_as_soon_as_one_launch_of_it_is(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        ("gemm", {BF16: 8.0, FP8: 0.0, PEAK: 9.0}), ("gemm", {BF16: 0.0, FP8: 3.0, PEAK: 9.0}),
        ("mixed", {BF16: 8.0, FP8: 0.0, PEAK: 9.0}), ("mixed", {BF16: 0.0, FP8: 0.0, PEAK: 9.0}),
        ("uncounted", {TIME: 5.0}),
    )  # fmt: skip
    assert unexplained(path, CHIP, ["bf16", "fp8"]) == ["mixed", "uncounted"]


@pytest.mark.parametrize(
    ("counted", "precisions"),
    [
        ({}, None),
        ({MATRIX: 6.0, HFMA2: 6.0}, None),
        ({MATRIX: 7.0, HFMA2: 6.0}, set(CHIP.precisions)),
        ({MATRIX: 2.0, HFMA2: 6.0}, set(CHIP.precisions)),
    ],
)
def test_matrix_instructions_are_told_from_moves(
    tmp_path: Path, counted: dict[str, float], precisions: set[str] | None
) -> None:
    found = matrix_functions(written(tmp_path, ("k", {**OPS, **counted})), CHIP)
    assert found == ({} if precisions is None else {"k": precisions})


@pytest.mark.parametrize("base", BLACKWELL.tensor_families)
def test_their_kinds_tell_which_precisions_are_possible(tmp_path: Path, base: str) -> None:
    ops = {**dict.fromkeys(BLACKWELL.groups["tensor_ops"], 0.0), f"{base}.sum": 3.0}
    found = matrix_functions(written(tmp_path, ("k", ops)), BLACKWELL)
    assert found == {"k": set(BLACKWELL.tensor_families[base])}


def test_a_sample_has_each_template_instance(tmp_path: Path) -> None:
    every = written(tmp_path, ("a", {TIME: 1.0}), ("b", {TIME: 1.0}), ("a", {TIME: 1.0}), ("c", {TIME: 1.0}))
    sample = tmp_path / "sample.ncu-rep"
    sample.write_bytes(tiny_report([("a", {TIME: 1.0})]))
    assert not_sampled(every, sample, ["a", "b"]) == ["b"]
    assert not_sampled(every, None, ["a"]) == ["a"]
    assert not_sampled(every, sample, ["a"]) == []


def test_of_a_launch_without_the_counters_anything_is_possible(tmp_path: Path) -> None:
    assert matrix_functions(written(tmp_path, ("k", {TIME: 5.0})), CHIP)["k"] >= {"fp16", "tf32", "int8", "fp64"}


def test_what_is_counted_already_is_not_looked_for() -> None:
    functions = {"a": {"bf16", "fp16"}, "b": {"int8"}, "c": {"bf16"}}
    assert left_to_count(functions, ["fp16", "tf32", "int8"]) == (["a", "b"], ["fp16", "int8"])
    assert left_to_count({}, ["fp16"]) == ([], [])


def test_a_damaged_report_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, ("k", {BF16: 1.0}))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ReportError, match="damaged"):
        read_launches(path, [BF16])
