"""FLOPs by opcodes, where a report holds both histograms and counters: one is the truth of the other."""

import contextlib
import struct
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.formats.ncu_rep_results import Texts, metric_instances, named_counts
from roofprof.formats.protobuf import FramingError, varint
from roofprof.hardware.chip import Chip, chips
from roofprof.hardware.opcodes import WARP_OPCODES, OpcodeWork
from roofprof.launches.schema import RAW_FLOP_COLUMNS
from roofprof.parsers.ncu import results
from roofprof.parsers.ncu.columns import Plan, plan_columns
from roofprof.parsers.ncu.opcode_columns import uncounted_opcodes
from roofprof.parsers.ncu.report import read_ncu_report

MMA = "h100-mma-opcodes.ncu-rep"
"""22 kernels of mma.sync, each 132 blocks of 4 warps that execute 100 instructions of one form."""
COUNTERS = ("ops_path_tensor", "sass_thread_inst")


@pytest.fixture
def without_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports read as if they held no counter of FLOPs."""

    def plan(chip: Chip, names: frozenset[str]) -> Plan:
        return plan_columns(chip, frozenset(name for name in names if not any(part in name for part in COUNTERS)))

    monkeypatch.setattr(results, "plan_columns", plan)


def test_counters_are_preferred_and_no_histogram_is_read(data: Path) -> None:
    launches = read_ncu_report(data / MMA).launches
    for column in RAW_FLOP_COLUMNS:
        if column not in ("tensor_fp4_flop_count", "tensor_fp6_flop_count"):  # which the chip lacks
            assert launches[column].null_count() == 0
        assert launches["how"].struct.field(column).null_count() == launches.height


def test_opcodes_alone_give_the_counters_numbers(data: Path, request: pytest.FixtureRequest) -> None:
    counted = read_ncu_report(data / MMA).launches
    request.getfixturevalue("without_counters")
    told = read_ncu_report(data / MMA).launches
    assert told.height == 22
    columns = ["kernel_name", *RAW_FLOP_COLUMNS, "half_instruction_count"]
    assert told.select(columns).equals(counted.select(columns))
    assert set(told["how"].struct.field("tensor_bf16_flop_count")) == {"opcodes"}
    assert told["uncounted_opcodes"].null_count() == 22
    s8 = told.filter(pl.col("kernel_name") == "k_s8_16832")["tensor_int8_flop_count"].item()
    assert s8 == 132 * 4 * 100 * 2 * 16 * 8 * 32


def test_an_opcode_that_a_counter_covers_is_not_uncounted() -> None:
    histograms = frozenset({WARP_OPCODES})
    blackwell = chips()["gb100"]
    bare = plan_columns(blackwell, histograms)
    fp4 = plan_columns(blackwell, histograms | {"sm__ops_path_tensor_src_fp4_dst_fp32.sum"})
    work = OpcodeWork({}, {"UTCOMMA.4X": ("tensor_fp4",)})
    assert uncounted_opcodes(bare, work) == "UTCOMMA.4X"
    assert uncounted_opcodes(fp4, work) is None
    assert uncounted_opcodes(fp4, OpcodeWork({}, {"IMMA.8832.S4.S4": ()})) == "IMMA.8832.S4.S4"
    assert uncounted_opcodes(fp4, None) is None


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


KEYS = st.one_of(st.text(max_size=8), st.text(st.sampled_from("FMA.32"), min_size=100, max_size=200))
VALUES = st.one_of(st.floats(allow_nan=False), st.integers(0, 2**60))


@given(st.lists(st.tuples(KEYS, VALUES), max_size=8))
def test_the_fast_way_reads_what_the_plain_one_does(pairs: list[tuple[str, float | int]]) -> None:
    def value(number: float | int) -> bytes:
        return (
            varint(3 << 3 | 1) + struct.pack("<d", number) if isinstance(number, float) else varint(40) + varint(number)
        )

    total = field(2, value(1.0))
    instances = b"".join(
        field(3, field(1, field(1, key.encode())) + field(2, value(number))) for key, number in pairs
    )  # fmt: skip
    data = total + instances
    texts = Texts(data)
    plain = [
        (key, float(v)) for key, v in metric_instances(data, (0, len(data)), texts) if not isinstance(v, str | None)
    ]
    assert list(named_counts(data, 0, len(data), texts)) == plain
    assert len(plain) == len(pairs)


@given(st.binary(max_size=60))
def test_no_bytes_crash_the_fast_way(noise: bytes) -> None:
    with contextlib.suppress(FramingError):
        list(named_counts(noise, 0, len(noise), Texts(noise)))
