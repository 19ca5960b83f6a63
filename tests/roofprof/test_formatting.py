"""Display: scaling, and names that might do harm."""

import csv
import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.formatting import (
    csv_line,
    escaped,
    format_number,
    format_percent,
    format_si,
    listed,
    print_error,
    printable,
    shortened,
    spreadsheet_cell,
    told_apart,
)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "B", "—"),
        (0, "B", "0 B"),
        (999.6, "B", "1.00 kB"),
        (1.234e12, "B/s", "1.23 TB/s"),
        (9.996e15, "FLOP/s", "10.0 PFLOP/s"),
        (0.000123, "s", "123 µs"),
        (42, "", "42.0"),
    ],
)
def test_si(value: float | None, unit: str, text: str) -> None:
    assert format_si(value, unit) == text


def test_numbers_and_percent() -> None:
    assert [format_number(v) for v in (None, 0, 0.1234, 12.345, 1234.5)] == ["—", "0", "0.123", "12.3", "1230"]
    assert [format_percent(v) for v in (None, 0.5, 0.0123, 1.5)] == ["—", "50 %", "1.2 %", "150 %"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "(unnamed)"),
        ("a\tb\nc", "a\\tb\\nc"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("naïve-漢字", "naïve-漢字"),
        ("\u202eevil", "\\x202eevil"),
        ("x" * 50, "xxxxxxxxxxxx…xxxxxxx"),
    ],
)
def test_names(name: str, text: str) -> None:
    assert printable(name, 20) == text


@given(st.text(), st.integers(2, 60))
def test_any_name_is_printable_within_its_width(name: str, width: int) -> None:
    text = printable(name, width)
    assert text.isprintable()
    assert 0 < len(text) <= width


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_cells_are_not_formulas(text: str) -> None:
    assert spreadsheet_cell(text) == "'" + text


def test_other_cells_stay() -> None:
    assert spreadsheet_cell("q_b_proj") == "q_b_proj"


@given(st.text())
def test_escaped_text_is_one_printable_line_and_stays_where_it_was_one(text: str) -> None:
    assert escaped(text).isprintable()
    assert escaped(escaped(text)) == escaped(text)
    assert escaped("") == ""


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2))
def test_a_line_of_csv_reads_back_as_its_cells(cells: list[str]) -> None:
    assert list(csv.reader(io.StringIO(csv_line(cells), newline=""))) == [cells]


def test_cells_that_are_no_texts() -> None:
    assert csv_line([None, 1, 0.5, True, "a\rb", 'a"b']) == ',1,0.5,True,"a\rb","a""b"\n'


def test_an_error_of_any_program_is_escaped_and_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("x\x1b[2J is missing", "look\nhere")
    print_error("y", None)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "\x1b" not in printed.err
    assert [line.split(":")[0] for line in printed.err.splitlines()] == ["error", "hint", "error"]


KERNELS = (
    "ncclDevKernel_AllReduce_Sum_bf16_RING_LL", "ncclDevKernel_AllGather_RING_LL", "ncclDevKernel_Broadcast_RING_LL",
    "unrolled_elementwise_kernel<direct_copy_kernel_cuda(TensorIteratorBase&)::{lambda(float)#1}, Array<char*, 2>>",
    "unrolled_elementwise_kernel<direct_copy_kernel_cuda(TensorIteratorBase&)::{lambda(int)#1}, Array<char*, 2>>",
    "aten::mm [8, 4096] x [4096, 4096]", "aten::mm [8, 14336] x [14336, 4096]", "aten::mm [8, 4096] x [4096, 1024]",
)  # fmt: skip


def test_names_that_would_look_alike_show_what_differs() -> None:
    assert told_apart(KERNELS[:3], 20) == ["ncclDevK…AllReduce_…", "ncclDevK…AllGather_…", "ncclDevK…Broadcast_…"]
    assert told_apart(["a", "a", "b"], 20) == ["a", "a", "b"]
    assert told_apart(["short", *KERNELS[:1]], 20) == ["short", shortened(KERNELS[0], 20)]


NAMES = st.lists(st.sampled_from(KERNELS) | st.text("ab_<>, ", min_size=1, max_size=60), min_size=1, max_size=8)


@given(NAMES, st.integers(16, 40))
def test_other_names_look_otherwise(names: list[str], width: int) -> None:
    cut = told_apart(names, width)
    assert all(len(text) <= width for text in cut)
    assert len(set(cut)) == len({printable(name) for name in names})
    assert cut == [dict(zip(names, cut, strict=True))[name] for name in names]


@pytest.mark.parametrize(
    ("items", "text"),
    [((), ""), (("a",), "a"), (("a", "b"), "a, b"), (("a", "b", "c"), "a, b, ..."), (range(9), "0, 1, ...")],
)
def test_a_list_names_what_it_leaves_out(items: Sequence[object], text: str) -> None:
    assert listed(items, 2) == text
