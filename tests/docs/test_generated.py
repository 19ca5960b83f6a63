"""Pages that follow from declarations in the code; --update-golden writes their tables anew."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import get_args, get_origin

import polars as pl
import pytest
from doc_blocks import table_at

from roofprof.findings import KINDS, Finding
from roofprof.hardware.chip import chips
from roofprof.launches.schema import HOW_STRUCT
from roofprof.parsers.ncu.columns import LINK, plan_columns
from roofprof.results.columns import Column, FlatColumn, declared_fields, flat_columns
from roofprof.results.kernels import KERNEL_SCHEMA
from roofprof.results.op import OpResult

UNITS = {
    "_ns": "ns", "_bytes": "B", "_bytes_per_s": "B/s", "flop_per_s": "FLOP/s", "_hz": "Hz", "flop_count": "FLOP",
    "_count": "count", "_cycles": "cycles", "cycles_elapsed": "cycles", "arithmetic_intensity": "FLOP/B",
}  # fmt: skip
"""Of a kernel's column by the end of its name."""


@pytest.fixture
def page(page_table: Callable[[str, str, list[str]], None]) -> Callable[[str, str, list[str]], None]:
    """Hold the table of a page that begins with a heading row against the one wanted."""

    def check(name: str, heading: str, wanted: list[str]) -> None:
        page_table(name, heading, [heading, "|---" * heading.count(" | ") + "|---|", *wanted])

    return check


FINDINGS = "| kind | severity | meaning | more, and what to do |"


def test_findings(page: Callable[[str, str, list[str]], None], root: Path) -> None:
    rows = table_at((text := (root / "docs/findings.md").read_text(encoding="utf-8"))[text.index(FINDINGS) :])[2:]
    more = {kind.split(">")[-1]: last for row in rows for _, kind, *_, last, _ in [re.split(r" ?\| ?", row)]}
    wanted = []
    for kind, declared in KINDS.items():
        meaning = declared.meaning[0].upper() + declared.meaning[1:]
        advice = more.get(f"`{kind}`", "")
        wanted.append(
            f'| <a id="{kind}"></a>`{kind}` | ' + f"{', '.join(declared.severities)} | {meaning}. | {advice} |"
        )
        assert advice, f"docs/findings.md: what to do about {kind} is missing"
    page("findings.md", FINDINGS, wanted)


def test_columns_of_ops(page: Callable[[str, str, list[str]], None]) -> None:
    wanted = [op_row(column) for column in flat_columns(OpResult)]
    page("columns.md", "| column | in ops.csv | in report.json | type | unit | source | meaning |", wanted)


def op_row(column: FlatColumn) -> str:
    """One line of the table of ops' columns."""
    name = "—" if column.ops_name is None else "same" if column.ops_name == column.name else f"`{column.ops_name}`"
    kind = type_words(column.type) + (" or unknown" if column.nullable else "")
    unit = "" if column.unit == "text" else column.unit
    values = f" ({', '.join(allowed)})" if 0 < len(allowed := values_at(OpResult, column.path)) < 5 else ""
    where = f"`{column.name}` | {name} | `{'.'.join(column.path)}`"
    return f"| {where} | {kind} | {unit} | {column.source} | {column.description}{values} |"


def type_words(kind: object) -> str:
    """A type as a reader of a table knows it."""
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        return "list of findings" if item is Finding else f"list of {type_words(item)}s"
    return {str: "text", int: "integer", float: "number", bool: "true or false"}.get(kind, "object")  # type: ignore[call-overload]


def values_at(row: type, path: tuple[str, ...]) -> tuple[str, ...]:
    """The texts that a column may hold, where it declares them."""
    field = next(field for field in declared_fields(row) if field.name == path[0])
    if isinstance(field.declared, Column):
        return field.declared.values
    assert isinstance(field.type, type)
    return values_at(field.type, path[1:])


def test_columns_of_kernels(page: Callable[[str, str, list[str]], None]) -> None:
    page("columns.md", "| column of kernels | type | unit | source |", list(kernel_rows(KERNEL_SCHEMA)))


def kernel_rows(schema: Mapping[str, pl.DataType]) -> Iterator[str]:
    """The lines of the table of kernels' columns; polars' types in words."""
    words = {pl.String(): "text", pl.Int64(): "integer", pl.Float64(): "number", HOW_STRUCT: "object"}
    sources = kernel_sources()
    for name, dtype in schema.items():
        kind = f"list of {words[dtype.inner]}s" if isinstance(dtype, pl.List) else words[dtype]  # type: ignore[index]
        unit = next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")
        yield f"| `{name}` | {kind} | {unit} | {sources.pop(name, '')} |"
    assert not sources


def kernel_sources() -> dict[str, str]:
    """Column -> the metrics of GH100 that fill it, as the reader plans them; and what is made of other columns."""
    gh100 = chips()["gh100"]
    planned = {**plan_columns(gh100, frozenset()).missing, **LINK}
    missing = {name: metrics.split(",") for name, metrics in planned.items()}
    for side in ("grid", "block"):
        missing[side] = [metric for axis in "xyz" for metric in missing.pop(f"{side}_{axis}")]
    peaks = {f"peak_{pipe}_flop_per_s": counter.peak for pipe, counter in gh100.pipes.items() if counter.peak}
    clocked = {name: f"`{base}.sum.peak_sustained` x SM clock" for name, base in peaks.items()}
    return {name: ", ".join(f"`{metric}`" for metric in metrics) for name, metrics in missing.items()} | clocked
