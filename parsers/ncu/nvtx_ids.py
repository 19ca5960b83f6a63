"""Which instance of an NVTX range a launch lies in, from the kernel results of an .ncu-rep.

ncu_report gives the names of the open ranges only. The file also holds, for each open push/pop range, the
number of the API call at which it opened; two ranges of the same name differ in it. Standard library only.
"""

from typing import NamedTuple

from roofprof.formats.protobuf import Data, fields

# ProfileResult
_PROCESS, _FUNCTION_NAME, _METRIC, _NVTX = 1, 6, 13, 21
# NvtxState: per thread, per domain, the open ranges
_THREAD, _DOMAIN_IN_THREAD, _DOMAIN_ID, _PUSH_POP, _NAME, _OPENED_AT = 2, 2, 1, 3, 1, 3
_METRIC_TAG = _METRIC << 3 | 2


class ResultIds(NamedTuple):
    """What one kernel result says beyond ncu_report."""

    process_id: int | None
    push_pop: list[tuple[int, list[str], list[int]]]
    """Domain id, names and opening calls of the open ranges, outermost first; one entry per thread and domain."""


def read_ids(data: Data, start: int, end: int) -> ResultIds:
    """Read one kernel result; what is not as expected is left out, never guessed."""
    process: int | None = None
    stacks: list[tuple[int, list[str], list[int]]] = []
    try:
        for number, value in _fields_but_metrics(data, start, end):
            if number == _PROCESS and isinstance(value, int):
                process = value
            elif number == _NVTX and isinstance(value, tuple):
                stacks += _stacks(data, *value)
    except (ValueError, IndexError, UnicodeDecodeError):
        return ResultIds(process, [])
    return ResultIds(process, stacks)


def _fields_but_metrics(data: Data, start: int, end: int):  # type: ignore[no-untyped-def]
    """Fields of a result. The hundreds of metrics come in one run, skipped here in a tight loop."""
    position = start
    for number, value in fields(data, start, end):
        if number == _METRIC and isinstance(value, tuple):
            position = value[1]
            break
        yield number, value
    else:
        return
    while position < end and data[position] == _METRIC_TAG:
        size, shift = 0, 0
        while True:
            position += 1
            byte = data[position]
            size |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        position += 1 + size
    yield from fields(data, position, end)


def _stacks(data: Data, start: int, end: int) -> list[tuple[int, list[str], list[int]]]:
    found = []
    for number, thread in fields(data, start, end):
        if number != _THREAD or not isinstance(thread, tuple):
            continue
        for number_in_thread, domain in fields(data, *thread):
            if number_in_thread == _DOMAIN_IN_THREAD and isinstance(domain, tuple):
                found.append(_stack(data, *domain))
    return found


def _stack(data: Data, start: int, end: int) -> tuple[int, list[str], list[int]]:
    domain_id, names, opened = 0, [], []
    for number, value in fields(data, start, end):
        if number == _DOMAIN_ID and isinstance(value, int):
            domain_id = value
        elif number == _PUSH_POP and isinstance(value, tuple):
            name, at = "", -1
            for part, content in fields(data, *value):
                if part == _NAME and isinstance(content, tuple):
                    name = data[content[0] : content[1]].decode()
                elif part == _OPENED_AT and isinstance(content, int):
                    at = content
            names.append(name)
            opened.append(at)
    return domain_id, names, opened
