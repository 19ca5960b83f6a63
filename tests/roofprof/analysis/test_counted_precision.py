"""Formulas at the precision that the counters show."""

from typing import Any

from roofprof.analysis.counted_precision import with_counted_precision
from roofprof.formulas.models import evaluate
from roofprof.launches.ranges import NamedRange
from roofprof.names.reading import read_path

MM = "aten::mm, seq = 5, op_id = 7, sizes = [[64, 7168], [7168, 2112]]"


def named(name: str) -> NamedRange:
    read = read_path((name,))
    formula, shape = read.innermost.formula, read.innermost.shape
    assert formula
    return NamedRange(read.op, formula, shape, evaluate(formula, shape))


def completed(name: str, **flops: float | None) -> tuple[NamedRange, str | None]:
    counted: dict[str, Any] = flops
    return with_counted_precision(named(name), (name,), "r", counted)


def test_a_name_of_sizes_takes_the_precision_of_the_counters() -> None:
    found, source = completed(MM, tensor_fp8=2e9, tensor_bf16=1.0)
    assert source == "counters"
    assert found.shape["precision"] == "fp8"
    assert found.work
    assert found.work.pipe == "tensor_fp8"


def test_without_a_counted_precision_there_is_no_formula() -> None:
    found, source = completed(MM, tensor_fp8=None, fp32=2e9)
    assert (found.formula, found.work, source) == (None, None, None)
    assert [f.kind for f in found.findings] == ["range-name"]


def test_a_precision_whose_bytes_are_unknown_gives_no_formula() -> None:
    found, _ = completed(MM, tensor_tf32=2e9)
    assert found.work is None
    assert "tf32" in found.findings[0].message


def test_what_a_name_or_an_ops_file_says_stands() -> None:
    for name in ("q_b_proj:gemm:m64:n24576:k1536:fp8:bf16", "q_b_proj:gemm:m64:n24576:k1536"):
        assert completed(name, tensor_bf16=1.0) == (named(name), None)
    mapped = NamedRange("mine", "gemm", {"m": 1, "n": 2, "k": 3}, evaluate("gemm", {"m": 1, "n": 2, "k": 3}))
    assert with_counted_precision(mapped, (MM,), "r", {"tensor_fp8": 1.0}) == (mapped, None)


def test_a_formula_without_a_precision_is_left_alone() -> None:
    norm = "aten::rms_norm, sizes = [[8, 64], [], [64], []]"
    assert completed(norm) == (named(norm), None)
