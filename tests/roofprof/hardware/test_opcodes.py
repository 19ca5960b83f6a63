"""FLOPs by opcode names: every form that was held against counters, and what must stay unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.hardware.opcodes import CORE_PIPES, core_work, opcode_work, tensor_work

FLOPS = {
    "HMMA.16816.F32": ("tensor_fp16", 2 * 16 * 8 * 16),
    "HMMA.16816.F16": ("tensor_fp16", 2 * 16 * 8 * 16),
    "HMMA.1688.F32.BF16": ("tensor_bf16", 2 * 16 * 8 * 8),
    "HMMA.1684.F32.TF32": ("tensor_tf32", 2 * 16 * 8 * 4),
    "HMMA.SP.16832.F32": ("tensor_fp16", 2 * 16 * 8 * 32),
    "HMMA.884.F32.F32.STEP2": ("tensor_fp16", 2 * 16**3 / 16),  # 16 of them are a 16x16x16 product
    "HMMA.884.F16.F16.STEP1": ("tensor_fp16", 2 * 16**3 / 8),
    "IMMA.8816.S8.S8": ("tensor_int8", 2 * 8 * 8 * 16),
    "IMMA.16832.U8.S8.SAT": ("tensor_int8", 2 * 16 * 8 * 32),
    "IMMA.SP.16864.S8.S8": ("tensor_int8", 2 * 16 * 8 * 64),
    "DMMA.884": ("tensor_fp64", 2 * 8 * 8 * 4),
    "DMMA.16x8x16": ("tensor_fp64", 2 * 16 * 8 * 16),
    "QMMA.16832.F32.E4M3.E5M2": ("tensor_fp8", 2 * 16 * 8 * 32),
    "QMMA.16832.F32.E2M1.E3M2": ("tensor_fp6", 2 * 16 * 8 * 32),
    "OMMA.SF.16864.F32.E2M1.E2M1.UE4M3.4X": ("tensor_fp4", 16384),
    "HGMMA.64x128x16.F32.BF16": ("tensor_bf16", 65536),  # 2 x 1024 x 2048 x 4096 in 262,144 warp instructions
    "HGMMA.64x256x16.F32": ("tensor_fp16", 2 * 64 * 256 * 16 / 4),
    "QGMMA.64x64x32.F32.E4M3.E4M3": ("tensor_fp8", 2 * 64 * 64 * 32 / 4),
    "IGMMA.64x64x32.S8.S8": ("tensor_int8", 2 * 64 * 64 * 32 / 4),
}


@pytest.mark.parametrize("opcode", FLOPS)
def test_tensor_opcodes_tell_their_flops(opcode: str) -> None:
    work = tensor_work(opcode)
    assert work is not None
    assert (work.pipe, work.flop) == FLOPS[opcode]


@pytest.mark.parametrize(
    ("opcode", "pipes"),
    [
        ("UTCHMMA.2CTA", ("tensor_fp16", "tensor_bf16", "tensor_tf32")),
        ("UTCQMMA", ("tensor_fp8", "tensor_fp6")),
        ("UTCOMMA.4X", ("tensor_fp4",)),
        ("UTCIMMA", ("tensor_int8",)),
        ("IMMA.8832.S4.S4", ()),  # no pipe of ours
        ("HMMA.99.F32", ("tensor_fp16", "tensor_bf16", "tensor_tf32")),
        ("QMMA.16832.F32.E4M3.E2M1", ("tensor_fp8", "tensor_fp6")),
        ("HGMMA.F32", ("tensor_fp16", "tensor_bf16", "tensor_tf32")),
    ],
)
def test_what_a_name_does_not_tell_is_unknown_and_never_zero(opcode: str, pipes: tuple[str, ...]) -> None:
    work = opcode_work([(opcode, 7.0)], [])
    assert work.flops == {}
    assert work.unknown == {opcode: pipes}


@pytest.mark.parametrize(
    "opcode", ["HFMA2.MMA", "BMMA.168256.AND.POPC", "UTCCP.T.S.4x32dp128bit", "UTCBAR", "IMAD", ""]
)
def test_no_tensor_work(opcode: str) -> None:
    assert tensor_work(opcode) is None
    assert opcode_work([(opcode, 7.0)], []).unknown == {}


@pytest.mark.parametrize(
    ("opcode", "work"),
    [
        ("FFMA", ("fp32", 2)), ("FFMA.SAT", ("fp32", 2)), ("FMUL.FTZ", ("fp32", 1)), ("FADD32I", ("fp32", 1)),
        ("FFMA2", ("fp32", 4)), ("DFMA", ("fp64", 2)), ("DADD", ("fp64", 1)), ("HFMA2.MMA", ("fp16", 4)),
        ("HADD2", ("fp16", 2)), ("HMUL2.BF16_V2", ("fp16", 2)), ("HADD2.F32", None), ("FMNMX", None), ("IMAD", None),
        ("MUFU.EX2", None), ("FSETP.GT.AND", None),
    ],
)  # fmt: skip
def test_cuda_core_opcodes(opcode: str, work: tuple[str, int] | None) -> None:
    assert core_work(opcode) == work


def test_a_conversion_is_no_half_instruction() -> None:
    work = opcode_work([], [("HADD2.F32", 640.0), ("HFMA2.MMA", 64.0), ("HADD2", 32.0)])
    assert work.half_instructions == 96.0
    assert work.flops == {"fp16": 4 * 64.0 + 2 * 32.0}
    assert work.half_moves == 0.0


def test_hfma2_mma_alone_loads_constants() -> None:
    moves = [("HFMA2.MMA", 6400.0), ("HADD2.F32", 64.0), ("FFMA", 9.0)]
    assert opcode_work([], moves).half_moves == 6400.0
    assert opcode_work([], [*moves, ("HFMA2", 1.0)]).half_moves == 0.0


LETTERS = st.sampled_from("ABDEFGHIKLMNOPQRSTUVX2_")
NAMES = st.one_of(
    st.sampled_from([*FLOPS, "FFMA", "HFMA2.MMA", "DMUL", "UTCQMMA", "IMMA.8832.S4.S4", "BRA"]),
    st.text(st.sampled_from("HIDQOBUTCGMA.0123468xF32SPE_"), max_size=24),
    st.builds("{}MMA.{}".format, LETTERS, st.text(st.sampled_from("0123456789x.FSU"), max_size=12)),
)
COUNTS = st.integers(0, 2**40).map(float)
HISTOGRAM = st.lists(st.tuples(NAMES, COUNTS), max_size=12)


@given(HISTOGRAM, HISTOGRAM)
def test_sums_do_not_depend_on_order_or_on_how_a_count_is_split(
    warps: list[tuple[str, float]], threads: list[tuple[str, float]]
) -> None:
    whole = opcode_work(warps, threads)
    halves = [(name, count / 2) for name, count in warps] * 2
    again = opcode_work(reversed(halves), list(reversed(threads)))
    assert again.flops == pytest.approx(whole.flops)
    assert again.unknown == whole.unknown
    assert all(value > 0 for value in whole.flops.values())


@given(HISTOGRAM)
def test_each_tensor_opcode_that_ran_is_counted_or_named(warps: list[tuple[str, float]]) -> None:
    work = opcode_work(warps, [])
    for name, count in warps:
        told = tensor_work(name)
        if told and count:
            assert name in work.unknown if told.pipe is None else work.flops[told.pipe] >= told.flop * count
    assert not {*work.flops} & {*CORE_PIPES}
