"""The framing of an .ncu-rep, for overwriting text in it and for cutting off a half-written end.

A file is the magic `NVR\\0`, a u32 header length, a header, then blocks: u32 length, protobuf BlockHeader,
payload. A payload is a list of u32-length-prefixed messages. Layouts: the .proto files that Nsight Compute
ships in extras/FileFormat.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"NVR\x00"
U32 = struct.Struct("<I")
_SOURCES = 1
STRING_TABLE, PAYLOAD_BYTES = 4, 5
"""Fields of BlockHeader."""
RESULT_COUNTS = {2: "kernel", 7: "range", 8: "cmdlist", 9: "graph"}
"""Fields of BlockHeader that count results, in the order in which the payload holds them."""


class FramingError(ValueError):
    """The bytes are no whole report."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block: where its header and its messages lie."""

    header: tuple[int, int]
    messages: tuple[tuple[str, int, int], ...]
    """Kind (source, kernel, range, cmdlist, graph or other), start and end of each."""

    @property
    def result_count(self) -> int:
        """Results of any kind."""
        return sum(kind in RESULT_COUNTS.values() for kind, _, _ in self.messages)


def blocks(data: bytes | bytearray) -> list[Block]:
    """The blocks of a whole report.

    Raises:
        FramingError: they do not fill it exactly.
    """
    found, end = whole_blocks(data)
    if end != len(data):
        raise FramingError(f"the block at byte {end} of {len(data)} is damaged or cut off")
    return found


def whole_blocks(data: bytes | bytearray) -> tuple[list[Block], int]:
    """The blocks up to the first that is damaged, and where they end: what is left of a report that was cut.

    Raises:
        FramingError: no report at all.
    """
    if bytes(data[:4]) != MAGIC or len(data) < 8:
        raise FramingError("it does not start as an ncu report")
    position = 8 + int(U32.unpack_from(data, 4)[0])
    if position > len(data):
        raise FramingError("its header is cut off")
    found: list[Block] = []
    while position < len(data):
        try:
            block, position = _block(data, position)
        except FramingError:
            break
        found.append(block)
    return found, position


def _block(data: bytes | bytearray, start: int) -> tuple[Block, int]:
    header = start + 4, start + 4 + _u32(data, start)
    if header[1] > len(data):
        raise FramingError("the header of a block is cut off")
    counts = {number: value for number, value in fields(data, *header) if isinstance(value, int)}
    end = header[1] + counts.get(PAYLOAD_BYTES, 0)
    if end > len(data):
        raise FramingError("the payload of a block is cut off")
    kinds = ["source"] * counts.get(_SOURCES, 0)
    for number, kind in RESULT_COUNTS.items():
        kinds += [kind] * counts.get(number, 0)
    messages: list[tuple[str, int, int]] = []
    position = header[1]
    while position < end:
        begin = position + 4
        position = begin + _u32(data, position)
        if position > end:
            raise FramingError("a message runs past its block")
        messages.append((kinds[len(messages)] if len(messages) < len(kinds) else "other", begin, position))
    if len(messages) < len(kinds):
        raise FramingError("a block announces more messages than it holds")
    return Block(header, tuple(messages)), end


def fields(data: bytes | bytearray, start: int, end: int) -> Iterator[tuple[int, int | tuple[int, int]]]:
    """Protobuf fields: number, and the integer (raw bits of a float) or the (start, end) of bytes.

    Raises:
        FramingError: not protobuf.
    """
    for number, value, _ in spans(data, start, end):
        yield number, value


def spans(
    data: bytes | bytearray, start: int, end: int
) -> Iterator[tuple[int, int | tuple[int, int], tuple[int, int]]]:
    """As `fields`, with the (start, end) of the whole field, its number included.

    Raises:
        FramingError: not protobuf.
    """
    while start < end:
        begin = start
        key, start = _varint(data, start, end)
        number, kind = key >> 3, key & 7
        if number == 0 or kind not in (0, 1, 2, 5):
            raise FramingError(f"byte {start} is no field of a message")
        if kind == 0:
            integer, start = _varint(data, start, end)
            yield number, integer, (begin, start)
            continue
        if kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            size, start = _varint(data, start, end)
        if start + size > end:
            raise FramingError(f"the field at byte {start} runs past its message")
        content = (start, start + size)
        value = content if kind == 2 else int.from_bytes(data[slice(*content)], "little")
        yield number, value, (begin, content[1])
        start += size


def _u32(data: bytes | bytearray, position: int) -> int:
    if position + 4 > len(data):
        raise FramingError("a length is cut off")
    return int(U32.unpack_from(data, position)[0])


def _varint(data: bytes | bytearray, position: int, end: int) -> tuple[int, int]:
    result = shift = 0
    while position < end and shift < 70:
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7
    raise FramingError(f"no number ends at byte {position}")
