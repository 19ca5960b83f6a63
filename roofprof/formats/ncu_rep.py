"""The framing of an .ncu-rep: the one place that knows how a report is cut into blocks and messages.

A file is the magic `NVR\\0`, a u32 header length, a header, then blocks: u32 length, protobuf BlockHeader,
payload. A payload is a list of u32-length-prefixed messages. Layouts: the .proto files that Nsight Compute
ships in extras/FileFormat. Standard library only; nothing here depends on what the messages hold.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from roofprof.formats.protobuf import Data, FramingError, Span, fields, varint

MAGIC = b"NVR\x00"
U32 = struct.Struct("<I")
SOURCES, SESSION, STRING_TABLE, PAYLOAD_BYTES = 1, 3, 4, 5
"""Fields of BlockHeader."""
_STRING = 1  # of a string table
RESULT_COUNTS = {2: "kernel", 7: "range", 8: "cmdlist", 9: "graph"}
"""Fields of BlockHeader that count results, in the order in which the payload holds them."""
_COUNTS = {SOURCES: "source", **RESULT_COUNTS, 10: "graph_data"}
"""Field 10 counts descriptions of graphs: ncu_report reads those as GraphData and hands out no action for them."""
RESULT_KINDS = frozenset(RESULT_COUNTS.values())
_LONGEST_KNOWN, _MOST_KNOWN = 512, 4096
"""Bytes of a header, and headers, that are remembered with what they say."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block: where its header and its messages lie."""

    start: int
    """Where its length stands; `header[0]` is 4 bytes on."""
    header: Span
    messages: tuple[tuple[str, int, int], ...]
    """Kind (source, kernel, range, cmdlist, graph, graph_data or other), start and end of each; other: not counted."""
    end: int
    string_tables: tuple[Span, ...]
    sessions: tuple[Span, ...]
    """Where these parts of the header lie, if they are not empty."""

    @property
    def results(self) -> tuple[tuple[str, int, int], ...]:
        """The messages that are results, of any kind."""
        return tuple(message for message in self.messages if message[0] in RESULT_KINDS)

    @property
    def result_count(self) -> int:
        """Results of any kind."""
        return len(self.results)


def blocks(data: Data) -> list[Block]:
    """The blocks of a whole report.

    Raises:
        FramingError: they do not fill it exactly.
    """
    return list(iterate_blocks(data, first_block(data)))


def whole_blocks(data: Data) -> tuple[list[Block], int]:
    """The blocks up to the first that is damaged, and where they end: what is left of a report that was cut.

    Raises:
        FramingError: not a report at all.
    """
    end = first_block(data)
    found: list[Block] = []
    try:
        for block in iterate_blocks(data, end):
            found.append(block)
            end = block.end
    except FramingError:
        pass
    return found, end


def first_block(data: Data) -> int:
    """Where the first block starts: behind the magic and the file's header.

    Raises:
        FramingError: not the start of a report.
    """
    if data[:4] != MAGIC:
        raise FramingError("it does not start as an ncu report")
    start = 8 + _u32(data, 4, "the file header")
    if start > len(data):
        raise FramingError(f"the file header ends at byte {start} of {len(data)}")
    return start


def strings(data: Data, block: Block) -> Iterator[Span]:
    """Where the strings lie that a block adds to those of the blocks before it.

    The place of a string among those of all blocks, from 0, is its id: metrics name themselves by it.

    Raises:
        FramingError: not protobuf.
    """
    for table in block.string_tables:
        for number, text in fields(data, *table):
            if number == _STRING and not isinstance(text, int):
                yield text


def without_results(data: Data, block: Block) -> bytes:
    """The block with its string table and session data, but without its payload.

    Raises:
        FramingError: not protobuf.
    """
    header = bytearray()
    for number, value in fields(data, *block.header):
        if isinstance(value, int):
            counts = number == PAYLOAD_BYTES or number in _COUNTS
            header += varint(number << 3) + varint(0 if counts else value)
        else:
            content = data[slice(*value)]
            header += varint(number << 3 | 2) + varint(len(content)) + content
    return U32.pack(len(header)) + bytes(header)


def iterate_blocks(data: Data, position: int) -> Iterator[Block]:
    """The blocks from one at this position on.

    Raises:
        FramingError: at the first that is damaged.
    """
    headers: dict[bytes, _Header] = {}  # most blocks of a report hold one result, of few sizes
    while position < len(data):
        block = _block(data, position, headers)
        yield block
        position = block.end


class _Header(NamedTuple):
    """What a block's header says. Spans are counted from its start."""

    payload_bytes: int
    lengths: list[tuple[int, str]]
    """Number and kind of the messages, in their order."""
    announced: int
    string_tables: tuple[Span, ...]
    sessions: tuple[Span, ...]


def _block(data: Data, start: int, headers: dict[bytes, _Header]) -> Block:
    begin = start + 4
    body = begin + _u32(data, start, "a block")
    if body > len(data):
        raise FramingError(f"the header of the block at byte {start} ends at {body} of {len(data)}")
    raw = bytes(data[begin : min(body, begin + _LONGEST_KNOWN)])
    header = headers.get(raw) if begin + len(raw) == body else None
    if header is None:
        header = _header(data, begin, body)
        if begin + len(raw) == body and len(headers) < _MOST_KNOWN:
            headers[raw] = header
    end = body + header.payload_bytes
    if end > len(data):
        raise FramingError(f"the block at byte {start} ends at {end} of {len(data)}")
    messages = _messages(data, body, end, header.lengths)
    if len(messages) < header.announced:
        raise FramingError(f"the block at byte {start} announces {header.announced} messages and holds {len(messages)}")
    tables, sessions = (tuple((a + begin, b + begin) for a, b in part) for part in header[3:])
    return Block(start, (begin, body), messages, end, tables, sessions)


def _header(data: Data, begin: int, end: int) -> _Header:
    counts: dict[int, int] = {}
    parts: dict[int, tuple[Span, ...]] = {}
    for number, value in fields(data, begin, end):
        if isinstance(value, int):
            counts[number] = value
        elif value[1] > value[0]:
            parts[number] = (*parts.get(number, ()), (value[0] - begin, value[1] - begin))
    lengths = [(counts[number], kind) for number, kind in _COUNTS.items() if counts.get(number)]
    announced = sum(count for count, _ in lengths)
    spans = parts.get(STRING_TABLE, ()), parts.get(SESSION, ())
    return _Header(counts.get(PAYLOAD_BYTES, 0), lengths, announced, *spans)


def _messages(data: Data, position: int, end: int, lengths: list[tuple[int, str]]) -> tuple[tuple[str, int, int], ...]:
    found: list[tuple[str, int, int]] = []
    for count, kind in (*lengths, (len(data), "other")):
        while count and position < end:
            begin = position + 4
            position = begin + _u32(data, position, "a message")
            if position > end:
                raise FramingError(f"the message at byte {begin} runs past its block")
            found.append((kind, begin, position))
            count -= 1
    return tuple(found)


def _u32(data: Data, position: int, what: str) -> int:
    if position + 4 > len(data):
        raise FramingError(f"the length of {what} is cut off at byte {len(data)}")
    return int(U32.unpack_from(data, position)[0])
