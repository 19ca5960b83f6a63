"""The stable surface, pinned: docs/library.md and CHANGELOG.md say what changed when --update-golden was needed."""

import inspect
from collections.abc import Callable, Iterator

import pytest

import roofprof
import roofprof.formulas as formulas
from roofprof.formulas.models import FORMULAS


def surface() -> Iterator[str]:
    """One line per name, with its parameters."""
    for name in roofprof.__all__:
        value = getattr(roofprof, name)
        if inspect.isfunction(value):
            yield f"{name}({parameters(value)})"
        elif inspect.isclass(value) and value.__module__.startswith("roofprof.library"):
            yield name
            for member, held in inspect.getmembers(value):
                if not member.startswith("_"):
                    yield f"    {member}" + (f"({parameters(held)})" if inspect.isfunction(held) else "")
        else:
            yield name


def parameters(function: Callable[..., object]) -> str:
    """As they are written, without their types."""
    signature = inspect.signature(function)
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty)).strip("()")


def test_the_surface_is_pinned(golden: Callable[[str, str], None]) -> None:
    golden("library.txt", "\n".join(surface()) + "\n")


def test_every_formula_stands_alone() -> None:
    assert set(formulas.__all__) - {"Work"} == set(FORMULAS)
    for name, formula in FORMULAS.items():
        assert getattr(formulas, name) is formula
    with pytest.raises(AttributeError):
        _ = formulas.nonsense  # type: ignore[attr-defined]


def test_gemm_by_hand() -> None:
    """[64, 2048] x [7168, 2048]^T in FP8: a byte an element, an fp32 scale per 128 and per 128x128, bf16 out."""
    work = roofprof.formulas.gemm(m=64, n=7168, k=2048, precision="fp8")
    assert work.flop_count == 2 * 64 * 7168 * 2048
    scales = 4 * 64 * 16 + 4 * 56 * 16
    assert work.dram_bytes == 64 * 2048 + 7168 * 2048 + scales + 2 * 64 * 7168
    point = roofprof.gpus["h100"].roofline().place({work.pipe: work.flop_count}, work.dram_bytes)
    assert point.bound == "memory"
    assert point.bound_time_s == pytest.approx(work.dram_bytes / 3.35e12)


def test_a_roof_is_the_lower_of_two() -> None:
    roofs = roofprof.gpus["h100"].roofline()
    assert roofs.attainable_flop_per_s(1.0, "tensor_fp8") == 3.35e12
    assert roofs.attainable_flop_per_s(1e6, "tensor_fp8") == roofs.peak_flop_per_s["tensor_fp8"]
    assert roofs.attainable_flop_per_s(1.0, "tensor_fp4") is None
