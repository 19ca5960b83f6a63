"""Reads an nsys trace: .sqlite, a directory of .parquet, or .nsys-rep through an exporter.

The schema changes between versions of nsys, and a table without rows is not written at all: columns are
looked up, and what is absent is empty.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from roofprof.errors import ReportError, RoofprofError
from roofprof.files import check_regular
from roofprof.findings import Finding
from roofprof.parsers.nsys.checked import CheckedTables
from roofprof.parsers.nsys.diagnostics import lost_launch_findings, read_diagnostics, reading_losses
from roofprof.parsers.nsys.operations import OperationReader
from roofprof.parsers.nsys.parquet import ParquetTables
from roofprof.parsers.nsys.ranges import read_ranges
from roofprof.parsers.nsys.sqlite import SqliteTables
from roofprof.parsers.nsys.strings import NsysNames
from roofprof.parsers.nsys.tables import NsysTables
from roofprof.timeline.frames import NsysTrace

Exporter = Callable[[Path], AbstractContextManager[Path]]
"""Gives a SQLite export of an .nsys-rep, for as long as it is read."""

_PREFIXES = ("CUPTI_ACTIVITY_KIND_", "NVTX_EVENTS", "TARGET_INFO_", "META_DATA_EXPORT", "EXPORT_META_DATA")


def read_nsys_trace(path: Path, export: Exporter | None = None) -> NsysTrace:
    """Read a trace.

    Args:
        path: a .sqlite or .nsys-rep file, or a directory of .parquet files.
        export: nsys' exporter, for an .nsys-rep; without it only exports can be read.

    Raises:
        ReportError: no such file, not an nsys export, truncated, locked or damaged.
        RoofprofError: an .nsys-rep and no exporter.
    """
    if not os.path.exists(path):
        raise ReportError(f"no such file: {path}", "give an .nsys-rep, its .sqlite export or its parquet directory")
    if path.suffix == ".ncu-rep":
        raise ReportError(f"{path} is a report of ncu, not of nsys", "roofprof analyze reads it")
    if path.suffix == ".nsys-rep":
        _check_regular(path)
        if export is None:
            raise RoofprofError(
                f"{path} must be exported before it can be read",
                f"run: nsys export -t sqlite -o {path.stem}.sqlite {path.name}",
            )
        with export(path) as exported:
            return _read(exported, path)
    return _read(path, path)


def _check_regular(path: Path) -> None:
    """Refuse what is no regular file, before nsys opens it.

    Raises:
        ReportError: naming what it is.
    """
    try:
        check_regular(path)
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror or error}", "check the file and its rights") from None


def _read(path: Path, named: Path) -> NsysTrace:
    try:
        tables: NsysTables = ParquetTables(path) if os.path.isdir(path) else SqliteTables(path)
    except OSError as error:
        raise ReportError(f"cannot read {named}: {error.strerror or error}", "check its permissions") from error
    try:
        _check_export(tables, named)
        checked = CheckedTables(tables, named)
        names = NsysNames(checked)
        reader = OperationReader(checked, names)
        kernels, shapes = reader.kernels()
        memory_operations, graphs = reader.memory_operations(), reader.graph_launches()
        losses = reading_losses(reader.losses, reader.backwards_calls, graphs.height)
        losses += lost_launch_findings(reader.lost_launches())
        del reader
        ranges, range_findings = read_ranges(checked, names)
        findings: list[Finding] = [*checked.findings(), *read_diagnostics(checked), *losses, *range_findings]
    finally:
        tables.close()
    return NsysTrace(kernels, shapes, ranges, memory_operations, graphs, tuple(findings), named.name)


def _check_export(tables: NsysTables, path: Path) -> None:
    """Refuse what another tool wrote."""
    found = tables.table_names()
    if "StringIds" in found and any(name.startswith(_PREFIXES) for name in found):
        return
    if path.is_dir() and not found:
        raise ReportError(f"{path} holds no .parquet files", "make it with: nsys export -t parquetdir")
    listed = ", ".join(sorted(found)[:5]) or "none"
    raise ReportError(
        f"{path} is not an export of nsys: its tables are {listed}",
        "give the file that nsys export -t sqlite writes",
    )
