"""roofprof's own Triton kernels, where the wheels have none: KV write and quantisation per tensor.

Imported only when an implementation that uses them is made, so that everything else runs without triton.
"""

# pyright: reportIndexIssue=false
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False
# mypy: disallow-untyped-calls=False, disallow-untyped-decorators=False

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]

from roofprof.harness.inputs.tensors import Dtype, Tensor

_CHUNK = 4096
_MAX_PROGRAMS = 1024


@triton.jit
def roofprof_kv_write(
    cache, nope, pe, slots, s_cache, s_nope, s_pe, nope_width: tl.constexpr, pe_width: tl.constexpr, block: tl.constexpr
):
    """One program per token: [nope, pe] to its slot of the latent cache."""
    token, column = tl.program_id(0), tl.arange(0, block)
    target = cache + tl.load(slots + token).to(tl.int64) * s_cache + column
    a = tl.load(nope + token * s_nope + column, mask=column < nope_width, other=0.0)
    b = tl.load(
        pe + token * s_pe + (column - nope_width),
        mask=(column >= nope_width) & (column < nope_width + pe_width),
        other=0.0,
    )
    tl.store(target, tl.where(column < nope_width, a, b), mask=column < nope_width + pe_width)


@triton.jit
def roofprof_quant_tensor_amax(x, partial, n, rows, k, s_head, s_row, chunk: tl.constexpr):
    """Largest magnitude of each program's chunks of x [heads, rows, k]."""
    largest = tl.zeros((chunk,), dtype=tl.float32)
    for start in range(tl.program_id(0) * chunk, n, tl.num_programs(0) * chunk):
        i = start + tl.arange(0, chunk)
        source = x + (i // (rows * k)).to(tl.int64) * s_head + (i // k % rows).to(tl.int64) * s_row + i % k
        largest = tl.maximum(largest, tl.abs(tl.load(source, mask=i < n, other=0.0).to(tl.float32)))
    tl.store(partial + tl.program_id(0), tl.max(largest))


@triton.jit
def roofprof_quant_tensor(
    x, partial, out, scale_out, n, rows, k, s_head, s_row, programs, chunk: tl.constexpr, slots: tl.constexpr
):
    """x over the largest of the partial maxima / 448, to contiguous e4m3 [heads, rows, k]."""
    j = tl.arange(0, slots)
    scale = tl.maximum(tl.max(tl.load(partial + j, mask=j < programs, other=0.0)) / 448.0, 1e-12)
    if tl.program_id(0) == 0:
        tl.store(scale_out, scale)
    for start in range(tl.program_id(0) * chunk, n, tl.num_programs(0) * chunk):
        i = start + tl.arange(0, chunk)
        source = x + (i // (rows * k)).to(tl.int64) * s_head + (i // k % rows).to(tl.int64) * s_row + i % k
        value = tl.load(source, mask=i < n, other=0.0).to(tl.float32) / scale
        value = tl.minimum(tl.maximum(value, -448.0), 448.0)
        tl.store(out + i, value.to(out.dtype.element_ty), mask=i < n)


@triton.jit
def roofprof_copy(source, target, block: tl.constexpr):
    """Whole blocks from one array to another, either of which may be another GPU's."""
    place = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    tl.store(target + place, tl.load(source + place))


def copy_words(source: Tensor, target: Tensor) -> None:
    """Copy int64 [n], n a multiple of 4096, by a kernel of the current GPU."""
    roofprof_copy[(source.numel() // _CHUNK,)](source, target, block=_CHUNK)


def write_kv(cache: Tensor, nope: Tensor, pe: Tensor, slots: Tensor) -> None:
    """Write nope [m, 512] and pe [m, 64], rows of any stride, to cache [slots, 1, 576] at slots [m] int64."""
    roofprof_kv_write[(slots.shape[0],)](
        cache, nope, pe, slots, cache.stride(0), nope.stride(0), pe.stride(0), nope_width=512, pe_width=64, block=1024
    )


class TensorQuantiser:
    """Quantises x [heads, rows, k], last dimension contiguous, to e4m3 under one scale: two launches."""

    def __init__(self, x: Tensor, dtype: Dtype = torch.float8_e4m3fn) -> None:
        self.x = x
        self.programs = min(_MAX_PROGRAMS, triton.cdiv(x.numel(), _CHUNK))
        self.partial = torch.empty(self.programs, device=x.device, dtype=torch.float32)
        self.values = torch.empty(x.shape, device=x.device, dtype=dtype)
        self.scale = torch.empty(1, device=x.device, dtype=torch.float32)

    def run(self) -> tuple[Tensor, Tensor]:
        """Values [heads, rows, k] e4m3 and scale [1] fp32."""
        x, grid = self.x, (self.programs,)
        sizes = (x.numel(), x.shape[1], x.shape[2], x.stride(0), x.stride(1))
        roofprof_quant_tensor_amax[grid](x, self.partial, *sizes, chunk=_CHUNK)
        roofprof_quant_tensor[grid](
            x, self.partial, self.values, self.scale, *sizes, self.programs, chunk=_CHUNK, slots=_MAX_PROGRAMS
        )
        return self.values, self.scale
