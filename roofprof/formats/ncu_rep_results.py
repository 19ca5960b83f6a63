"""What the results of an .ncu-rep say of themselves: process, call, names, grid, block, and where their metrics lie.

Layout by observation, checked on reports of 20 versions against ncu_report. Kernel result: 1 process, 2 number
of the API call, 6 function and 7 demangled name (empty where both are one), 10 and 11 grid and block, 13
metrics, 14 time, 21 NVTX state. Range and graph results: 1 and 2 as above, 4 metrics, 5 time, 10 NVTX
state. Metrics follow one another without a gap. Metric: 1 id of its name, 2 value, 3 instances. Value: 1 string,
3 double, 5 integer.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from roofprof.formats.protobuf import Data, FramingError, Span, fields, read_varint

Number = float | int
Dimensions = tuple[int, int, int]

METRIC_FIELD = {"kernel": 13, "range": 4, "graph": 4}
NVTX_FIELD = {"kernel": 21, "range": 10, "graph": 10}
_TIME_FIELD = {"kernel": 14, "range": 5, "graph": 5}
_PROCESS, _CALL, _FUNCTION, _DEMANGLED, _GRID, _BLOCK = 1, 2, 6, 7, 10, 11
_NAME_ID, _VALUE, _INSTANCE = 1, 2, 3  # of a metric
_KEY, _INSTANCE_VALUE = 1, 2  # of an instance
_STRING, _DOUBLE, _INTEGER = 1, 3, 5  # of a value
_KERNEL_KEY_BYTES, _KERNELS_PER_KEY = 24, 64
_MAX_NUMBER, _MAX_DIMENSION = (1 << 63) - 1, 1 << 32
_LENGTH_GIVEN = 2  # wire type
_INSTANCE_TAG, _KEY_TAG, _INSTANCE_VALUE_TAG = _INSTANCE << 3 | 2, _KEY << 3 | 2, _INSTANCE_VALUE << 3 | 2
_TEXT_TAG, _DOUBLE_TAG, _INTEGER_TAG = _STRING << 3 | 2, _DOUBLE << 3 | 1, _INTEGER << 3
_DOUBLE_BITS, _U64 = struct.Struct("<d"), struct.Struct("<Q")


class Head(NamedTuple):
    """What stands before the metrics of a result."""

    process_id: int | None
    call_id: int | None
    """Number of the API call that launched it, counted in its process."""
    function: str
    demangled: str
    grid: Dimensions | None
    block: Dimensions | None
    metrics: int
    """Where the first metric starts, its tag included."""


class Kernel(NamedTuple):
    """What stands behind the call in the head of a result: the same bytes for every launch of one kernel and size."""

    raw: bytes
    """Up to the first metric, its tag included."""
    function: str
    demangled: str
    grid: Dimensions | None
    block: Dimensions | None


class Texts:
    """Strings of a report, each decoded once."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._known: dict[bytes, str] = {}
        self.dimensions: dict[bytes, Dimensions | None] = {}
        """Grids and blocks that were read, by their bytes."""
        self.kernels: dict[tuple[str, bytes], list[Kernel]] = {}
        """Heads that were read, by the kind of result and the bytes that they start with."""

    def __getitem__(self, span: Span) -> str:
        raw = bytes(self._data[span[0] : span[1]])
        text = self._known.get(raw)
        if text is None:
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                raise FramingError(f"the text at byte {span[0]} is not UTF-8") from None
            self._known[raw] = text
        return text


def metric_tag(kind: str) -> int:
    """The byte that each metric of a result of this kind starts with."""
    return METRIC_FIELD[kind] << 3 | 2


