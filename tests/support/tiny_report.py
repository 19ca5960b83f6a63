"""An .ncu-rep of a few made-up launches: what profilers are made of, with the counters that a test chooses."""

import struct
from collections.abc import Mapping, Sequence

Launch = tuple[str, Mapping[str, float]]
"""Function and metrics."""


def tiny_report(launches: Sequence[Launch]) -> bytes:
    """One block with these kernel launches."""
    names = list(dict.fromkeys(name for _, metrics in launches for name in metrics))
    table = b"".join(_text(1, name) for name in names)
    payload = b"".join(
        struct.pack("<I", len(message)) + message
        for number, (function, metrics) in enumerate(launches)
        for message in [_launch(number, function, {names.index(name): v for name, v in metrics.items()})]
    )
    header = _number(2, len(launches)) + _message(4, table) + _number(5, len(payload))
    return b"NVR\x00" + struct.pack("<I", 0) + struct.pack("<I", len(header)) + header + payload


def _launch(number: int, function: str, metrics: Mapping[int, float]) -> bytes:
    size = _number(1, 1) + _number(2, 1) + _number(3, 1)
    head = _number(1, 42) + _number(2, number + 1) + _text(6, function) + _message(10, size) + _message(11, size)
    values = b"".join(
        _message(13, _number(1, name) + _message(2, b"\x19" + struct.pack("<d", value)))
        for name, value in metrics.items()
    )
    return head + values + _number(14, 1_700_000_000)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, body: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(body)) + body


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
