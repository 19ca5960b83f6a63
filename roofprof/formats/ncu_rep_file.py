"""Opens an .ncu-rep on disk; errors say what another file is, and where a damaged one is damaged."""

import errno
import mmap
import os
from pathlib import Path

from roofprof.errors import ReportError
from roofprof.files import open_regular
from roofprof.formats.ncu_rep import MAGIC, Block, first_block, iterate_blocks
from roofprof.formats.protobuf import Data, FramingError

DAMAGED_HINT = "it was cut or altered after ncu wrote it; capture or copy it again"
_RESIDENT_BYTES = 32 << 20
"""Of a mapped file, how much may stay in memory behind the place that is read."""
_HINTS = {
    b"SQLite format 3": "this is an SQLite file, such as nsys exports; analyze takes .ncu-rep files",
    b"PK\x03\x04": "this is a zip archive, such as .ncu-repz; save it from Nsight Compute as .ncu-rep",
    b"QuadD": "this is an nsys report; analyze takes .ncu-rep files",
}


def open_report(path: Path) -> Data:
    """The bytes of a report that starts as one, mapped, so that a large one does not fill memory.

    Raises:
        ReportError: missing, a directory, unreadable, empty, or something else.
    """
    hint = "give the .ncu-rep file that ncu wrote with -o"
    if os.path.isdir(path):
        raise ReportError(f"{path} is a directory", hint)
    try:
        with open_regular(path) as file:
            start = file.read(16)
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if start else b""
    except FileNotFoundError:
        if str(path) == "-":
            hint = "a report is no stream: write it to a file first"
        raise ReportError(f"no such file: {path}", hint) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        piped = isinstance(error, OSError) and error.errno == errno.EINVAL  # of open_regular
        what = "write it to a file first" if piped else "check the file and its permissions"
        raise ReportError(f"cannot read {path}: {reason}", what) from None
    if not start:
        raise ReportError(f"{path} is empty", "the capture did not finish; run ncu again")
    if not start.startswith(MAGIC):
        known = next((text for magic, text in _HINTS.items() if start.startswith(magic)), hint)
        raise ReportError(f"{path} is not an ncu report", known)
    return data


def read_blocks(data: Data, path: Path) -> list[Block]:
    """The blocks of a report, checked to fill the file to its last byte.

    Raises:
        ReportError: damaged framing, or no results in it.
    """
    found: list[Block] = []
    dropped = 0
    try:
        for block in iterate_blocks(data, first_block(data)):
            found.append(block)
            if block.end - dropped > _RESIDENT_BYTES:
                drop_pages(data, dropped, block.end)
                dropped = block.end
    except FramingError as error:
        raise ReportError(f"{path} is damaged: {error}", DAMAGED_HINT) from None
    if not any(block.result_count for block in found):
        raise ReportError(f"{path} holds no kernels", "nothing was profiled: check ncu's filters (-k, --nvtx-include)")
    return found


def drop_pages(data: Data, start: int, end: int) -> None:
    """Tell the system that bytes of a mapped file were read and need not stay in memory."""
    if isinstance(data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # Linux; elsewhere the system decides alone
        start, end = (place // mmap.PAGESIZE * mmap.PAGESIZE for place in (start, end))
        if end > start:
            data.madvise(mmap.MADV_DONTNEED, start, end - start)
