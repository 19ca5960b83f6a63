"""The framing of reports, and files that are none."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from roofprof.errors import ReportError
from roofprof.formats.ncu_rep import blocks, without_results
from roofprof.formats.ncu_rep_file import open_report, read_blocks
from roofprof.formats.protobuf import fields, spans


def framed(path: Path) -> int:
    return sum(block.result_count for block in read_blocks(open_report(path), path))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("h100-decode-b64-s4096", 85),
        ("h100-calibration-cold", 22),
        ("kinds/two-processes", 10),
        ("kinds/range-nvtx", 3),
        ("kinds/graph-whole", 2),
        ("kinds/set-full", 1),
    ],
)
def test_results_of_every_kind_are_counted(data: Path, name: str, count: int) -> None:
    assert framed(data / f"{name}.ncu-rep") == count


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (b"", "is empty", "did not finish"),
        (b"op,flop_count\nx,1\n", "not an ncu report", ".ncu-rep"),
        (b"SQLite format 3\x00", "not an ncu report", "SQLite"),
        (b"PK\x03\x04", "not an ncu report", "zip"),
        (b"NVR\x00", "damaged", "capture or copy it again"),
        (b"NVR\x00\xff\xff\xff\x7f", "damaged", "capture or copy it again"),
        (b"NVR\x00\x02\x00\x00\x00\x08\x07", "holds no kernels", "filters"),
        (b"NVR\x00\x02\x00\x00\x00\x08\x07" + b"\xff" * 64, "damaged", "capture or copy it again"),
    ],
)
def test_what_is_not_a_report_is_refused(tmp_path: Path, content: bytes, message: str, hint: str) -> None:
    path = tmp_path / "x.ncu-rep"
    path.write_bytes(content)
    with pytest.raises(ReportError, match=message) as caught:
        framed(path)
    assert hint in (caught.value.hint or "")


def test_a_missing_file_a_directory_and_an_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no such file"):
        open_report(tmp_path / "none.ncu-rep")
    with pytest.raises(ReportError, match="is a directory"):
        open_report(tmp_path)
    locked = tmp_path / "locked.ncu-rep"
    locked.write_bytes(b"x")
    locked.chmod(0)
    if os.geteuid() != 0:  # root reads everything
        with pytest.raises(ReportError, match="cannot read"):
            open_report(locked)


def test_every_cut_that_is_not_between_two_blocks_is_seen(data: Path, tmp_path: Path) -> None:
    whole = (data / "kinds/no-nvtx.ncu-rep").read_bytes()
    ends = {b.end for b in read_blocks(whole, Path("x"))}
    path = tmp_path / "cut.ncu-rep"
    cuts = [*range(1, 60), *range(60, len(whole), 1997), *(e + d for e in ends for d in (-1, 1))]
    for cut in cuts:
        if cut in ends or cut >= len(whole):
            continue
        path.write_bytes(whole[:cut])
        with pytest.raises(ReportError):
            framed(path)


def test_a_changed_length_is_seen(data: Path, tmp_path: Path) -> None:
    whole = bytearray((data / "kinds/no-nvtx.ncu-rep").read_bytes())
    block = next(b for b in read_blocks(bytes(whole), Path("x")) if b.result_count)
    path = tmp_path / "bad.ncu-rep"
    for position in (block.start, block.header[1]):
        for change in (-1, 1, 1 << 20):
            bad = bytearray(whole)
            struct.pack_into("<I", bad, position, struct.unpack_from("<I", whole, position)[0] + change)
            path.write_bytes(bad)
            with pytest.raises(ReportError, match="damaged"):
                framed(path)


def test_a_block_without_its_results_keeps_its_strings(data: Path) -> None:
    whole = (data / "kinds/no-nvtx.ncu-rep").read_bytes()
    block = next(b for b in read_blocks(whole, Path("x")) if b.result_count)
    stripped = without_results(whole, block)
    assert b"launch__grid_size" in stripped
    assert len(block.messages) == 1
    header = dict(fields(stripped, 4, len(stripped)))
    assert (header[2], header[5]) == (0, 0)


def test_messages_that_header_field_10_counts_are_not_results(data: Path) -> None:
    """ncu_report hands out no action for them; a profiler that cuts a report must not count them either."""
    whole = bytearray((data / "kinds/graph-whole.ncu-rep").read_bytes())
    graphs = [b for b in blocks(bytes(whole)) if b.results]
    for block in graphs:
        (place,) = [span[0] for number, _, span in spans(whole, *block.header) if number == 9]
        whole[place] = 10 << 3
    again = [b for b in blocks(bytes(whole)) if b.start in {graph.start for graph in graphs}]
    assert [kind for block in again for kind, _, _ in block.messages] == ["graph_data", "graph_data"]
    with pytest.raises(ReportError, match="holds no kernels"):
        read_blocks(bytes(whole), Path("x"))


def test_one_family_of_modules_knows_the_layout_and_needs_no_frames(root: Path) -> None:
    sources = [p for top in ("roofprof", "profiler", "parsers") for p in (root / top).rglob("*.py")]
    assert {p.name for p in sources if 'b"NVR' in p.read_text()} == {"ncu_rep.py"}
    loaded = "import sys, roofprof.formats.ncu_rep_file; print('polars' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
