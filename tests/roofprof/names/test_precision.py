"""Precisions that names leave open."""

from roofprof.names.precision import complete_shape, lacks_precision, precision_from_work


def test_the_precision_is_that_of_most_tensor_flops() -> None:
    assert precision_from_work({"tensor_bf16": 2e9, "tensor_fp8": 7e9, "fp32": 9e9}) == "fp8"
    assert precision_from_work({"tensor_bf16": None, "tensor_tf32": 1.0}) == "tf32"


def test_without_tensor_flops_it_is_unknown() -> None:
    assert precision_from_work({}) is None
    assert precision_from_work({"tensor_bf16": None, "tensor_fp16": 0.0, "fp32": 1e9, "fp16": 1e9}) is None


def test_a_shape_is_completed_and_never_changed() -> None:
    given: dict[str, int | float | str] = {"m": 1, "precision": "fp4"}
    assert complete_shape({"m": 1}, "fp8") == {"m": 1, "precision": "fp8"}
    assert complete_shape(given, "fp8") == given
    assert complete_shape({"m": 1}, None) == {"m": 1}


def test_only_formulas_that_take_one_lack_it() -> None:
    assert lacks_precision("gemm", {"m": 1})
    assert not lacks_precision("gemm", {"m": 1, "precision": "fp8"})
    assert not lacks_precision("rmsnorm", {"m": 1, "d": 2})
