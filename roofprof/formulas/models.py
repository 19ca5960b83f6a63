"""Algorithmic FLOPs and compulsory bytes of an op: each input read once, each output written once.

Every function is one formula and takes the shape letters of `range_names` as arguments. Block scales are
included; padding is not; nothing is reused between ops. Conventions: an FMA is 2 FLOPs; outputs are bf16
unless said. Figures and their check: docs/formulas.md.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

KV_LORA, ROPE_DIM, NOPE_DIM, V_DIM = 512, 64, 128, 128
LATENT = KV_LORA + ROPE_DIM  # one MLA cache entry
QK_DIM = NOPE_DIM + ROPE_DIM

_OUTPUT_BYTES = {"fp4": 0.5625, "fp8": 1, "bf16": 2, "fp16": 2, "fp32": 4}


@dataclass(frozen=True, slots=True)
class Work:
    """What an op must do, by formula."""

    flop_count: float
    dram_read_bytes: float
    dram_write_bytes: float
    pipe: str = "fp32"
    """The key of `flop_by_pipe` that does the FLOPs."""
    link_bytes: float = 0
    """Bytes that this GPU sends to others (collectives only)."""

    @property
    def dram_bytes(self) -> float:
        """Compulsory bytes, read and written."""
        return self.dram_read_bytes + self.dram_write_bytes

    @property
    def arithmetic_intensity(self) -> float | None:
        """FLOPs per compulsory byte, or None where no byte moves."""
        return self.flop_count / self.dram_bytes if self.dram_bytes else None


class ShapeError(ValueError):
    """A formula was given a shape that it cannot use."""


def _ceil_div(a: float, b: float) -> float:
    return -(-a // b)


def activation_bytes(rows: float, k: float, precision: str) -> float:
    """Bytes of an activation [rows, k]: FP4 with an FP8 scale each 16, FP8 with an fp32 scale each 128."""
    if precision == "fp4":
        return rows * k * 0.5625
    if precision == "fp8":
        return rows * k + 4 * rows * _ceil_div(k, 128)
    return rows * k * _plain_bytes(precision)


def weight_bytes(n: float, k: float, precision: str) -> float:
    """Bytes of a weight [n, k]: FP4 with an FP8 scale each 16, FP8 with an fp32 scale each 128x128 block."""
    if precision == "fp8":
        return n * k + 4 * _ceil_div(n, 128) * _ceil_div(k, 128)
    return activation_bytes(n, k, precision)


def _plain_bytes(precision: str) -> float:
    try:
        return _OUTPUT_BYTES[precision]
    except KeyError:
        raise ShapeError(f"no byte size for precision {precision!r}") from None


def _tensor(precision: str) -> str:
    return "fp32" if precision == "fp32" else f"tensor_{precision}"


def gemm(m: float, n: float, k: float, precision: str = "bf16", output: str = "bf16") -> Work:
    """[m, k] x [n, k]^T: 2mnk FLOPs; both operands with their scales, the output without."""
    reads = activation_bytes(m, k, precision) + weight_bytes(n, k, precision)
    return Work(2 * m * n * k, reads, m * n * _plain_bytes(output), _tensor(precision))


def bmm(h: float, m: float, n: float, k: float, precision: str = "bf16", output: str = "bf16") -> Work:
    """h products [m, k] x [k, n]; FP8 with one fp32 scale a tensor (the absorbed MLA products)."""
    size = _plain_bytes(precision)
    scales = 8 if precision == "fp8" else 0
    reads = h * size * (m * k + k * n) + scales
    return Work(2 * h * m * n * k, reads, h * m * n * _plain_bytes(output), _tensor(precision))


def moe_gemm(
    m: float, n: float, k: float, e: float, t: float = 8, precision: str = "bf16", output: str = "bf16",
    r: float | None = None,
) -> Work:  # fmt: skip
    """Grouped GEMM over m tokens of t experts each (r = t*m rows); weights of the e experts hit, once each."""
    rows = t * m if r is None else r
    reads = activation_bytes(rows, k, precision) + e * weight_bytes(n, k, precision)
    return Work(2 * rows * n * k, reads, rows * n * _plain_bytes(output), _tensor(precision))


def moe_fused(m: float, i: float, d: float, e: float, t: float = 8, precision: str = "bf16") -> Work:
    """The whole routed MoE as one kernel: tokens in, weights of e experts, tokens out, ids and weights."""
    weights = e * (weight_bytes(2 * i, d, precision) + weight_bytes(d, i, precision))
    return Work(2 * t * m * 3 * i * d, 2 * m * d + weights + 8 * t * m, 2 * m * d, _tensor(precision))


def mla_decode(b: float, s: float, h: float = 128, precision: str = "bf16") -> Work:
    """Absorbed MLA: b queries of h heads over one latent head of s entries; cache and query in `precision`."""
    size = _plain_bytes(precision)
    reads = b * s * LATENT * size + b * h * LATENT * size
    return Work(2 * b * h * s * (LATENT + KV_LORA), reads, b * h * KV_LORA * 2, _tensor(precision))


def mha_causal(b: float, s: float, h: float = 128, p: float = 0, precision: str = "bf16") -> Work:
    """b causal sequences of s new tokens after p cached ones, qk 192 and v 128 wide; masked pairs not counted."""
    size = _plain_bytes(precision)
    pairs = s * (s + 1) / 2 + s * p
    reads = size * b * h * (s * QK_DIM + (s + p) * (QK_DIM + V_DIM))
    return Work(2 * b * h * pairs * (QK_DIM + V_DIM), reads, 2 * b * h * s * V_DIM, _tensor(precision))


def rmsnorm(m: float, d: float) -> Work:
    """RMSNorm of [m, d] bf16, 4 FLOPs an element by convention."""
    return Work(4 * m * d, 2 * m * d + 2 * d, 2 * m * d)


def add_rmsnorm(m: float, d: float) -> Work:
    """Residual add and RMSNorm in place, 5 FLOPs an element by convention."""
    return Work(5 * m * d, 4 * m * d + 2 * d, 4 * m * d)


def quant(m: float, k: float, precision: str = "fp8") -> Work:
    """Quantise [m, k] bf16 with block scales, 3 FLOPs an element by convention."""
    return Work(3 * m * k, 2 * m * k, activation_bytes(m, k, precision))


def quant_tensor(m: float, k: float, precision: str = "fp8") -> Work:
    """Quantise [m, k] bf16 with one scale for the whole tensor."""
    return Work(3 * m * k, 2 * m * k, m * k * _plain_bytes(precision) + 4)


def silu_and_mul(r: float, d: float) -> Work:
    """silu(gate) * up, [r, 2d] to [r, d]: 5 FLOPs an element by convention (counters see 4, two are MUFU)."""
    return Work(5 * r * d, 4 * r * d, 2 * r * d)


def rope(m: float, h: float = 128) -> Work:
    """Rotary embedding in place of h query heads and the one key head, 64 wide, with the cos/sin rows read."""
    elements = m * (h + 1) * ROPE_DIM
    return Work(3 * elements, 2 * elements + 4 * ROPE_DIM * m + 8 * m, 2 * elements)


def kv_write(m: float) -> Work:
    """Write m latent entries (576 bf16) to their slots."""
    return Work(0, 2 * m * LATENT + 8 * m, 2 * m * LATENT)


def concat_mla_k(m: float, h: float = 128) -> Work:
    """[k_nope, k_pe] to k [m, h, 192], the one k_pe head spread over all."""
    return Work(0, 2 * m * (h * NOPE_DIM + ROPE_DIM), 2 * m * h * QK_DIM)


def topk(m: float, x: float = 256, t: float = 8) -> Work:
    """Grouped biased top-t of x fp32 logits: 6 FLOPs a logit by convention."""
    return Work(6 * m * x, 4 * x * m + 4 * x, 8 * t * m)


def topk_ungrouped(m: float, x: float = 256, t: float = 8) -> Work:
    """Top-t of x logits without groups or bias (topk_softmax, topk_sigmoid)."""
    return Work(6 * m * x, 4 * x * m, 8 * t * m)


def moe_prepare(m: float, x: float = 256, t: float = 8) -> Work:
    """prepare_moe_input: expert offsets, two problem lists and two permutations from the ids."""
    return Work(0, 4 * t * m, 8 * t * m + 28 * x + 4)


def moe_align(m: float, u: float, x: float = 256, t: float = 8, g: float = 64) -> Work:
    """moe_align_block_size: rows sorted by expert in blocks of g, u blocks used; the padded list is written whole."""
    rows = t * m
    capacity = rows * g if rows < x + 1 else rows + (x + 1) * (g - 1)
    return Work(0, 4 * rows, 4 * capacity + 4 * u + 4 * (x + 2))


def gather_rows(m: float, r: float, k: float, precision: str = "bf16") -> Work:
    """r rows of k elements out of m, by a list of int32 indices; without scales."""
    size = _plain_bytes(precision)
    return Work(0, m * k * size + 4 * r, r * k * size)


def moe_permute(m: float, r: float, k: float, precision: str = "bf16") -> Work:
    """Rows and their block scales into expert order: two gathers."""
    return Work(0, activation_bytes(m, k, precision) + 4 * r, activation_bytes(r, k, precision))


def combine(m: float, d: float, t: float = 8) -> Work:
    """Weighted sum of t expert rows a token, found through the permutation."""
    return Work(2 * t * m * d, 2 * t * m * d + 4 * t * m, 2 * m * d)


def moe_sum(m: float, d: float, t: float = 8) -> Work:
    """Sum of t expert rows a token, already weighted and in token order."""
    return Work(2 * t * m * d, 2 * t * m * d, 2 * m * d)


def add(m: float, d: float) -> Work:
    """Elementwise sum of two [m, d] bf16."""
    return Work(m * d, 4 * m * d, 2 * m * d)


def merge_state(m: float, h: float = 128) -> Work:
    """Merge two attention results [m, h, 128] and their log-sum-exp."""
    return Work(3 * m * h * V_DIM + 12 * m * h, 4 * m * h * V_DIM + 8 * m * h, 2 * m * h * V_DIM + 4 * m * h)


def all_reduce(m: float, d: float, t: float) -> Work:
    """Ring all-reduce of [m, d] bf16 over t GPUs: each sends 2(t-1)/t of it."""
    size = 2 * m * d
    return Work(0, size, size, link_bytes=2 * (t - 1) / t * size)


def all_to_all(m: float, d: float, t: float = 8, w: float = 1, precision: str = "bf16") -> Work:
    """Exchange of m tokens' t rows over w GPUs, (w-1)/w of which leave this one."""
    size = activation_bytes(t * m, d, precision)
    return Work(0, size, size, link_bytes=(w - 1) / w * size)


