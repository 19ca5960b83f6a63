"""The NVTX state of a result in an .ncu-rep: which ranges were open when it was launched.

Layout by observation. State: 1 domains {1 id, 2 name}, 2 threads {2 domain {1 id, 3 open push/pop range {1
name, 3 number of the API call at which it opened}}}, 3 open start/end ranges {1 domain, 3 {2 name, 4 number of
that call}}.
"""

from collections.abc import Iterable
from typing import NamedTuple

from roofprof.formats.ncu_rep_results import Texts
from roofprof.formats.protobuf import Data, FramingError, Span, fields

_DOMAIN, _THREAD, _START_END = 1, 2, 3  # of the state
_ID, _NAME = 1, 2  # of a domain
_DOMAIN_OF_THREAD = 2
_DOMAIN_ID, _RANGE = 1, 3  # of a domain in a thread, and of start/end ranges
_RANGE_NAME, _OPENED_AT = 1, 3  # of a push/pop range
_START_END_NAME, _START_END_OPENED_AT = 2, 4


class OpenRanges(NamedTuple):
    """The ranges of one domain that were open at a launch."""

    domain: str
    push_pop: list[str]
    """Outermost first."""
    push_pop_id: list[int] | None
    """The API call at which each opened, -1 where it is not said: tells two ranges of one name apart."""
    start_end: list[str]
    start_end_id: list[int] | None = None
    """As `push_pop_id`; None where a range does not say it."""


class Stack(NamedTuple):
    """The push/pop ranges of one domain that were open on one thread, outermost first."""

    domain_id: int
    names: list[str]
    opened_at: list[int]


class Started(NamedTuple):
    """The start/end ranges of one domain that were open, whichever thread opened them."""

    domain_id: int
    names: list[str]
    opened_at: list[int]

    @property
    def instances(self) -> list[int] | None:
        """`opened_at` where every range says it."""
        return None if -1 in self.opened_at else self.opened_at


class NvtxStates:
    """Reads the states of a report's results; what returns from launch to launch is read once."""

    def __init__(self, data: Data, texts: Texts) -> None:
        self._data = data
        self._texts = texts
        self._states: dict[bytes, list[OpenRanges]] = {}
        self._domains: dict[bytes, tuple[int, str]] = {}
        self._start_ends: dict[bytes, Started] = {}

    def read(self, span: Span) -> list[OpenRanges]:
        """The domains that have open ranges, in the order of the file.

        Raises:
            FramingError: not as the layout says.
        """
        raw = bytes(self._data[span[0] : span[1]])
        state = self._states.get(raw)
        if state is None:
            if len(self._states) > 4096:  # launches of one range follow one another
                self._states.clear()
            state = self._states[raw] = self._read(span)
        return state

    def _read(self, span: Span) -> list[OpenRanges]:
        data = self._data
        domains: list[tuple[int, str]] = []
        stacks: dict[int, Stack] = {}
        started: list[Started] = []
        for number, value in fields(data, *span):
            if isinstance(value, int):
                continue
            if number == _DOMAIN:
                domains.append(self._domain(value))
            elif number == _THREAD:
                for stack in thread_stacks(data, value, self._texts):
                    if stack.names:  # of the threads that have ranges in a domain, ncu_report shows the first
                        stacks.setdefault(stack.domain_id, stack)
            elif number == _START_END:
                raw = bytes(data[value[0] : value[1]])
                known = self._start_ends.get(raw)
                started.append(known or self._start_ends.setdefault(raw, _start_end(data, value, self._texts)))
        start_end = by_domain(started)
        found = []
        for domain_id, name in domains:
            first = stacks.get(domain_id)
            names, opened_at = (first.names, first.opened_at) if first else ([], None)
            if first or domain_id in start_end:
                other = start_end.get(domain_id)
                found.append(
                    OpenRanges(name, names, opened_at, other.names if other else [], other.instances if other else None)
                )
        return found

    def _domain(self, span: Span) -> tuple[int, str]:
        raw = bytes(self._data[span[0] : span[1]])
        if raw not in self._domains:
            parts = dict(fields(self._data, *span))
            domain_id, name = parts.get(_ID, 0), parts.get(_NAME)
            text = self._texts[name] if isinstance(name, tuple) else ""
            self._domains[raw] = (domain_id if isinstance(domain_id, int) else 0), text
        return self._domains[raw]


def state_stacks(data: Data, span: Span, texts: Texts) -> list[Stack]:
    """The stacks of every thread and domain of a state.

    Raises:
        FramingError: not protobuf.
    """
    threads = (value for number, value in fields(data, *span) if number == _THREAD and isinstance(value, tuple))
    return [stack for thread in threads for stack in thread_stacks(data, thread, texts)]


def thread_stacks(data: Data, span: Span, texts: Texts) -> list[Stack]:
    """The stacks of one thread.

    Raises:
        FramingError: not protobuf.
    """
    found = []
    for number, value in fields(data, *span):
        if number == _DOMAIN_OF_THREAD and isinstance(value, tuple):
            domain_id, ranges = 0, []
            for part, content in fields(data, *value):
                if part == _DOMAIN_ID and isinstance(content, int):
                    domain_id = content
                elif part == _RANGE and isinstance(content, tuple):
                    ranges.append(_push_pop(data, content, texts))
            found.append(Stack(domain_id, [name for name, _ in ranges], [at for _, at in ranges]))
    return found


def _push_pop(data: Data, span: Span, texts: Texts) -> tuple[str, int]:
    name, at = "", -1
    for number, value in fields(data, *span):
        if number == _RANGE_NAME and isinstance(value, tuple):
            name = texts[value]
        elif number == _OPENED_AT and isinstance(value, int):
            if value >> 63:
                raise FramingError(f"a range opened at call {value}")
            at = value
    return name, at


def by_domain(started: Iterable[Started]) -> dict[int, Started]:
    """The open start/end ranges of each domain that has any."""
    found: dict[int, Started] = {}
    for ranges in started:
        if ranges.names:
            known = found.get(ranges.domain_id, Started(ranges.domain_id, [], []))
            found[ranges.domain_id] = Started(
                ranges.domain_id, [*known.names, *ranges.names], [*known.opened_at, *ranges.opened_at]
            )
    return found


def state_started(data: Data, span: Span, texts: Texts) -> dict[int, Started]:
    """The open start/end ranges of each domain of a state.

    Raises:
        FramingError: not protobuf.
    """
    parts = (value for number, value in fields(data, *span) if number == _START_END and isinstance(value, tuple))
    return by_domain(_start_end(data, part, texts) for part in parts)


def _start_end(data: Data, span: Span, texts: Texts) -> Started:
    found = Started(0, [], [])
    for number, value in fields(data, *span):
        if number == _DOMAIN_ID and isinstance(value, int):
            found = found._replace(domain_id=value)
        elif number == _RANGE and isinstance(value, tuple):
            parts = dict(fields(data, *value))
            name, at = parts.get(_START_END_NAME), parts.get(_START_END_OPENED_AT)
            if isinstance(name, tuple):
                found.names.append(texts[name])
                found.opened_at.append(at if isinstance(at, int) and not at >> 63 else -1)
    return found
