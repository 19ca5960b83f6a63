"""Reads an nsys trace: .sqlite, a directory of .parquet, or .nsys-rep through an exporter.

The schema changes between versions of nsys, and a table without rows is not written at all: columns are
looked up, and what is absent is empty.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from roofprof.errors import ReportError, RoofprofError
from roofprof.files import check_regular
from roofprof.findings import Finding
from roofprof.formats.nsys import API_TABLES, GPU_TABLES
from roofprof.parsers.nsys.api_calls import lost_launches, read_api_calls, read_node_creation
from roofprof.parsers.nsys.checked import CheckedTables
from roofprof.parsers.nsys.diagnostics import lost_launch_findings, read_diagnostics, reading_losses
from roofprof.parsers.nsys.operations import OperationReader
from roofprof.parsers.nsys.parquet import ParquetTables
from roofprof.parsers.nsys.ranges import read_ranges
from roofprof.parsers.nsys.sqlite import SqliteTables
from roofprof.parsers.nsys.streamed import ROWS_AT_ONCE, read_streamed
from roofprof.parsers.nsys.strings import NsysNames
from roofprof.parsers.nsys.tables import NsysTables
from roofprof.timeline.frames import NsysTrace
from roofprof.timeline.streamed.source import StreamedTrace

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
    with _exported(path, export) as exported, _opened(exported, path) as tables:
        return _read(tables, path.name)


@contextmanager
def open_nsys_trace(
    path: Path, export: Exporter | None, max_whole: int, rows: int = ROWS_AT_ONCE, *, in_parts: bool = True
) -> Iterator[NsysTrace | StreamedTrace]:
    """A trace as a whole, or, where that would take too much memory, in parts that can be read within the context.

    Args:
        path: as `read_nsys_trace` takes it.
        export: as there.
        max_whole: operations and API calls up to which it is read as a whole.
        rows: of these to hold at a time, where it is read in parts.
        in_parts: whether it may be: the parts are temporary files.

    Raises:
        ReportError: as there.
        RoofprofError: as there, there is no room for the files of the parts, or there may be none.
    """
    with _exported(path, export) as exported:
        with _opened(exported, path) as tables:
            operations, calls = (sum(map(tables.count, names)) for names in (GPU_TABLES, API_TABLES))
            whole = _read(tables, path.name) if operations + calls <= max_whole else None
        if whole is not None:
            yield whole
            return
        if not in_parts:
            raise RoofprofError(
                f"{path} holds {operations + calls} operations and API calls, too many to be read at once",
                "show it with roofprof timeline, which reads it in parts",
            )
        with tempfile.TemporaryDirectory(prefix="roofprof-") as folder:
            _check_space(folder, operations * _OPERATION_BYTES + calls * _CALL_BYTES, path)
            with _opened(exported, path) as tables:
                streamed = read_streamed(tables, Path(folder), path.name, rows)
            yield streamed


_OPERATION_BYTES, _CALL_BYTES = 110, 40
"""What one takes in the files of the parts, and some more."""


def _check_space(folder: str, needed: int, path: Path) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        RoofprofError: with how much is needed, and where.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise RoofprofError(
            f"{path} needs up to {needed / 1e9:.1f} GB in {tempfile.gettempdir()} while it is read, "
            f"which has {free / 1e9:.1f} GB",
            "set TMPDIR to a folder with more",
        )


@contextmanager
def _exported(path: Path, export: Exporter | None) -> Iterator[Path]:
    """The export to read."""
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
            yield exported
    else:
        yield path


def _check_regular(path: Path) -> None:
    """Refuse what is no regular file, before nsys opens it.

    Raises:
        ReportError: naming what it is.
    """
    try:
        check_regular(path)
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror or error}", "check the file and its rights") from None


@contextmanager
def _opened(path: Path, named: Path) -> Iterator[CheckedTables]:
    """The tables of an export."""
    try:
        tables: NsysTables = ParquetTables(path) if os.path.isdir(path) else SqliteTables(path)
    except OSError as error:
        raise ReportError(f"cannot read {named}: {error.strerror or error}", "check its permissions") from error
    try:
        _check_export(tables, named)
        yield CheckedTables(tables, named)
    finally:
        tables.close()


def _read(checked: CheckedTables, source: str) -> NsysTrace:
    names = NsysNames(checked)
    calls = read_api_calls(checked)
    reader = OperationReader(checked, names, calls, read_node_creation(checked))
    kernels, shapes = reader.kernels()
    memory_operations, graphs = reader.memory_operations(), reader.graph_launches()
    reader.losses.shared_launch = calls.sharing()
    losses = reading_losses(reader.losses, calls.backwards, graphs.height)
    losses += lost_launch_findings(lost_launches(calls, checked, names))
    del reader, calls
    ranges, range_findings = read_ranges(checked, names)
    findings: list[Finding] = [*checked.findings(), *read_diagnostics(checked), *losses, *range_findings]
    return NsysTrace(kernels, shapes, ranges, memory_operations, graphs, tuple(findings), source)


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
