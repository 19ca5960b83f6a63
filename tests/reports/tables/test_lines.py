"""Lines of a terminal: columns stand below each other whatever they hold, and nothing is wider than asked."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.reports.tables.lines import Table, print_table, table_lines, width_of, wrapped

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=12)


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("µs", 2), ("行列", 4), ("é", 1), ("", 0)])
def test_a_width_is_that_of_a_terminal(text: str, width: int) -> None:
    assert width_of(text) == width


@given(st.lists(st.tuples(TEXT, TEXT, st.just("|")), min_size=1, max_size=5), st.booleans())
def test_columns_stand_below_each_other(rows: list[tuple[str, str, str]], right: bool) -> None:
    lines = table_lines(Table(("a\nb", "c", "|"), rows, ("total", "", "|"), right=right))
    assert {width_of(line) for line in lines if line.endswith("|") or "─" in line} == {width_of(lines[2])}


def test_headings_end_on_one_line_and_totals_stand_apart() -> None:
    table = Table(("op", "of\nroof"), [("gemm", "85 %")], ("total", "1"))
    assert table_lines(table) == ["      of", "op    roof", "──────────", "gemm  85 %", "", "total 1"]
    assert table_lines(table._replace(totals=(), right=True)) == ["       of", "op   roof", "─────────", "gemm 85 %"]


def test_the_first_column_is_cut_to_its_width() -> None:
    lines = table_lines(Table(("op", "n"), [("a long name", "1"), ("行列行列行列", "2")], most=6))
    assert lines[2:] == ["a lon… 1", "行列…  2"]


@given(st.lists(TEXT, max_size=8), st.integers(2, 20))
def test_sentences_are_broken_between_words_and_lose_nothing(words: list[str], width: int) -> None:
    lines = list(wrapped(" ".join(words), width))
    assert max(map(width_of, lines)) <= width
    assert "".join(lines).replace(" ", "") == "".join(words)


def test_only_a_terminal_is_sent_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(("op", "n"), [("gemm", "1")], ("total", "1"))
    out = io.StringIO()
    print_table(table, out)
    assert "\x1b" not in out.getvalue()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(out, "isatty", lambda: True, raising=False)
    print_table(table, out)
    assert out.getvalue().endswith("\x1b[1mop    n\x1b[0m\n───────\ngemm  1\n\n\x1b[1mtotal 1\x1b[0m\n")