def read_head(data: Data, kind: str, span: Span, texts: Texts) -> Head:
    """Read a result up to its metrics.

    Raises:
        FramingError: no metrics, no name, or not a message.
    """
    position, end = span
    process = call = None
    if position < end and data[position] == _PROCESS << 3:
        process, position = _number(data, position, end)
    if position < end and data[position] == _CALL << 3:
        call, position = _number(data, position, end)
    key = kind, bytes(data[position : position + _KERNEL_KEY_BYTES])
    known = texts.kernels.get(key)
    for kernel in known or ():
        metrics = position + len(kernel.raw) - 1
        if metrics < end and data[position : metrics + 1] == kernel.raw:
            return Head(process, call, *kernel[1:], metrics)
    metrics, numbers, parts = _before_metrics(data, position, end, metric_tag(kind))
    function, demangled = _names(kind, parts, texts)
    grid, block = (_dimensions(data, parts.get(number), texts) for number in (_GRID, _BLOCK))
    if numbers.keys().isdisjoint((_PROCESS, _CALL)) and len(known or ()) < _KERNELS_PER_KEY:
        kernel = Kernel(bytes(data[position : metrics + 1]), function, demangled, grid, block)
        texts.kernels.setdefault(key, []).append(kernel)
    return Head(numbers.get(_PROCESS, process), numbers.get(_CALL, call), function, demangled, grid, block, metrics)


def _before_metrics(data: Data, position: int, end: int, tag: int) -> tuple[int, dict[int, int], dict[int, Span]]:
    """Where the metrics start, and the numbers and the parts that stand in front of them."""
    numbers: dict[int, int] = {}
    parts: dict[int, Span] = {}
    while position < end and data[position] != tag:
        number = data[position] >> 3
        wire = data[position] & 7
        if data[position] > 0x7F or wire not in (0, 2):
            raise FramingError(f"it has no metrics before the field at byte {position}")
        if number in (_PROCESS, _CALL) and wire == 0:
            numbers[number], position = _number(data, position, end)
            continue
        value, position = read_varint(data, position + 1, end)
        if wire == 0:
            numbers[number] = value
            continue
        parts[number] = (position, position + value)
        position += value
        if position > end:
            raise FramingError(f"field {number} runs past its result")
    if position >= end:
        raise FramingError("it has no metrics")
    return position, numbers, parts


def _number(data: Data, position: int, end: int) -> tuple[int, int]:
    """The process or the call at a position, and where it ends."""
    number = data[position] >> 3
    value, position = read_varint(data, position + 1, end)
    if value > _MAX_NUMBER:
        raise FramingError(f"field {number} is {value}")
    return value, position


def _names(kind: str, parts: dict[int, Span], texts: Texts) -> tuple[str, str]:
    if kind != "kernel":  # as ncu_report calls them
        return kind, kind
    if _FUNCTION not in parts:
        raise FramingError("field 6, the name of its function, is missing")
    function = texts[parts[_FUNCTION]]
    return function, (texts[parts[_DEMANGLED]] if _DEMANGLED in parts else "") or function


def _dimensions(data: Data, span: Span | None, texts: Texts) -> Dimensions | None:
    if span is None:
        return None
    raw = bytes(data[span[0] : span[1]])
    if raw in texts.dimensions:
        return texts.dimensions[raw]
    by_axis = {number: value for number, value in fields(data, *span) if isinstance(value, int)}
    three = by_axis.get(1, 0), by_axis.get(2, 0), by_axis.get(3, 0)
    if max(three) > _MAX_DIMENSION:
        raise FramingError(f"grid or block is {' x '.join(map(str, three))}")
    # ncu writes zeros where it lost the launch's properties
    known = texts.dimensions[raw] = three if all(three) else None
    return known


class Tail(NamedTuple):
    """What stands behind the metrics of a result."""

    nvtx: Span | None
    """Where its NVTX state lies."""
    second: int | None
    """When it was profiled, in seconds since 1970."""


def read_tail(data: Data, kind: str, position: int, end: int) -> Tail:
    """Read what follows a result's metrics.

    Raises:
        FramingError: not protobuf, or more metrics in it.
    """
    state: Span | None = None
    second: int | None = None
    metric, nvtx, time = METRIC_FIELD[kind], NVTX_FIELD[kind], _TIME_FIELD[kind]
    for number, value in fields(data, position, end):
        if number == nvtx:
            if not isinstance(value, int):
                state = value
        elif number == time:
            if isinstance(value, int):
                second = value
        elif number == metric:
            raise FramingError(f"field {number} starts again behind the metrics")
    return Tail(state, second)


