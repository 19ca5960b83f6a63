"""Overwrites in an .ncu-rep what tells of the machine and the user, in place and in its length.

Which fields hold what: ProfilerReport.proto, Nvtx.proto and CpuStacktrace.proto in Nsight Compute's
extras/FileFormat. Metric names, kernel names, range names and numbers stay as they are.
"""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from roofprof.errors import ReportError
from roofprof.formats.ncu_rep import blocks, whole_blocks
from roofprof.formats.protobuf import FramingError, fields
from roofprof.profiler.run.secrets import Secrets
from roofprof.profiler.run.values import Values


class _Do(Enum):
    KEEP = "keep"
    FILL = "fill"
    """Overwrite whole."""
    STRICT = "strict"
    """Overwrite only what no honest name would hold."""


Rule = Mapping[int, "_Do | Rule"]
"""What to do with each field that holds text or a message; known values are overwritten in all others."""

_SYSTEM: Rule = {2: _Do.FILL, 3: _Do.FILL, 5: _Do.FILL, 7: {1: _Do.FILL}}
_SESSION: Rule = {
    3: _SYSTEM,
    4: _SYSTEM,
    5: {1: {2: _Do.FILL}},
    6: _Do.KEEP,  # device names and attributes
    7: _Do.FILL,  # comments
    8: _Do.KEEP,  # versions
    9: {1: _Do.FILL, 2: _Do.FILL, 3: _Do.FILL, 4: _Do.FILL},  # path, directory, arguments, environment
    10: {5: {1: _Do.FILL, 3: _Do.FILL}, 6: _Do.KEEP},  # kernel filters; names of metrics
    11: _Do.FILL,  # command line of ncu
}
_HEADER: Rule = {3: _SESSION, 4: _Do.KEEP, 6: {2: _Do.FILL, 3: _Do.FILL}}
_STACK: Rule = {1: {1: _Do.FILL, 3: _Do.FILL}}  # modules and files of each frame
_KEPT = _Do.KEEP
_MESSAGES: Mapping[str, Rule] = {
    "source": {8: {1: {1: _Do.FILL}}, 9: _KEPT},
    "kernel": {
        **dict.fromkeys((5, 6, 7, 9, 10, 11, 13, 17, 18, 19, 31, 33, 34, 36), _KEPT),
        15: {8: {1: {1: _Do.FILL}}, 9: _KEPT}, 21: _Do.STRICT, 28: _STACK, 32: _STACK,
    },
    "range": {**dict.fromkeys((4, 7, 8, 18, 19, 20, 22), _KEPT), 10: _Do.STRICT, 14: _STACK, 17: _STACK},
    "cmdlist": {
        **dict.fromkeys((4, 7, 8, 18, 21, 23, 24, 26), _KEPT), 10: _Do.STRICT, 16: _STACK, 22: _STACK,
    },
    "graph": {**dict.fromkeys((4, 7, 8, 20, 21, 22, 24), _KEPT), 10: _Do.STRICT, 16: _STACK, 19: _STACK},
}  # fmt: skip


def scrub_report(path: Path, secrets: Secrets) -> int:
    """Overwrite a report in place and give the number of its results.

    Raises:
        ReportError: it is not a whole report; nothing was written.
    """
    data = bytearray(path.read_bytes())
    try:
        before = blocks(data)
        for block in before:
            _overwrite(data, *block.header, _HEADER, secrets)
            for kind, start, end in block.messages:
                if kind in _MESSAGES:
                    _overwrite(data, start, end, _MESSAGES[kind], secrets)
                else:
                    _replace(data, start, end, secrets.strict)
        whole = blocks(data) == before
    except FramingError as error:
        raise ReportError(f"{path.name} is damaged: {error}", "capture it again") from error
    if not whole:
        raise ReportError(f"{path.name} did not stay whole when it was scrubbed", "report this; the file was left out")
    path.write_bytes(data)
    return sum(block.result_count for block in before)


def cut_to_whole(path: Path) -> bool:
    """Cut a half-written report behind its last whole block; False if nothing had to be cut.

    Raises:
        ReportError: not even the start of a report, or no result in it.
    """
    data = path.read_bytes()
    try:
        found, end = whole_blocks(data)
    except FramingError as error:
        raise ReportError(f"{path.name} is not an ncu report: {error}") from error
    if not any(block.result_count for block in found):
        raise ReportError(f"{path.name} holds no results")
    if end == len(data):
        return False
    with path.open("r+b") as file:
        file.truncate(end)
    return True


def _overwrite(data: bytearray, start: int, end: int, rule: Rule, secrets: Secrets) -> None:
    for number, value in list(fields(data, start, end)):
        if isinstance(value, int):
            continue
        action = rule.get(number)
        if action is None:
            _replace(data, *value, secrets.known)
        elif action is _Do.FILL:
            data[value[0] : value[1]] = b"x" * (value[1] - value[0])
        elif action is _Do.STRICT:
            _replace(data, *value, secrets.strict)
        elif not isinstance(action, _Do):
            _overwrite(data, *value, action, secrets)


def _replace(data: bytearray, start: int, end: int, values: Values) -> None:
    data[start:end] = values.overwrite(bytes(data[start:end]))
