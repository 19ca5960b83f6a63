"""Work on rows: norms of heads, and norms and activations that quantise what they give."""

from roofprof.formulas.byte_sizes import activation_bytes
from roofprof.formulas.work import Work


def qk_norm(m: float, h: float, hk: float, d: float = 128) -> Work:
    """RMSNorm in place of each of h query and hk key heads, d wide, 4 FLOPs per element by convention."""
    elements = m * (h + hk) * d
    return Work(4 * elements, {"queries and keys": 2 * elements, "weights": 4 * d}, {"queries and keys": 2 * elements})


def rmsnorm_quant(m: float, d: float, precision: str = "fp8") -> Work:
    """RMSNorm of [m, d] bf16 that gives its output quantised with block scales: 4 and 3 FLOPs per element."""
    output = {"output with scales": activation_bytes(m, d, precision)}
    return Work(7 * m * d, {"input": 2 * m * d, "weight": 2 * d}, output)


def add_rmsnorm_quant(m: float, d: float, precision: str = "fp8") -> Work:
    """Residual add in place and RMSNorm that gives its output quantised: 5 and 3 FLOPs per element."""
    writes = {"residual": 2 * m * d, "output with scales": activation_bytes(m, d, precision)}
    return Work(8 * m * d, {"input and residual": 4 * m * d, "weight": 2 * d}, writes)


def silu_and_mul_quant(r: float, d: float, precision: str = "fp8") -> Work:
    """silu(gate) * up that gives its output quantised, [r, 2d] to [r, d]: 5 and 3 FLOPs per element."""
    return Work(8 * r * d, {"gate and up": 4 * r * d}, {"output with scales": activation_bytes(r, d, precision)})
