"""Takes out of a kernel's NVTX state the registered strings that no open range uses.

ncu writes every string that the process has registered, open or not, into each launch: half a megabyte for each in a
JAX program, source paths among them. Layouts: Nvtx.proto in extras/FileFormat.
"""

from collections.abc import Iterator

from roofprof.formats.protobuf import Data, Span, fields, spans, varint

NVTX = 21  # of a kernel's result
# NvtxState
_DOMAINS, _THREADS, _START_END = 1, 2, 3
# NvtxDomainInfo, NvtxRegisteredString, NvtxPushPopDomain and NvtxStartEndDomain
_ID = 1
_STRINGS = 3
_PUSH_POP_DOMAINS = 2  # of a thread
_PUSH_POP_RANGES, _START_END_RANGES = 3, 3
_PUSH_POP_ATTRIBUTES, _START_END_ATTRIBUTES = 2, 3  # of a range
_MESSAGE, _HANDLE = 5, 3  # of attributes, of a message


class RegisteredStrings:
    """Slims the NVTX states of one report; launches in a row mostly hold the same strings, and those are kept."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[bytes, frozenset[int], bytes]] = {}
        """By domain: its message, the strings used, and the message without the others."""

    def without_unused(self, data: Data, start: int, end: int) -> bytes:
        """The NVTX state between two places, without the strings that none of its ranges uses.

        Raises:
            FramingError: not protobuf.
        """
        used = _used(data, start, end)
        slim = bytearray()
        for number, value, (begin, stop) in spans(data, start, end):
            if number == _DOMAINS and not isinstance(value, int):
                domain = self._domain(data, value, used)
                slim += varint(number << 3 | 2) + varint(len(domain)) + domain
            else:
                slim += data[begin:stop]
        return bytes(slim)

    def _domain(self, data: Data, place: Span, used: set[tuple[int, int]]) -> bytes:
        whole, identity = bytes(data[slice(*place)]), _integer(data, place, _ID)
        wanted = frozenset(string for domain, string in used if domain == identity)
        before = self._last.get(identity)
        if before and before[0] == whole and before[1] == wanted:
            return before[2]
        slim = bytearray()
        for number, value, (begin, stop) in spans(data, *place):
            if number == _STRINGS and not isinstance(value, int) and _integer(data, value, _ID) not in wanted:
                continue
            slim += data[begin:stop]
        self._last[identity] = whole, wanted, bytes(slim)
        return bytes(slim)


def _used(data: Data, start: int, end: int) -> set[tuple[int, int]]:
    """Domain and id of every string that an open range is named by."""
    found: set[tuple[int, int]] = set()
    for number, value in fields(data, start, end):
        if isinstance(value, int):
            continue
        if number == _THREADS:
            for domain in _messages(data, value, _PUSH_POP_DOMAINS):
                found |= _handles(data, domain, _PUSH_POP_RANGES, _PUSH_POP_ATTRIBUTES)
        elif number == _START_END:
            found |= _handles(data, value, _START_END_RANGES, _START_END_ATTRIBUTES)
    return found


def _handles(data: Data, domain: Span, ranges: int, attributes: int) -> set[tuple[int, int]]:
    identity = _integer(data, domain, _ID)
    return {
        (identity, _integer(data, message, _HANDLE))
        for open_range in _messages(data, domain, ranges)
        for attribute in _messages(data, open_range, attributes)
        for message in _messages(data, attribute, _MESSAGE)
    }


def _messages(data: Data, place: Span, wanted: int) -> Iterator[Span]:
    for number, value in fields(data, *place):
        if number == wanted and not isinstance(value, int):
            yield value


def _integer(data: Data, place: Span, wanted: int) -> int:
    """An integer of a message; one that is not written is 0."""
    return next((v for n, v in fields(data, *place) if n == wanted and isinstance(v, int)), 0)
