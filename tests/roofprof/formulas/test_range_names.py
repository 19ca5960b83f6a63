"""Range names: written and parsed in one place."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.formulas.range_names import PRECISIONS, RangeNameError, format_range_name, parse_range_name


def test_the_documented_example() -> None:
    name = parse_range_name("q_b_proj:gemm:m64:n24576:k1536:fp8:bf16")
    assert name.op == "q_b_proj"
    assert name.formula == "gemm"
    assert name.shape == {"m": 64, "n": 24576, "k": 1536, "precision": "fp8", "output": "bf16"}
    assert str(name) == "q_b_proj:gemm:m64:n24576:k1536:fp8:bf16"


def test_a_plain_name_is_an_op_without_a_formula() -> None:
    assert parse_range_name("op.scale_add").formula is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "no name"),
        ("<script>", "characters"),
        ("a b", "characters"),
        ("naïve", "characters"),
        (":gemm:m1", "before the first colon"),
        ("q_b_proj:gemm:m64:nOOPS", "'nOOPS'"),
        ("q:gemm:m64:m65", "twice"),
        ("q:gemm:m64:", "''"),
        ("q:gemm:fp8:bf16:fp32", "two precisions"),
        ("q:gemm:m-3", "'m-3'"),
    ],
)
def test_broken_names_say_where(name: str, why: str) -> None:
    with pytest.raises(RangeNameError, match=why):
        parse_range_name(name)


def test_writing_refuses_what_ncu_would_take_for_syntax() -> None:
    with pytest.raises(RangeNameError):
        format_range_name("a/b")
    with pytest.raises(RangeNameError, match="not an integer"):
        format_range_name("moe", "moe_gemm", {"e": 222.4})


_sizes = st.dictionaries(st.sampled_from("mnkhbsetdrxug"), st.integers(0, 10**9), max_size=8)


@given(
    op=st.from_regex(r"[A-Za-z0-9_.-]+", fullmatch=True),
    formula=st.from_regex(r"[a-z_]+", fullmatch=True),
    sizes=_sizes,
    precisions=st.lists(st.sampled_from(PRECISIONS), max_size=2),
)
def test_what_is_written_parses_back(op: str, formula: str, sizes: dict[str, int], precisions: list[str]) -> None:
    shape = {**sizes, **dict(zip(("precision", "output"), precisions, strict=False))}
    parsed = parse_range_name(format_range_name(op, formula, shape))
    assert (parsed.op, parsed.formula, parsed.shape) == (op, formula, shape)


@given(st.text())
def test_any_text_parses_or_says_why(text: str) -> None:
    with contextlib.suppress(RangeNameError):
        parse_range_name(text)
