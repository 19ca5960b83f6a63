"""The framing of an .ncu-rep, read without ncu_report, which accepts damaged files in silence.

A file is a magic, a header and blocks; a block is a length, a protobuf header that counts its results and
payload bytes, and that payload; a payload is a list of length-prefixed messages. The layouts are those of
the .proto files that Nsight Compute ships in extras/FileFormat. Standard library only.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roofprof.errors import ReportError

Data = bytes | mmap.mmap
"""A report's bytes; files are mapped, so that a large one does not fill memory."""

MAGIC = b"NVR\x00"
_U32 = struct.Struct("<I")

# BlockHeader: sources, results by kind of workload, string table, payload size.
_SOURCES, _KERNELS, _PAYLOAD_BYTES = 1, 2, 5
_OTHER_RESULTS = (7, 8, 9, 10)  # ranges, command lists, graphs, ...
_HINTS = {
    b"SQLite format 3": "this is an SQLite file, such as nsys exports; analyze takes .ncu-rep files",
    b"PK\x03\x04": "this is a zip archive, such as .ncu-repz; save it from Nsight Compute as .ncu-rep",
    b"QuadD": "this is an nsys report; analyze takes .ncu-rep files",
}


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a report."""

    start: int
    header_end: int
    end: int
    kernel_count: int
    result_count: int
    """Kernels, ranges, graphs and command lists together."""
    source_count: int


def read_report_bytes(path: Path) -> Data:
    """The bytes of a report that starts as one.

    Raises:
        ReportError: missing, a directory, unreadable, empty, or something else.
    """
    hint = "give the .ncu-rep file that ncu wrote with -o"
    if path.is_dir():
        raise ReportError(f"{path} is a directory", hint)
    try:
        with path.open("rb") as file:
            start = file.read(16)
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if start else b""
    except FileNotFoundError:
        raise ReportError(f"no such file: {path}", hint) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ReportError(f"cannot read {path}: {reason}", "check its permissions") from None
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
    try:
        blocks = list(_blocks(data))
    except (IndexError, ValueError, struct.error) as error:
        raise ReportError(
            f"{path} is damaged: {error}",
            "it was cut or altered after ncu wrote it; capture or copy it again",
        ) from None
    if not sum(block.result_count for block in blocks):
        raise ReportError(f"{path} holds no kernels", "nothing was profiled: check ncu's filters (-k, --nvtx-include)")
    return blocks


def _blocks(data: Data) -> Iterator[Block]:
    position = 8 + _u32(data, 4, "the file header")
    if position > len(data):
        raise ValueError(f"the file header ends at byte {position} of {len(data)}")
    while position < len(data):
        block = _block(data, position)
        _check_payload(data, block)
        yield block
        position = block.end


def _block(data: Data, start: int) -> Block:
    header_end = start + 4 + _u32(data, start, "a block")
    if header_end > len(data):
        raise ValueError(f"the block at byte {start} ends at {header_end} of {len(data)}")
    counts = {number: value for number, value in fields(data, start + 4, header_end) if isinstance(value, int)}
    end = header_end + counts.get(_PAYLOAD_BYTES, 0)
    if end > len(data):
        raise ValueError(f"the block at byte {start} ends at {end} of {len(data)}")
    kernels = counts.get(_KERNELS, 0)
    results = kernels + sum(counts.get(number, 0) for number in _OTHER_RESULTS)
    return Block(start, header_end, end, kernels, results, counts.get(_SOURCES, 0))


def _check_payload(data: Data, block: Block) -> None:
    count = 0
    for _ in messages(data, block):
        count += 1
    if count < block.result_count:
        raise ValueError(
            f"the block at byte {block.start} announces {block.result_count} results and holds {count} messages"
        )


def messages(data: Data, block: Block) -> Iterator[tuple[int, int]]:
    """Start and end of each message in a block's payload."""
    position = block.header_end
    while position < block.end:
        start = position + 4
        position = start + _u32(data, position, "a message")
        if position > block.end:
            raise ValueError(f"the message at byte {start} runs past its block")
        yield start, position


def fields(data: Data, start: int, end: int) -> Iterator[tuple[int, int | tuple[int, int]]]:
    """Protobuf fields: number, and the integer or the (start, end) of the bytes.

    Raises:
        ValueError: not protobuf.
    """
    while start < end:
        key, start = _varint(data, start, end)
        kind = key & 7
        if kind == 0:
            value, start = _varint(data, start, end)
            yield key >> 3, value
            continue
        if kind == 2:
            size, start = _varint(data, start, end)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"byte {start} is no field of a message")
        if start + size > end:
            raise ValueError(f"the field at byte {start} runs past its message")
        yield key >> 3, (start, start + size)
        start += size


def without_results(data: Data, block: Block) -> bytes:
    """The block with its string table and session data, but without its payload."""
    header = bytearray()
    for number, value in fields(data, block.start + 4, block.header_end):
        if isinstance(value, tuple):
            content = data[value[0] : value[1]]
            header += _encode(number << 3 | 2) + _encode(len(content)) + content
        elif number in (_SOURCES, _KERNELS, _PAYLOAD_BYTES, *_OTHER_RESULTS):
            header += _encode(number << 3) + _encode(0)
        else:
            header += _encode(number << 3) + _encode(value)
    return _U32.pack(len(header)) + bytes(header)


def _u32(data: Data, position: int, what: str) -> int:
    if position + 4 > len(data):
        raise ValueError(f"{what} is cut off at byte {len(data)}")
    return int(_U32.unpack_from(data, position)[0])


def _varint(data: Data, position: int, end: int) -> tuple[int, int]:
    result = shift = 0
    while position < end:
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7
        if shift > 63:
            break
    raise ValueError(f"no number ends at byte {position}")


def _encode(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