def read_metrics(data: Data, kind: str, head: Head, end: int) -> Iterator[tuple[int, Span]]:
    """Name id and place of each metric of one result.

    Raises:
        FramingError: not protobuf, or a metric without a name.
    """
    for number, value in fields(data, head.metrics, end):
        if number != METRIC_FIELD[kind]:
            return
        if isinstance(value, int):
            raise FramingError(f"field {number} is a number where a metric should be")
        first, name = next(fields(data, *value), (0, 0))
        if first != _NAME_ID or not isinstance(name, int):
            raise FramingError(f"the metric at byte {value[0]} has no name")
        yield name, value


def metric_value(data: Data, metric: Span, texts: Texts) -> Number | str | None:
    """The value of a metric; None where it has none.

    Raises:
        FramingError: not a value.
    """
    for number, value in fields(data, *metric):
        if number == _VALUE and not isinstance(value, int):
            return read_value(data, value, texts)
    return None


def read_value(data: Data, span: Span, texts: Texts) -> Number | str:
    """A value: text, a float or an integer.

    Raises:
        FramingError: none of these.
    """
    for number, value in fields(data, *span):
        if number == _STRING and not isinstance(value, int):
            return texts[value]
        if number == _INTEGER and isinstance(value, int):
            return value
        if number == _DOUBLE and isinstance(value, int):
            return float(_DOUBLE_BITS.unpack(_U64.pack(value))[0])
        raise FramingError(f"field {number} of the value at byte {span[0]} is of no known type")
    raise FramingError(f"the value at byte {span[0]} is empty")


def metric_instances(
    data: Data, metric: Span, texts: Texts
) -> Iterator[tuple[Number | str | None, Number | str | None]]:
    """Key (such as an opcode or a program counter) and value of each instance of a metric.

    Raises:
        FramingError: not instances.
    """

    def read(span: Span | None) -> Number | str | None:
        return read_value(data, span, texts) if span else None

    for number, value in fields(data, *metric):
        if number != _INSTANCE or isinstance(value, int):
            continue
        parts = {part: span for part, span in fields(data, *value) if not isinstance(span, int)}
        yield read(parts.get(_KEY)), read(parts.get(_INSTANCE_VALUE))


def named_counts(data: Data, start: int, end: int, texts: Texts) -> Iterator[tuple[str, float]]:
    """The instances of a metric whose keys are texts and whose values are numbers, such as a histogram of opcodes.

    What `metric_instances` gives, several times as fast in the form that ncu writes.

    Args:
        data: the report.
        start: where the metric's value field starts, its tag included.
        end: where the metric ends.
        texts: decodes strings.

    Raises:
        FramingError: not instances.
    """
    raw = bytes(data[start:end])
    position, stop = 0, len(raw)
    while position + 1 < stop and raw[position] & 7 == _LENGTH_GIVEN:
        body, size = position + 2, raw[position + 1]
        after = body + size
        if size > 0x7F or after > stop:
            break
        if raw[position] == _INSTANCE_TAG:
            found = _short_instance(raw, body, after)
            if found is None:
                break
            length, number = found
            yield texts[start + body + 4, start + body + 4 + length], number
        position = after
    if position < stop:
        for name, value in metric_instances(data, (start + position, end), texts):
            if isinstance(name, str) and isinstance(value, int | float):
                yield name, float(value)


def _short_instance(raw: bytes, body: int, after: int) -> tuple[int, float] | None:
    """Length of the key's text, which starts four bytes on, and the value; None for an instance of another form."""
    if after - body < 8 or raw[body] != _KEY_TAG or raw[body + 2] != _TEXT_TAG or raw[body + 1] != raw[body + 3] + 2:
        return None
    value = body + 2 + raw[body + 1]
    if value + 3 >= after or raw[value] != _INSTANCE_VALUE_TAG or value + 2 + raw[value + 1] != after:
        return None
    kind, number = raw[value + 2], value + 3
    if kind == _DOUBLE_TAG and number + 8 == after:
        return raw[body + 3], _DOUBLE_BITS.unpack_from(raw, number)[0]
    if kind == _INTEGER_TAG:
        count, ends = read_varint(raw, number, after)
        return (raw[body + 3], float(count)) if ends == after else None
    return None
