"""What a result says beyond ncu_report: its process, and which instance of an NVTX range it lies in.

ncu_report gives the names of the open ranges only. The file also holds, for each open range, the
number of the API call at which it opened; two ranges of the same name differ in it.
"""

from typing import NamedTuple

from roofprof.formats.ncu_rep_nvtx import Stack, Started, state_stacks, state_started
from roofprof.formats.ncu_rep_results import METRIC_FIELD, Texts, read_head, read_tail
from roofprof.formats.protobuf import Data, FramingError, fields


class ResultIds(NamedTuple):
    """Process and stacks of one result."""

    process_id: int | None
    push_pop: list[Stack]
    """One entry per thread and domain."""
    started: dict[int, Started]
    """By domain: its start/end ranges."""


def read_ids(data: Data, kind: str, start: int, end: int) -> ResultIds | None:
    """Read one result; None where it is not as our own reader expects, never a guess."""
    if kind not in METRIC_FIELD:
        return None
    texts = Texts(data)
    try:
        head = read_head(data, kind, (start, end), texts)
        position = head.metrics
        for number, value in fields(data, position, end):
            if number != METRIC_FIELD[kind] or isinstance(value, int):
                break
            position = value[1]
        span = read_tail(data, kind, position, end).nvtx
        if span is None:
            return ResultIds(head.process_id, [], {})
        return ResultIds(head.process_id, state_stacks(data, span, texts), state_started(data, span, texts))
    except FramingError:
        return None
