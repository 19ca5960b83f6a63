"""Takes out of an .ncu-rep what nobody reads here.

Each launch carries its occupancy for every block size, register count and so on, which ncu computes from launch
properties: half of a report that was captured without source. And it carries every NVTX string of its process.
Layouts: ProfilerReport.proto and ProfilerStringTable.proto in extras/FileFormat.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

from roofprof.errors import ReportError
from roofprof.formats.ncu_rep import PAYLOAD_BYTES, U32, Block, blocks, first_block, strings
from roofprof.formats.protobuf import FramingError, fields, spans, varint
from roofprof.profiler.ncu.registered import NVTX, RegisteredStrings

TABLES = frozenset(
    f"launch__occupancy_per_{what}".encode()
    for what in ("barrier_count", "block_size", "cluster_size", "register_count", "shared_mem_size")
)
"""Metrics that are taken out; launch__occupancy_limit_* and the theoretical occupancy stay."""

_METRIC = 13  # of a kernel's result
_NAME_ID = 1  # of a metric: place of its name among the strings of all blocks, from 0


def slim_report(path: Path) -> None:
    """Take the tables and the unused strings out of a report in place. Everything else stays byte for byte.

    Raises:
        ReportError: it is not a whole report; nothing was written.
    """
    data = path.read_bytes()
    try:
        before = blocks(data)
        names = _name_ids(data, before)
        registered = RegisteredStrings()
        slim = data[: first_block(data)] + b"".join(_slim_block(data, b, names, registered) for b in before)
        whole = [_kinds(b) for b in blocks(slim)] == [_kinds(b) for b in before]
    except FramingError as error:
        raise ReportError(f"{path.name} is damaged: {error}", "capture it again") from error
    if not whole:
        raise ReportError(f"{path.name} did not stay whole when it was slimmed", "report this; the file was left out")
    path.write_bytes(slim)


def _name_ids(data: bytes, found: Iterable[Block]) -> frozenset[int]:
    """Ids of the tables' names."""
    texts = (text for block in found for text in strings(data, block))
    return frozenset(place for place, (start, end) in enumerate(texts) if data[start:end] in TABLES)


def _slim_block(data: bytes, block: Block, names: Collection[int], registered: RegisteredStrings) -> bytes:
    payload = bytearray()
    for kind, start, end in block.messages:
        message = _slim_result(data, start, end, names, registered) if kind == "kernel" else data[start:end]
        payload += U32.pack(len(message)) + message
    header = bytearray()
    for number, value, (start, end) in spans(data, *block.header):
        if number == PAYLOAD_BYTES and value:
            header += varint(PAYLOAD_BYTES << 3) + varint(len(payload))
        else:
            header += data[start:end]
    return U32.pack(len(header)) + bytes(header) + bytes(payload)


def _slim_result(data: bytes, start: int, end: int, names: Collection[int], registered: RegisteredStrings) -> bytes:
    kept = bytearray()
    for number, value, (begin, stop) in spans(data, start, end):
        if number == _METRIC and not isinstance(value, int) and _name_id(data, *value) in names:
            continue
        if number == NVTX and not isinstance(value, int):
            state = registered.without_unused(data, *value)
            kept += varint(number << 3 | 2) + varint(len(state)) + state
            continue
        kept += data[begin:stop]
    return bytes(kept)


def _name_id(data: bytes, start: int, end: int) -> int | None:
    """The id stands first; a metric without one has the default, 0."""
    number, value = next(fields(data, start, end), (_NAME_ID, 0))
    return value if number == _NAME_ID and isinstance(value, int) else 0


def _kinds(block: Block) -> list[str]:
    return [kind for kind, _, _ in block.messages]
