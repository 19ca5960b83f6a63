"""FLOPs by the names of SASS opcodes: tensor instructions carry their shape, CUDA-core ones their kind.

The shapes of mma.sync were held against the tensor counters of an H100, form by form; wgmma against one GEMM of it; a
step of Volta's HMMA.884 follows from the 16 such instructions of a 16x16x16 wmma (8 with fp16 sums) in Raihan et al.,
"Modeling Deep Learning Accelerator Enabled GPUs", 2019. Runs in the reading process beside ncu_report: standard
library only.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

WARP_OPCODES = "sass__inst_executed_per_opcode_with_modifier_all"
"""Warp instructions executed by each opcode with all its modifiers: instances of one metric."""
THREAD_OPCODES = "sass__thread_inst_executed_true_per_opcode_with_modifier_all"
"""The same in threads, those that a predicate switched off left out."""

_SHAPES: Mapping[str, tuple[int, int, int]] = {
    **{f"{m}8{k}": (m, 8, k) for m in (8, 16) for k in (4, 8, 16, 32, 64, 128, 256)},
    **{f"{m}x8x{k}": (m, 8, k) for m in (8, 16) for k in (4, 8, 16)},
}
"""M, N and K by the digits of mma.sync opcodes, `16816` or `16x8x16`."""
_GROUP_SHAPE = re.compile(r"64x(\d+)x(\d+)")
_WARPS_PER_GROUP = 4
"""wgmma is one product of four warps, each of which executes its own instruction."""
_VOLTA_STEP_FLOP = {"F32": 512.0, "F16": 1024.0}
_MATRIX = re.compile(r"(UTC)?[A-Z]G?MMA")

_HALF = ("tensor_fp16", "tensor_bf16", "tensor_tf32")
_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "H": _HALF, "I": ("tensor_int8",), "D": ("tensor_fp64",), "Q": ("tensor_fp8", "tensor_fp6"), "O": ("tensor_fp4",),
    "B": (),
}  # fmt: skip
"""Pipes that a family of instructions may work on, by its letter; BMMA multiplies bits, which are no FLOPs here."""
_EIGHT, _SIX = {"E4M3", "E5M2"}, {"E2M1", "E2M3", "E3M2"}

_CORES: Mapping[str, tuple[str, int]] = {
    **{f"{letter}{op}": (pipe, work) for letter, pipe in (("F", "fp32"), ("D", "fp64"))
       for op, work in (("ADD", 1), ("MUL", 1), ("FMA", 2))},
    **{f"F{op}32I": ("fp32", work) for op, work in (("ADD", 1), ("MUL", 1), ("FMA", 2))},
    **{f"F{op}2": ("fp32", work) for op, work in (("ADD", 2), ("MUL", 2), ("FMA", 4))},
    **{f"H{op}2{i}": ("fp16", work) for op, work in (("ADD", 2), ("MUL", 2), ("FMA", 4)) for i in ("", "_32I")},
}  # fmt: skip
"""Pipe and FLOPs of a thread instruction of the CUDA cores."""
CONSTANT_MOVE = "HFMA2.MMA"
CORE_PIPES = ("fp32", "fp16", "fp64")


@dataclass(frozen=True, slots=True)
class TensorWork:
    """What one warp instruction of a tensor opcode does."""

    pipe: str | None
    """None where its name does not tell the precision, or where no pipe counts it."""
    flop: float
    may_be: tuple[str, ...] = ()
    """Pipes whose counters would hold its work, where `pipe` is None."""


@dataclass(frozen=True, slots=True)
class OpcodeWork:
    """FLOPs of one launch by its histograms of opcodes."""

    flops: Mapping[str, float]
    """By pipe, those that are not 0."""
    unknown: Mapping[str, tuple[str, ...]]
    """Opcodes that were executed and tell no FLOPs, with the pipes whose counters would hold them."""
    half_instructions: float = 0.0
    """Thread instructions HADD2, HMUL2 and HFMA2."""
    half_moves: float = 0.0
    """Those of them that load constants: HFMA2.MMA, where it is the only one. The compiler gives half arithmetic to
    both pipes in turn, HFMA2 and HFMA2.MMA: a kernel of half FMAs keeps the tensor pipe active half as long per
    instruction as 70 kernels that only load constants."""


@cache
def tensor_work(opcode: str) -> TensorWork | None:
    """What an opcode's name says of its tensor work; None for one that does none, or bits alone."""
    base, *modifiers = opcode.split(".")
    if not _MATRIX.fullmatch(base):
        return None
    letter = base.removeprefix("UTC")[0]
    family = _FAMILIES.get(letter, tuple(dict.fromkeys(pipe for pipes in _FAMILIES.values() for pipe in pipes)))
    if letter == "B":
        return None
    flop = None if base.startswith("UTC") else _flop_per_warp(base, modifiers)
    pipe = _pipe(letter, modifiers)
    if flop is None or pipe is None:
        return TensorWork(None, 0.0, () if letter == "I" and {"S4", "U4"} & {*modifiers} else family)
    return TensorWork(pipe, flop)


