"""Matrix products by the sizes of their operands: formula and shape, where the sizes tell both."""

from math import prod

from roofprof.formulas.range_names import Shape
from roofprof.names.sizes import Sizes, rows_of, usable

Found = tuple[str, Shape] | None
"""Formula and shape."""


def gemm(m: int, n: int, k: int) -> Found:
    """[m, k] x [n, k]^T."""
    return ("gemm", {"m": m, "n": n, "k": k}) if usable((m, n, k)) else None


def linear(x: Sizes, weight: Sizes) -> Found:
    """[..., k] x [n, k]^T, as torch.nn.Linear holds its weight."""
    if len(x) < 1 or len(weight) != 2 or x[-1] != weight[1]:
        return None
    return gemm(rows_of(x), weight[0], weight[1])


def linear_w4(x: Sizes, packed: Sizes, scales: Sizes) -> Found:
    """[..., k] x a weight of 4 bits, eight numbers to an int32 in any layout, scales [k/g, n]: GPTQ, AWQ, Marlin."""
    if len(x) < 1 or len(packed) != 2 or len(scales) != 2:
        return None
    m, n, k, groups = rows_of(x), scales[1], x[-1], scales[0]
    if not usable((m, n, k, groups)) or 8 * prod(packed) != n * k or k % groups:
        return None
    return "gemm_w4", {"m": m, "n": n, "k": k, "g": k // groups}


def product(a: Sizes, b: Sizes) -> Found:
    """[..., m, k] x [k, n] or [..., m, k] x [..., k, n] with the same batch; not what broadcasts."""
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
        return None
    if len(b) == 2:
        return gemm(rows_of(a), b[1], b[0])
    if a[:-2] != b[:-2]:
        return None
    h, m, n, k = prod(a[:-2]), a[-2], b[-1], a[-1]
    return ("bmm", {"h": h, "m": m, "n": n, "k": k}) if usable((h, m, n, k)) else None
