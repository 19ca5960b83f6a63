"""Algorithmic FLOPs and compulsory bytes of an op: each input read once, each output written once.

Every function is one formula and takes the shape letters of `range_names` as arguments. Block scales are
included; padding is not; nothing is reused between ops. Conventions: an FMA is 2 FLOPs; outputs are bf16
unless said. Figures and their check: docs/formulas.md.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import cache

from roofprof.formulas.byte_sizes import MAX_SIZE as MAX_SIZE
from roofprof.formulas.byte_sizes import ShapeError as ShapeError
from roofprof.formulas.byte_sizes import activation_bytes as activation_bytes
from roofprof.formulas.byte_sizes import known_precision, plain_bytes
from roofprof.formulas.byte_sizes import weight_bytes as weight_bytes
from roofprof.formulas.collectives import COLLECTIVE_NAMES, COLLECTIVES
from roofprof.formulas.dimensions import EXPERTS, HEADS, KV_LORA, NOPE, QK_HEAD, ROPE, TOP_K, V_HEAD
from roofprof.formulas.dimensions import LATENT as LATENT
from roofprof.formulas.served.formulas import SERVED
from roofprof.formulas.work import Work as Work


def _tensor(precision: str) -> str:
    return known_precision(precision).pipe


def gemm(m: float, n: float, k: float, precision: str = "bf16", output: str = "bf16") -> Work:
    """[m, k] x [n, k]^T: 2mnk FLOPs; both operands with their scales, the output without."""
    reads = {"input": activation_bytes(m, k, precision), "weight": weight_bytes(n, k, precision)}
    return Work(2 * m * n * k, reads, {"output": m * n * plain_bytes(output)}, _tensor(precision))


def bmm(h: float, m: float, n: float, k: float, precision: str = "bf16", output: str = "bf16") -> Work:
    """h products [m, k] x [k, n]; FP8 with one fp32 scale per tensor (the absorbed MLA products)."""
    size = plain_bytes(precision)
    reads = {"input": h * m * k * size, "weight": h * k * n * size}
    if precision == "fp8":
        reads["scales"] = 8
    return Work(2 * h * m * n * k, reads, {"output": h * m * n * plain_bytes(output)}, _tensor(precision))


def moe_gemm(
    m: float, n: float, k: float, e: float, t: float = TOP_K, precision: str = "bf16", output: str = "bf16",
    r: float | None = None,
) -> Work:  # fmt: skip
    """Grouped GEMM over m tokens of t experts each (r = t*m rows); weights of the e experts hit, once each."""
    rows = t * m if r is None else r
    reads = {
        "input": activation_bytes(rows, k, precision),
        "weights of the experts hit": e * weight_bytes(n, k, precision),
    }
    return Work(2 * rows * n * k, reads, {"output": rows * n * plain_bytes(output)}, _tensor(precision))


def moe_fused(m: float, i: float, d: float, e: float, t: float = TOP_K, precision: str = "bf16") -> Work:
    """The whole routed MoE as one kernel: tokens in, weights of e experts, tokens out, ids and weights."""
    reads = {
        "input": 2 * m * d,
        "weights of the experts hit": e * (weight_bytes(2 * i, d, precision) + weight_bytes(d, i, precision)),
        "ids and weights of the routing": 8 * t * m,
    }
    return Work(2 * t * m * 3 * i * d, reads, {"output": 2 * m * d}, _tensor(precision))


def mla_decode(b: float, s: float, h: float = HEADS, precision: str = "bf16") -> Work:
    """Absorbed MLA: b queries of h heads over one latent head of s entries; cache and query in `precision`."""
    size = plain_bytes(precision)
    reads = {"latent cache": b * s * LATENT * size, "query": b * h * LATENT * size}
    return Work(2 * b * h * s * (LATENT + KV_LORA), reads, {"output": b * h * KV_LORA * 2}, _tensor(precision))


def mha_causal(b: float, s: float, h: float = HEADS, p: float = 0, precision: str = "bf16") -> Work:
    """b causal sequences of s new tokens after p cached ones, qk 192 and v 128 wide; masked pairs not counted."""
    size = plain_bytes(precision)
    pairs = s * (s + 1) / 2 + s * p
    reads = {"query": size * b * h * s * QK_HEAD, "keys and values": size * b * h * (s + p) * (QK_HEAD + V_HEAD)}
    output = {"output": 2 * b * h * s * V_HEAD}
    return Work(2 * b * h * pairs * (QK_HEAD + V_HEAD), reads, output, _tensor(precision))


def rmsnorm(m: float, d: float) -> Work:
    """RMSNorm of [m, d] bf16, 4 FLOPs per element by convention."""
    return Work(4 * m * d, {"input": 2 * m * d, "weight": 2 * d}, {"output": 2 * m * d})


def add_rmsnorm(m: float, d: float) -> Work:
    """Residual add and RMSNorm in place, 5 FLOPs per element by convention."""
    return Work(5 * m * d, {"input and residual": 4 * m * d, "weight": 2 * d}, {"output and residual": 4 * m * d})


def quant(m: float, k: float, precision: str = "fp8") -> Work:
    """Quantise [m, k] bf16 with block scales, 3 FLOPs per element by convention."""
    return Work(3 * m * k, {"input": 2 * m * k}, {"output with scales": activation_bytes(m, k, precision)})


def quant_tensor(m: float, k: float, precision: str = "fp8") -> Work:
    """Quantise [m, k] bf16 with one scale for the whole tensor."""
    return Work(3 * m * k, {"input": 2 * m * k}, {"output": m * k * plain_bytes(precision), "scale": 4})


def silu_and_mul(r: float, d: float) -> Work:
    """silu(gate) * up, [r, 2d] to [r, d]: 5 FLOPs per element by convention (counters see 4, two are MUFU)."""
    return Work(5 * r * d, {"gate and up": 4 * r * d}, {"output": 2 * r * d})


def rope(m: float, h: float = HEADS) -> Work:
    """Rotary embedding in place of h query heads and the one key head, 64 wide, with the cos/sin rows read."""
    elements = m * (h + 1) * ROPE
    reads = {"queries and key": 2 * elements, "cos and sin": 4 * ROPE * m, "positions": 8 * m}
    return Work(3 * elements, reads, {"queries and key": 2 * elements})


def kv_write(m: float) -> Work:
    """Write m latent entries (576 bf16) to their slots."""
    reads = {"latent": 2 * m * KV_LORA, "rotated key": 2 * m * ROPE, "slots": 8 * m}
    return Work(0, reads, {"cache entries": 2 * m * LATENT})


def concat_mla_k(m: float, h: float = HEADS) -> Work:
    """[k_nope, k_pe] to k [m, h, 192], the one k_pe head spread over all."""
    return Work(0, {"k_nope": 2 * m * h * NOPE, "k_pe": 2 * m * ROPE}, {"keys": 2 * m * h * QK_HEAD})


def topk(m: float, x: float = EXPERTS, t: float = TOP_K) -> Work:
    """Grouped biased top-t of x fp32 logits: 6 FLOPs per logit by convention."""
    return Work(6 * m * x, {"logits": 4 * x * m, "bias": 4 * x}, {"ids and weights": 8 * t * m})


def topk_ungrouped(m: float, x: float = EXPERTS, t: float = TOP_K) -> Work:
    """Top-t of x logits without groups or bias (topk_softmax, topk_sigmoid)."""
    return Work(6 * m * x, {"logits": 4 * x * m}, {"ids and weights": 8 * t * m})


def moe_prepare(m: float, x: float = EXPERTS, t: float = TOP_K) -> Work:
    """prepare_moe_input: expert offsets, two problem lists and two permutations from the ids."""
    return Work(0, {"ids": 4 * t * m}, {"permutations": 8 * t * m, "problem lists and offsets": 28 * x + 4})


def moe_align(m: float, u: float, x: float = EXPERTS, t: float = TOP_K, g: float = 64) -> Work:
    """moe_align_block_size: rows sorted by expert in blocks of g, u blocks used; the padded list is written whole."""
    rows = t * m
    capacity = rows * g if rows < x + 1 else rows + (x + 1) * (g - 1)
    writes = {"sorted rows": 4 * capacity, "experts of the blocks": 4 * u, "offsets": 4 * (x + 2)}
    return Work(0, {"ids": 4 * rows}, writes)


def gather_rows(m: float, r: float, k: float, precision: str = "bf16") -> Work:
    """r rows of k elements out of m, by a list of int32 indices; without scales."""
    size = plain_bytes(precision)
    return Work(0, {"rows": m * k * size, "indices": 4 * r}, {"gathered rows": r * k * size})


def moe_permute(m: float, r: float, k: float, precision: str = "bf16") -> Work:
    """Rows and their block scales into expert order: two gathers."""
    reads = {"rows with scales": activation_bytes(m, k, precision), "indices": 4 * r}
    return Work(0, reads, {"permuted rows with scales": activation_bytes(r, k, precision)})


def combine(m: float, d: float, t: float = TOP_K) -> Work:
    """Weighted sum of t expert rows per token, found through the permutation."""
    reads = {"expert rows": 2 * t * m * d, "permutation": 4 * t * m}
    return Work(2 * t * m * d, reads, {"output": 2 * m * d})


def moe_sum(m: float, d: float, t: float = TOP_K) -> Work:
    """Sum of t expert rows per token, already weighted and in token order."""
    return Work(2 * t * m * d, {"expert rows": 2 * t * m * d}, {"output": 2 * m * d})


def add(m: float, d: float) -> Work:
    """Elementwise sum of two [m, d] bf16."""
    return Work(m * d, {"first": 2 * m * d, "second": 2 * m * d}, {"output": 2 * m * d})


def merge_state(m: float, h: float = HEADS) -> Work:
    """Merge two attention results [m, h, 128] and their log-sum-exp."""
    reads = {"two results": 4 * m * h * V_HEAD, "their log-sum-exp": 8 * m * h}
    return Work(3 * m * h * V_HEAD + 12 * m * h, reads, {"result": 2 * m * h * V_HEAD, "log-sum-exp": 4 * m * h})


Formula = Callable[..., Work]

ON_ONE_GPU: tuple[Formula, ...] = (
    gemm, bmm, moe_gemm, moe_fused, mla_decode, mha_causal, rmsnorm, add_rmsnorm, quant, quant_tensor, silu_and_mul,
    rope, kv_write, concat_mla_k, topk, topk_ungrouped, moe_prepare, moe_align, gather_rows, moe_permute, combine,
    moe_sum, add, merge_state,
)  # fmt: skip
FORMULAS: Mapping[str, Formula] = {f.__name__: f for f in (*ON_ONE_GPU, *SERVED, *COLLECTIVES)}


@cache
def _parameters(formula: str) -> tuple[frozenset[str], frozenset[str]]:
    """Required and allowed parameter names of a formula."""
    parameters = inspect.signature(FORMULAS[formula]).parameters.values()
    required = frozenset(p.name for p in parameters if p.default is inspect.Parameter.empty)
    return required, frozenset(p.name for p in parameters)


def _kind(key: str) -> str:
    return "precision" if key in ("precision", "output") else "number"


def _digits(value: float) -> str:
    return str(value) if abs(value) <= MAX_SIZE or isinstance(value, float) else "too large"


def defaults_of(formula: str) -> dict[str, int | float | str]:
    """The sizes and precisions that a formula takes where a shape leaves them out.

    Raises:
        ShapeError: unknown formula.
    """
    if formula not in FORMULAS:
        raise ShapeError(f"unknown formula {formula!r}; expected one of {', '.join(FORMULAS)}")
    parameters = inspect.signature(FORMULAS[formula]).parameters
    return {name: p.default for name, p in parameters.items() if isinstance(p.default, int | float | str)}


def check_shape(formula: str, shape: Mapping[str, int | float | str]) -> None:
    """Check that a formula can take a shape.

    Raises:
        ShapeError: unknown formula, or a size missing, unknown or not positive.
    """
    if formula not in FORMULAS:
        raise ShapeError(f"unknown formula {formula!r}; expected one of {', '.join(FORMULAS)}")
    required, allowed = _parameters(formula)
    if missing := sorted(required - shape.keys()):
        raise ShapeError(f"formula {formula} needs {', '.join(missing)}")
    if unknown := sorted(shape.keys() - allowed):
        raise ShapeError(f"formula {formula} does not take {', '.join(unknown)}")
    for key, value in shape.items():
        if isinstance(value, str) is not (key in ("precision", "output")):
            raise ShapeError(f"{key} of formula {formula} is {value!r}; expected a {_kind(key)}")
        may_be_0 = key in ("p", "u") or (key == "r" and formula in COLLECTIVE_NAMES)
        if not isinstance(value, str) and not (0 < value <= MAX_SIZE or (value == 0 and may_be_0)):
            raise ShapeError(f"size {key} of formula {formula} is {_digits(value)}; expected 1 to {MAX_SIZE}")


def evaluate(formula: str, shape: Mapping[str, int | float | str]) -> Work:
    """Evaluate a formula by name.

    Raises:
        ShapeError: as `check_shape`, or a precision without a byte size.
    """
    check_shape(formula, shape)
    return FORMULAS[formula](**shape)
