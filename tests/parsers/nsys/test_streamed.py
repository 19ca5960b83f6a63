"""A trace that is read in parts says what it says as a whole, however small the parts are."""

import shutil
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nsys_export import Export
from shared_data import SHARED
from timelines import assert_same

from roofprof.errors import ReportError, RoofprofError
from roofprof.parsers.nsys import sqlite, stored_calls
from roofprof.parsers.nsys.trace import open_nsys_trace, read_nsys_trace
from roofprof.timeline.frames import NsysTrace, Operations
from roofprof.timeline.shown.kernel_ops import kernel_op_rows
from roofprof.timeline.streamed.source import StreamedTrace
from roofprof.timeline.streamed.timeline import stream_timeline
from roofprof.timeline.timeline import build_timeline

IN_PARTS = -1
SAMPLES = sorted((Path(__file__).parents[2] / "data").rglob("*.sqlite"))
CASES = sorted(p for pattern in ("nsys-cases", "ranks", "serving") for p in (SHARED / pattern).rglob("*.sqlite"))


def _shrink(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sqlite, "_ROWS_PER_RUN", 2)
    patch.setattr(stored_calls, "_ID_BITS", 1)
    patch.setattr(stored_calls, "_STRETCHES_AT_ONCE", 2)


def _compare(path: Path, rows: int, outside_only: bool = True) -> None:
    trace = read_nsys_trace(path)
    domains = trace.ranges["domain"].drop_nulls().unique().sort().to_list()
    domain = str(domains[0]) if domains else None
    whole = build_timeline(trace, domain)
    with open_nsys_trace(path, None, IN_PARTS, rows) as streamed:
        assert isinstance(streamed, StreamedTrace)
        line, kernels = stream_timeline(streamed, domain, kernels_outside_only=outside_only)
    assert_same(line, kernels, whole, kernel_op_rows(trace, whole, outside_only))


@pytest.mark.parametrize("outside_only", [True, False])
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_samples(path: Path, outside_only: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_ROWS_PER_RUN", 100)
    monkeypatch.setattr(stored_calls, "_ID_BITS", 6)
    _compare(path, 100, outside_only)


@pytest.mark.skipif(not CASES, reason="needs the data beside the checkout")
@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def test_traces_of_others(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_ROWS_PER_RUN", 500)
    _compare(path, 500)


TIME = st.integers(0, 60)
LENGTH = st.integers(-1, 9)
CORRELATION = st.integers(1, 6)
PIDS = st.sampled_from([100, 200])
CALL = st.tuples(
    TIME, LENGTH, CORRELATION, PIDS, st.sampled_from([101, 102]), st.sampled_from(["cudaLaunchKernel_v1", "x"])
)
KERNEL = st.tuples(
    TIME, LENGTH, CORRELATION, PIDS, st.sampled_from("kl"), st.sampled_from([1, 2, 0]), st.sampled_from([None, 0, 5, 6])
)
COPY = st.tuples(TIME, LENGTH, CORRELATION, st.sampled_from([0, 1, 70_000]), PIDS)
END_THREADS = st.sampled_from([None, 102])
DOMAINS = st.sampled_from([0, 0, 1])
RANGE = st.tuples(
    TIME, st.one_of(st.none(), TIME), st.sampled_from("ab"), PIDS, END_THREADS, st.sampled_from([0, 0, 1])
)


@st.composite
def exports(draw: st.DrawFn) -> Export:
    """Rows of all tables, in any order, with values that cannot be among them."""
    made = Export(Path("unused"))
    for start, length, correlation, pid, tid, name in draw(st.lists(CALL, max_size=25)):
        made.call(name)
        made.api(start, start + length, correlation, pid=pid, tid=tid)
    for start, length, correlation, pid, name, grid, node in draw(st.lists(KERNEL, max_size=25)):
        made.kernel(start, start + length, correlation, name, pid=pid, grid=(grid, 1, 1), node=node)
    for start, length, correlation, device, pid in draw(st.lists(COPY, max_size=6)):
        made.memcpy(start, start + length, correlation, device=device, pid=pid)
    for start, length, correlation, *_ in draw(st.lists(COPY, max_size=3)):
        made.memset(start, start + length, correlation)
    for start, length, correlation, *_ in draw(st.lists(COPY, max_size=3)):
        made.graph_trace(start, start + length, correlation)
    for created, node in draw(st.lists(st.tuples(TIME, st.sampled_from([5, 6])), max_size=2)):
        made.node(created, node)
    for start, end, name, pid, end_tid, domain in draw(st.lists(RANGE, max_size=12)):
        made.range(start, end, name, pid=pid, end_tid=end_tid, domain=domain)
    return made


@settings(max_examples=40)
@given(exports(), st.sampled_from([1, 3, 8]), st.booleans())
def test_any_trace(made: Export, rows: int, outside_only: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        _shrink(patch)
        made.path = Path(folder) / "trace.sqlite"
        for path in (made.write(), made.write_parquet(Path(folder) / "parquet")):
            if Operations(read_nsys_trace(path)).height:
                _compare(path, rows, outside_only)
            else:
                with open_nsys_trace(path, None, IN_PARTS, rows) as trace:
                    assert isinstance(trace, StreamedTrace)
                    with pytest.raises(ReportError, match="holds no kernel and no memory operation"):
                        stream_timeline(trace)


def test_a_small_trace_is_read_as_a_whole(export: Export) -> None:
    export.launch(10, 1000, 1100, 1)
    with open_nsys_trace(export.write(), None, 2) as trace:
        assert isinstance(trace, NsysTrace)
    with open_nsys_trace(export.path, None, 1) as trace:
        assert isinstance(trace, StreamedTrace)


def test_a_disk_that_is_too_small_is_said_before(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    export.launch(10, 1000, 1100, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(RoofprofError, match=r"needs up to .* GB in .* while it is read"), _in_parts(export.write()):
        pass


def _in_parts(path: Path) -> AbstractContextManager[NsysTrace | StreamedTrace]:
    return open_nsys_trace(path, None, IN_PARTS)


def test_files_are_removed(export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    export.launch(10, 1000, 1100, 1)
    with open_nsys_trace(export.write(), None, IN_PARTS):
        assert list(folder.iterdir())
    assert not list(folder.iterdir())
