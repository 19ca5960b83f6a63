"""One count in every form: itself, per second, per cycle with each way to the cycles, in percent of the peak."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from roofprof.hardware.chip import Chip, chips
from roofprof.parsers.ncu.columns import plan_columns

SMS = "device__attribute_multiprocessor_count"
DURATION = "gpu__time_duration.sum"
OPS = ("fadd", "fmul", "ffma")


def column(name: str, values: dict[str, float], chip: str = "gh100") -> tuple[float | None, str | None]:
    plan = plan_columns(chips()[chip], frozenset(values))
    found = plan.columns({metric: np.array([value]) for metric, value in values.items()})[name]
    return None if found is None else float(found[0]), plan.how.get(name)


CYCLES = {
    "smsp": [
        {"smsp__cycles_elapsed.avg": 1},
        {"smsp__cycles_elapsed.sum": 4},
        {"smsp__cycles_elapsed.avg.per_second": 0},
    ],
    "sm": [{"sm__cycles_elapsed.avg": 1}, {"sm__cycles_elapsed.sum": 1}, {"sm__cycles_elapsed.avg.per_second": 0}],
}


@given(
    st.sampled_from([(unit, form) for unit, forms in CYCLES.items() for form in range(len(forms))]),
    st.tuples(*[st.integers(0, 10**12)] * 3),
    st.floats(1e3, 1e9),
    st.integers(1, 200),
    st.floats(1e3, 1e10),
)
def test_a_rate_per_cycle_gives_the_count_back(
    form: tuple[str, int], counts: tuple[int, int, int], cycles: float, sms: int, duration: float
) -> None:
    assume(max(counts) / cycles < 1e12)
    unit, which = form
    (metric, units) = next(iter(CYCLES[unit][which].items()))
    held = {DURATION: duration, SMS: float(sms)}
    held[metric] = cycles * units * (sms if metric.endswith(".sum") else 1) if units else cycles / (duration * 1e-9)
    held |= {
        f"{unit}__sass_thread_inst_executed_op_{op}_pred_on.sum.per_cycle_elapsed": count / cycles
        for op, count in zip(OPS, counts, strict=True)
    }
    value, how = column("fp32_flop_count", held)
    assert value == pytest.approx(counts[0] + counts[1] + 2 * counts[2], rel=1e-9, abs=4)
    assert how == "per_cycle"
    held.pop(metric)
    assert column("fp32_flop_count", held) == (None, None)


def test_the_nearest_form_wins() -> None:
    base, held = "dram__bytes_read", {DURATION: 1e3}
    held |= {f"{base}.sum.per_second": 3e9, "dram__bytes_write.sum": 5.0}
    assert column("dram_read_bytes", held) == (3000.0, "rate")
    assert column("dram_bytes", held) == (3005.0, "rate")  # as its furthest term
    assert column("dram_bytes", held | {f"{base}.sum": 3001.0}) == (3006.0, None)


PERCENT = {
    "gpu__dram_throughput.avg.pct_of_peak_sustained_elapsed": 50.0, "dram__cycles_elapsed.avg.per_second": 1e9,
    "device__attribute_global_memory_bus_width": 256.0, DURATION: 1000.0,
}  # fmt: skip


@pytest.mark.parametrize("chip", chips())
def test_percent_of_peak_where_it_is_exact(chip: str) -> None:
    known: Chip = chips()[chip]
    old = all(float(capability) < 10 for capability in known.compute_capability)
    assert known.dram_percent_exact == old
    expected = (0.5 * 1e9 * 256 / 8 * 2 * 1e-6, "percent_of_peak") if old else (None, None)
    assert column("dram_bytes", PERCENT, chip) == (pytest.approx(expected[0]) if old else None, expected[1])
    assert column("dram_read_bytes", PERCENT, chip) == (None, None)
    assert column("dram_bytes", PERCENT | {"dram__bytes.sum.per_second": 7e9}, chip) == (7000.0, "rate")


def test_turing_counts_half_under_a_name_with_three_types() -> None:
    base = "sm__ops_path_tensor_src_"
    held = {f"{base}fp16_bf16_tf32_dst_fp32.sum": 8.0, f"{base}fp16_dst_fp16.sum": 4.0}
    held |= {f"{base}fp16_bf16_tf32_dst_fp32.sum.peak_sustained": 40960.0, "sm__cycles_elapsed.avg.per_second": 1e9}
    assert column("tensor_fp16_flop_count", held, "tu102") == (12.0, None)
    assert column("peak_tensor_fp16_flop_per_s", held, "tu102")[0] == 40960e9
    assert "tensor_bf16_flop_count" not in plan_columns(chips()["tu102"], frozenset(held)).readings