def _flop_per_warp(base: str, modifiers: list[str]) -> float | None:
    if base.endswith("GMMA"):
        groups = [found for m in modifiers if (found := _GROUP_SHAPE.fullmatch(m))]
        return 2.0 * 64 * int(groups[0][1]) * int(groups[0][2]) / _WARPS_PER_GROUP if groups else None
    if any(m.startswith("STEP") for m in modifiers):
        return _VOLTA_STEP_FLOP.get(modifiers[1]) if base == "HMMA" and modifiers[0] == "884" else None
    shape = next((_SHAPES[m] for m in modifiers if m in _SHAPES), None)
    return None if shape is None else 2.0 * shape[0] * shape[1] * shape[2]


def _pipe(letter: str, modifiers: list[str]) -> str | None:
    """The pipe of a family by the types that it names; None where they fit none of ours."""
    kinds = {*modifiers}
    if letter == "H":
        return "tensor_bf16" if "BF16" in kinds else "tensor_tf32" if "TF32" in kinds else "tensor_fp16"
    if letter == "I":
        return "tensor_int8" if kinds & {"S8", "U8"} and not kinds & {"S4", "U4"} else None
    if letter == "Q":
        eight, six = bool(kinds & _EIGHT), bool(kinds & _SIX)
        return None if eight == six else "tensor_fp8" if eight else "tensor_fp6"
    return {"D": "tensor_fp64", "O": "tensor_fp4"}.get(letter)


def core_work(opcode: str) -> tuple[str, int] | None:
    """Pipe and FLOPs of a thread instruction of the CUDA cores; None for one that does no arithmetic of ours."""
    base, _, modifiers = opcode.partition(".")
    if base == "HADD2" and "F32" in modifiers.split("."):
        return None  # converts
    return _CORES.get(base)


def opcode_work(warps: Iterable[tuple[str, float]], threads: Iterable[tuple[str, float]]) -> OpcodeWork:
    """FLOPs of a launch.

    Args:
        warps: opcodes with all modifiers, and the warp instructions executed of each; tensor work is read off them.
        threads: the same in threads; CUDA-core work is.
    """
    flops: dict[str, float] = {}
    unknown: dict[str, tuple[str, ...]] = {}
    for opcode, count in warps:
        work = tensor_work(opcode) if count else None
        if work and work.pipe:
            flops[work.pipe] = flops.get(work.pipe, 0.0) + work.flop * count
        elif work:
            unknown[opcode] = work.may_be
    halves = moves = 0.0
    for opcode, count in threads:
        if core := core_work(opcode):
            pipe, weight = core
            flops[pipe] = flops.get(pipe, 0.0) + weight * count
            halves += count if pipe == "fp16" else 0.0
            moves += count if opcode == CONSTANT_MOVE else 0.0
    known = {pipe: value for pipe, value in flops.items() if value}
    return OpcodeWork(known, unknown, halves, moves if moves == halves else 0.0)
