"""The wire format of protobuf messages: fields with their places, and numbers written back. Nothing of any schema."""

import mmap
from collections.abc import Iterator

Data = bytes | bytearray | mmap.mmap
Span = tuple[int, int]
"""Start and end of bytes in a file."""


class FramingError(ValueError):
    """The bytes do not have the layout that they should have; the message says where."""


def fields(data: Data, start: int, end: int) -> Iterator[tuple[int, int | Span]]:
    """Fields of a message: number, and the integer (raw bits of a float) or the (start, end) of bytes.

    A loop of its own beside `spans`, because most of the time of reading a report passes here.

    Raises:
        FramingError: not protobuf.
    """
    while start < end:
        begin = start
        key = data[start]
        start += 1
        if key > 0x7F:  # of two bytes, as most are that are not of one, read here
            if start < end and data[start] < 0x80:
                key = key & 0x7F | data[start] << 7
                start += 1
            else:
                key, start = read_varint(data, begin, end)
        kind = key & 7
        if key < 8 or kind not in (0, 1, 2, 5):
            raise FramingError(f"no field of a message starts at byte {begin}")
        if kind == 1 or kind == 5:
            size = 8 if kind == 1 else 4
        elif start < end and data[start] < 0x80:
            size = data[start]
            start += 1
        elif start + 1 < end and data[start + 1] < 0x80:
            size = data[start] & 0x7F | data[start + 1] << 7
            start += 2
        else:
            size, start = read_varint(data, start, end)
        if kind == 0:
            yield key >> 3, size
            continue
        stop = start + size
        if stop > end:
            raise FramingError(f"the field at byte {begin} runs past its message")
        yield key >> 3, (start, stop) if kind == 2 else int.from_bytes(data[start:stop], "little")
        start = stop


def spans(data: Data, start: int, end: int) -> Iterator[tuple[int, int | Span, Span]]:
    """As `fields`, with the (start, end) of the whole field, its number included.

    Raises:
        FramingError: not protobuf.
    """
    while start < end:
        begin = start
        key, start = read_varint(data, start, end)
        number, kind = key >> 3, key & 7
        if number == 0 or kind not in (0, 1, 2, 5):
            raise FramingError(f"no field of a message starts at byte {begin}")
        if kind == 0:
            integer, start = read_varint(data, start, end)
            yield number, integer, (begin, start)
            continue
        if kind == 2:
            size, start = read_varint(data, start, end)
        else:
            size = 8 if kind == 1 else 4
        content = (start, start + size)
        if content[1] > end:
            raise FramingError(f"the field at byte {begin} runs past its message")
        value = content if kind == 2 else int.from_bytes(data[slice(*content)], "little")
        yield number, value, (begin, content[1])
        start = content[1]


def read_varint(data: Data, position: int, end: int) -> tuple[int, int]:
    """A number and where it ends.

    Raises:
        FramingError: it has no end within its message, or over 64 bits.
    """
    result = shift = 0
    while position < end and shift < 70:
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFF_FFFF_FFFF_FFFF, position
        shift += 7
    raise FramingError(f"no number ends at byte {position}")


def varint(value: int) -> bytes:
    """A number as it is written."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
