"""Products whose weights have 4 bits and whose inputs have more; grouped products of other routings.

Letters beside those of `models`: g weights to a scale, sb the bytes of a scale (INT4: 2; MXFP4 g = 32 and NVFP4 g = 16:
1), c shared experts that run as more experts of every token.
"""

from roofprof.formulas.byte_sizes import ShapeError, activation_bytes, known_precision, plain_bytes, weight_bytes
from roofprof.formulas.dimensions import EXPERTS, TOP_K
from roofprof.formulas.work import Work


def w4_bytes(n: float, k: float, g: float, sb: float) -> float:
    """Bytes of a weight [n, k] of 4 bits, with a scale of sb bytes for each g; without zero points."""
    return n * k * (0.5 + sb / g)


def gemm_w4(
    m: float, n: float, k: float, g: float = 128, sb: float = 2, precision: str = "bf16", output: str = "bf16"
) -> Work:
    """[m, k] x [n, k]^T, weights of 4 bits with sb bytes of scale each g, products in the inputs' `precision`."""
    reads = {"input": activation_bytes(m, k, precision), "weight with scales": w4_bytes(n, k, g, sb)}
    return Work(2 * m * n * k, reads, {"output": m * n * plain_bytes(output)}, known_precision(precision).pipe)


def moe_gemm_w4(
    m: float, n: float, k: float, e: float, t: float = TOP_K, g: float = 32, sb: float = 2, precision: str = "bf16",
    output: str = "bf16", r: float | None = None,
) -> Work:  # fmt: skip
    """Grouped GEMM as `moe_gemm`, its weights of 4 bits with sb bytes of scale each g."""
    rows = t * m if r is None else r
    reads = {"input": activation_bytes(rows, k, precision), "weights of the experts hit": e * w4_bytes(n, k, g, sb)}
    return Work(2 * rows * n * k, reads, {"output": rows * n * plain_bytes(output)}, known_precision(precision).pipe)


def moe_gemm_shared(
    m: float, n: float, k: float, e: float, t: float = TOP_K, c: float = 1, precision: str = "bf16",
    output: str = "bf16",
) -> Work:  # fmt: skip
    """Grouped GEMM with c shared experts as more experts of every token: (t + c)m rows, e routed experts hit."""
    rows = (t + c) * m
    reads = {
        "input": activation_bytes(rows, k, precision),
        "weights of the experts hit and shared": (e + c) * weight_bytes(n, k, precision),
    }
    return Work(2 * rows * n * k, reads, {"output": rows * n * plain_bytes(output)}, known_precision(precision).pipe)


def moe_gemm_uniform(
    m: float, n: float, k: float, x: float = EXPERTS, t: float = TOP_K, precision: str = "bf16", output: str = "bf16"
) -> Work:
    """Grouped GEMM with the experts hit that uniform routing over x expects, x(1 - (1 - t/x)^m): an expectation."""
    if t > x:
        raise ShapeError(f"{t:g} experts of a token are more than all {x:g}")
    rows = t * m
    reads = {
        "input": activation_bytes(rows, k, precision),
        "weights of the experts expected": x * (1 - (1 - t / x) ** m) * weight_bytes(n, k, precision),
    }
    return Work(2 * rows * n * k, reads, {"output": rows * n * plain_bytes(output)}, known_precision(precision).pipe)
