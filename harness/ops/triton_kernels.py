"""roofprof's own Triton kernels, where the wheels hold none: KV write and quantisation by tensor.

Imported when an implementation that uses them is made, never before: triton need not be there.
"""

# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-calls=False, disallow-untyped-decorators=False

from typing import Any

import torch
import triton
import triton.language as tl

_CHUNK = 4096
_MAX_PROGRAMS = 1024


@triton.jit
def roofprof_kv_write(
    cache, nope, pe, slots, s_cache, s_nope, s_pe, NOPE: tl.constexpr, PE: tl.constexpr, B: tl.constexpr
):  # noqa: N803, E501
    """One program a token: [nope, pe] to its slot of the latent cache."""
    token, column = tl.program_id(0), tl.arange(0, B)
    target = cache + tl.load(slots + token).to(tl.int64) * s_cache + column
    a = tl.load(nope + token * s_nope + column, mask=column < NOPE, other=0.0)
    b = tl.load(pe + token * s_pe + (column - NOPE), mask=(column >= NOPE) & (column < NOPE + PE), other=0.0)
    tl.store(target, tl.where(column < NOPE, a, b), mask=column < NOPE + PE)


@triton.jit
def roofprof_quant_tensor_amax(x, partial, n, rows, k, s_head, s_row, CHUNK: tl.constexpr):  # noqa: N803
    """Largest magnitude of each program's chunks of x [heads, rows, k]."""
    largest = tl.zeros((CHUNK,), dtype=tl.float32)
    for start in range(tl.program_id(0) * CHUNK, n, tl.num_programs(0) * CHUNK):
        i = start + tl.arange(0, CHUNK)
        source = x + (i // (rows * k)).to(tl.int64) * s_head + (i // k % rows).to(tl.int64) * s_row + i % k
        largest = tl.maximum(largest, tl.abs(tl.load(source, mask=i < n, other=0.0).to(tl.float32)))
    tl.store(partial + tl.program_id(0), tl.max(largest))


@triton.jit
def roofprof_quant_tensor(
    x, partial, out, scale_out, n, rows, k, s_head, s_row, programs, CHUNK: tl.constexpr, P: tl.constexpr
):  # noqa: N803, E501
    """x over the largest of the partial maxima / 448, to contiguous e4m3 [heads, rows, k]."""
    j = tl.arange(0, P)
    scale = tl.maximum(tl.max(tl.load(partial + j, mask=j < programs, other=0.0)) / 448.0, 1e-12)
    if tl.program_id(0) == 0:
        tl.store(scale_out, scale)
    for start in range(tl.program_id(0) * CHUNK, n, tl.num_programs(0) * CHUNK):
        i = start + tl.arange(0, CHUNK)
        source = x + (i // (rows * k)).to(tl.int64) * s_head + (i // k % rows).to(tl.int64) * s_row + i % k
        value = tl.load(source, mask=i < n, other=0.0).to(tl.float32) / scale
        value = tl.minimum(tl.maximum(value, -448.0), 448.0)
        tl.store(out + i, value.to(out.dtype.element_ty), mask=i < n)


def write_kv(cache: Any, nope: Any, pe: Any, slots: Any) -> None:
    """Write nope [m, 512] and pe [m, 64], rows of any stride, to cache [slots, 1, 576] at slots [m] int64."""
    roofprof_kv_write[(slots.shape[0],)](
        cache, nope, pe, slots, cache.stride(0), nope.stride(0), pe.stride(0), NOPE=512, PE=64, B=1024
    )


class TensorQuantiser:
    """Quantises x [heads, rows, k], last dimension contiguous, to e4m3 under one scale: two launches."""

    def __init__(self, x: Any, dtype: Any = torch.float8_e4m3fn) -> None:
        self.x = x
        self.programs = min(_MAX_PROGRAMS, triton.cdiv(x.numel(), _CHUNK))
        self.partial = torch.empty(self.programs, device=x.device, dtype=torch.float32)
        self.values = torch.empty(x.shape, device=x.device, dtype=dtype)
        self.scale = torch.empty(1, device=x.device, dtype=torch.float32)

    def run(self) -> tuple[Any, Any]:
        """Values [heads, rows, k] e4m3 and scale [1] fp32."""
        x, grid = self.x, (self.programs,)
        sizes = (x.numel(), x.shape[1], x.shape[2], x.stride(0), x.stride(1))
        roofprof_quant_tensor_amax[grid](x, self.partial, *sizes, CHUNK=_CHUNK)
        roofprof_quant_tensor[grid](
            x, self.partial, self.values, self.scale, *sizes, self.programs, CHUNK=_CHUNK, P=_MAX_PROGRAMS
        )
        return self.values, self.scale
