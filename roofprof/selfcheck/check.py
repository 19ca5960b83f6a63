"""Counters checked on kernels whose work is known exactly: launches and expected counts in, a row per counter out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low

import polars as pl

from roofprof.hardware.devices import PIPES, DeviceSpec
from roofprof.launches.measured_work import CallRow, call_rows, with_measured_work
from roofprof.selfcheck.expected import Expected, executed_flop_counts, expected_of_range
from roofprof.selfcheck.result import Floor, Row, State

READ_TOLERANCE = 0.01
"""Streams read 0.001 to 0.01 % beyond their bytes on an H100."""
CODE_BYTES = 64e3
"""A kernel also reads its own code and constants: 2.6 to 52 KB were seen."""
STRAY_READS = 0.001
"""Of what a kernel writes: one launch in three that only wrote 1 GiB read 78 KB on an H100, the others 14 KB."""
WRITE_TOLERANCE = 0.02
"""Writes may exceed the expected bytes by lines left dirty before the kernel: up to 2.6 MB of 1 GiB were seen."""
SPREAD_TOLERANCE = 0.02
PEAK_TOLERANCE = 0.25
"""Datasheets round, and name no clock for FP64: up to 8 % off. A sparse peak for a dense one is off by 100 %."""
EMPTY = "empty"
"""Name of the kernel that does nothing."""

_BYTES = ("dram_read_bytes", "dram_write_bytes", "l2_read_bytes", "l2_write_bytes")


@dataclass(frozen=True, slots=True)
class _Calls:
    """The calls of one kernel."""

    expected: Expected
    rows: Sequence[CallRow]

    def values(self, column: str) -> list[float]:
        """What was measured; empty where one call has no value."""
        values = [row[column] for row in self.rows]
        return [] if None in values else values


def expected_in(launches: pl.DataFrame) -> dict[str, Expected]:
    """What the names of the ranges say that counters must show, by name."""
    names = launches["nvtx_path"].drop_nulls().list.last().unique(maintain_order=True)
    return {name: expected for name in names if (expected := expected_of_range(name))}


def check_counters(
    launches: pl.DataFrame, expected_by_range: Mapping[str, Expected], device: DeviceSpec | None, l2_bytes: float
) -> tuple[list[Row], Floor | None]:
    """Check every counter of which a range says what it must show.

    Args:
        launches: `ATTRIBUTED_SCHEMA`.
        expected_by_range: what counters must show, by the name of the innermost range.
        device: the GPU's datasheet, for the dense peaks; None where it has none.
        l2_bytes: size of its L2 cache, in which writes may be left.

    Returns:
        One row per kernel and counter, and the floor where an empty kernel ran.
    """
    attributed = with_measured_work(launches).filter(pl.col("nvtx_path").is_not_null())
    blocks = {
        launch: (name, grid[0] * grid[1] * grid[2] if grid else 0)
        for launch, name, grid in attributed.select("launch_id", "kernel_demangled_name", "grid").iter_rows()
    }
    groups: dict[str, list[CallRow]] = {}
    for row in call_rows(attributed).iter_rows(named=True):
        groups.setdefault(row["nvtx_path"][-1], []).append(row)
    rows: list[Row] = []
    floor = None
    for name, calls in groups.items():
        if name not in expected_by_range:
            continue
        known = _Calls(expected_by_range[name], calls)
        rows += [*_work_rows(known, blocks), *_byte_rows(known, l2_bytes)]
        if expected_by_range[name].name == EMPTY:
            floor = _floor(known)
    return rows + list(_peak_rows(attributed, device)), floor


def _work_rows(calls: _Calls, blocks: Mapping[int, tuple[str, int]]) -> Iterator[Row]:
    expected = calls.expected
    if expected.mufu_count is not None:
        yield _exact(calls, "mufu_count", {expected.mufu_count})
    if expected.pipe is None:
        return
    column = f"{expected.pipe}_flop_count"
    if expected.flop_count is not None:
        yield _exact(calls, column, {expected.flop_count})
    elif expected.gemm:
        m, n, k = expected.gemm
        admissible = executed_flop_counts(expected.gemm, [blocks[launch] for launch in calls.rows[0]["kernels"]])
        if admissible:
            yield _exact(calls, column, admissible)
        else:
            yield _row(calls, column, "at least", 2.0 * m * n * k, None, spread=0.0)


def _exact(calls: _Calls, column: str, admissible: set[int] | set[float]) -> Row:
    """The one right value; of several that the tiles allow, the one that was measured, else the smallest."""
    measured = calls.values(column)
    true = float(measured[0] if measured and measured[0] in admissible else min(admissible))
    return _row(calls, column, "exact", true, true, spread=0.0)


def _byte_rows(calls: _Calls, l2_bytes: float) -> Iterator[Row]:
    read, write = calls.expected.read_bytes, calls.expected.write_bytes
    if read is not None:
        slack = max(READ_TOLERANCE * read, CODE_BYTES, STRAY_READS * (write or 0.0))
        yield _row(calls, "dram_read_bytes", "within", max(0.0, read - slack), read + slack)
    if write:
        yield _row(calls, "dram_write_bytes", "within", write - l2_bytes, write * (1 + WRITE_TOLERANCE))
    for column, true in (("l2_read_bytes", read), ("l2_write_bytes", write)):
        if true:
            yield _row(calls, column, "within", true * (1 - READ_TOLERANCE), true * (1 + READ_TOLERANCE))


def _row(
    calls: _Calls, column: str, relation: str, low: float, high: float | None, spread: float = SPREAD_TOLERANCE
) -> Row:
    measured, times = calls.values(column), calls.values("duration_ns")
    state, why = _state_of(measured, column, (low, high), spread)
    return Row(
        kernel=calls.expected.name, counter=column, relation=relation, low=low, high=high,
        measured_min=min(measured, default=None), measured_max=max(measured, default=None), repeats=len(calls.rows),
        state=state, why=why, duration_ns=median_low(times) if times else None, duration_spread=_spread(times),
    )  # fmt: skip


def _state_of(
    measured: list[float], column: str, limits: tuple[float, float | None], spread: float
) -> tuple[State, str | None]:
    low, high = limits
    if not measured:
        return "missing", "the report has no value"
    if min(measured) < low or (high is not None and max(measured) > high):
        return "failed", "outside the expected range"
    # A read of nothing but code varies by more than it is: only its limits are checked.
    if column in _BYTES and low == 0:
        return "passed", None
    if (_spread(measured) or 0.0) > spread:
        return "failed", "the repeats differ"
    return "passed", None


def _peak_rows(launches: pl.DataFrame, device: DeviceSpec | None) -> Iterator[Row]:
    """The dense rates by the report against the datasheet's, each per SM and cycle."""
    if device is None or not device.sm_count:
        return
    for pipe in PIPES:
        column = f"peak_{pipe}_flop_per_s"
        known = launches.filter(pl.col(column).is_not_null() & pl.col("sm_clock_hz").is_not_null())
        if not known.height or pipe not in device.peak_flop_per_s or not (clock := device.clock_of(pipe)):
            continue
        per_cycle = (known[column] / known["sm_clock_hz"] / known["sm_count"]).to_list()
        true = device.peak_flop_per_s[pipe] / clock / device.sm_count
        limits = (true * (1 - PEAK_TOLERANCE), true * (1 + PEAK_TOLERANCE))
        state, why = _state_of(per_cycle, column, limits, PEAK_TOLERANCE)
        yield Row(
            kernel="peak per SM and cycle", counter=column, relation="within", low=limits[0], high=limits[1],
            measured_min=min(per_cycle), measured_max=max(per_cycle), repeats=known.height, state=state, why=why,
        )  # fmt: skip


def _floor(calls: _Calls) -> Floor | None:
    times, traffic = calls.values("duration_ns"), calls.values("dram_bytes")
    if not times or not traffic:
        return None
    return Floor(min(times), max(times), min(traffic), max(traffic), len(times))


def _spread(values: list[float]) -> float | None:
    middle = median_low(values) if values else None
    return (max(values) - min(values)) / middle if middle else None