Formula = Callable[..., Work]

FORMULAS: Mapping[str, Formula] = {
    f.__name__: f
    for f in (
        gemm, bmm, moe_gemm, moe_fused, mla_decode, mha_causal, rmsnorm, add_rmsnorm, quant, quant_tensor,
        silu_and_mul, rope, kv_write, concat_mla_k, topk, topk_ungrouped, moe_prepare, moe_align, gather_rows,
        moe_permute, combine, moe_sum, add, merge_state, all_reduce, all_to_all,
    )
}  # fmt: skip


@cache
def _parameters(formula: str) -> tuple[frozenset[str], frozenset[str]]:
    """Required and allowed parameter names of a formula."""
    parameters = inspect.signature(FORMULAS[formula]).parameters.values()
    required = frozenset(p.name for p in parameters if p.default is inspect.Parameter.empty)
    return required, frozenset(p.name for p in parameters)


def check_shape(formula: str, shape: Mapping[str, int | float | str]) -> None:
    """Check that a formula can take a shape.

    Raises:
        ShapeError: no such formula, or a size missing, unknown or not positive.
    """
    if formula not in FORMULAS:
        raise ShapeError(f"no formula is named {formula!r}; there are {', '.join(FORMULAS)}")
    required, allowed = _parameters(formula)
    if missing := sorted(required - shape.keys()):
        raise ShapeError(f"formula {formula} lacks {', '.join(missing)}")
    if unknown := sorted(shape.keys() - allowed):
        raise ShapeError(f"formula {formula} does not take {', '.join(unknown)}")
    for key, value in shape.items():
        if not isinstance(value, str) and (value < 0 or (value == 0 and key not in ("p", "u"))):
            raise ShapeError(f"size {key} of formula {formula} is {value}")


def evaluate(formula: str, shape: Mapping[str, int | float | str]) -> Work:
    """Evaluate a formula by name.

    Raises:
        ShapeError: as `check_shape`, or a precision without a byte size.
    """
    check_shape(formula, shape)
    return FORMULAS[formula](**shape)
