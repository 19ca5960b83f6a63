"""Writes NVTX states into a report, for ranges of programs that no report of ours is of: made up, in a real layout."""

from collections.abc import Callable

from plant import field, varint

from roofprof.formats.ncu_rep import PAYLOAD_BYTES, U32, blocks, first_block
from roofprof.formats.protobuf import spans

NVTX = 21
"""Field of a kernel's result."""


def number(place: int, value: int) -> bytes:
    return varint(place << 3) + varint(value)


def domain(identity: int, name: str, *strings: str) -> bytes:
    """A domain with its registered strings."""
    rows = b"".join(field(3, number(1, at) + field(2, text)) for at, text in enumerate(strings))
    return field(1, number(1, identity) + field(2, name) + rows)


def pushed(domain_id: int, name: str, opened_at: int, *, thread: int = 861, message: bytes = b"") -> bytes:
    """A thread with one open push/pop range."""
    open_range = field(3, field(1, name) + message + number(3, opened_at))
    return field(2, number(1, thread) + field(2, number(1, domain_id) + open_range))


def started(domain_id: int, name: str, opened_at: int | None, *, thread: int = 861, message: bytes = b"") -> bytes:
    """An open start/end range; as ncu writes it, but for the color."""
    at = b"" if opened_at is None else number(4, opened_at)
    return field(3, number(1, domain_id) + field(3, number(1, 0) + field(2, name) + message + at + number(5, thread)))


def with_states(data: bytes, state: Callable[[int], bytes]) -> bytes:
    """A report in which each launch has the NVTX state that `state` gives for its place."""
    out = data[: first_block(data)]
    place = 0
    for block in blocks(data):
        payload = b""
        for kind, start, end in block.messages:
            body = data[start:end]
            if kind == "kernel":
                parts = spans(data, start, end)
                body = b"".join(
                    field(NVTX, state(place)) if at == NVTX else data[slice(*whole)] for at, _, whole in parts
                )
                place += 1
            payload += U32.pack(len(body)) + body
        header = b"".join(
            number(PAYLOAD_BYTES, len(payload)) if at == PAYLOAD_BYTES else data[slice(*whole)]
            for at, _, whole in spans(data, *block.header)
        )
        out += U32.pack(len(header)) + header + payload
    return out
