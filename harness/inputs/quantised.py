"""Quantised tensors in the layouts that the kernels take, made and undone by torch.

FP8: e4m3, activations with one fp32 scale per 1x128, weights per 128x128 (DeepSeek-V3's layout).
FP4: e2m1 in pairs of one byte with an e4m3 scale per 1x16 and one fp32 scale per tensor (NVFP4).
"""

from dataclasses import dataclass
from itertools import pairwise

from roofprof.harness.inputs.tensors import Tensor

FP8_MAX = 448.0
FP4_MAX = 6.0
FP8_BLOCK, FP4_BLOCK = 128, 16
_FP4_VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


@dataclass(frozen=True, slots=True)
class Quantised:
    """Values and their scales."""

    values: Tensor
    scales: Tensor


@dataclass(frozen=True, slots=True)
class Fp4:
    """NVFP4: x = value * scale / global_scale."""

    packed: Tensor
    """[rows, k/2] uint8, the lower half of a byte first."""
    scales: Tensor
    """[rows, k/16] e4m3."""
    global_scale: Tensor
    """[1] fp32."""

    @property
    def swizzled(self) -> Tensor:
        """Scales in the 128x4 tiles of tcgen05, [rows up to 128, k/16 up to 4] e4m3."""
        return swizzle_scales(self.scales)


def fp8_activation(x: Tensor, column_major: bool) -> Quantised:
    """[m, k] in 1x128 groups; scales [m, k/128], with column_major of stride (1, m)."""
    import torch

    m, k = x.shape
    groups = x.float().view(m, k // FP8_BLOCK, FP8_BLOCK)
    scales = groups.abs().amax(-1).clamp(min=1e-10) / FP8_MAX
    values = (groups / scales[..., None]).clamp(-FP8_MAX, FP8_MAX).view(m, k).to(torch.float8_e4m3fn)
    return Quantised(values, scales.t().contiguous().t() if column_major else scales.contiguous())


def fp8_tensor(x: Tensor) -> Quantised:
    """One fp32 scale [1] for the whole tensor."""
    import torch

    scale = (x.float().abs().max() / FP8_MAX).clamp(min=1e-12).view(1)
    return Quantised((x.float() / scale).clamp(-FP8_MAX, FP8_MAX).to(torch.float8_e4m3fn), scale)


def random_fp8_weight(n: int, k: int, device: str, padded_n: int | None = None) -> Quantised:
    """[n, k] as quantising normal weights of deviation k^-0.5 gives it; rows up to padded_n are zero."""
    import torch

    rows = padded_n or n
    spread = FP8_MAX / 4
    values = torch.empty(rows, k, device=device, dtype=torch.float8_e4m3fn)
    for start in range(0, rows, 4096):  # in parts: the fp32 draft of a whole lm_head-sized weight is too large
        part = torch.randn(min(4096, rows - start), k, device=device).mul_(spread).clamp_(-FP8_MAX, FP8_MAX)
        if start + part.shape[0] > n:
            part[max(0, n - start) :] = 0
        values[start : start + part.shape[0]] = part.to(torch.float8_e4m3fn)
    blocks = (-(-rows // FP8_BLOCK), k // FP8_BLOCK)
    scales = (0.8 + 0.4 * torch.rand(*blocks, device=device)) * (k**-0.5 / spread)
    return Quantised(values, scales.contiguous())


def fp8_activation_values(x: Quantised) -> Tensor:
    """[m, k] fp32."""
    rows = x.values.shape[0]
    return (x.values.float().view(rows, -1, FP8_BLOCK) * x.scales.float()[..., None]).view(x.values.shape)


def fp8_weight_values(w: Quantised) -> Tensor:
    """[n, k] fp32."""
    n, k = w.values.shape
    scales = w.scales.repeat_interleave(FP8_BLOCK, 0)[:n].repeat_interleave(FP8_BLOCK, 1)[:, :k]
    return w.values.float() * scales


def fp4_activation(x: Tensor) -> Fp4:
    """[m, k] in 1x16 groups under one global scale of 448 * 6 / amax."""
    import torch

    m, k = x.shape
    global_scale = (FP8_MAX * FP4_MAX / x.float().abs().max()).view(1)
    groups = x.float().view(m, k // FP4_BLOCK, FP4_BLOCK)
    scales = (groups.abs().amax(-1) / FP4_MAX * global_scale).clamp(max=FP8_MAX).to(torch.float8_e4m3fn)
    factors = global_scale / scales.float().clamp(min=1e-10)
    return Fp4(_pack_fp4(groups * factors[..., None]).view(m, k // 2), scales, global_scale)


def random_fp4_weight(n: int, k: int, device: str) -> Fp4:
    """[n, k] of deviation about k^-0.5."""
    import torch

    packed = torch.randint(0, 256, (n, k // 2), device=device, dtype=torch.uint8)
    scales = (16 + 16 * torch.rand(n, k // FP4_BLOCK, device=device)).to(torch.float8_e4m3fn)
    spread = 24 * (sum(v * v for v in _FP4_VALUES) / len(_FP4_VALUES)) ** 0.5
    return Fp4(packed, scales, torch.tensor([spread * k**0.5], device=device))


def fp4_values(x: Fp4) -> Tensor:
    """[rows, k] fp32."""
    import torch

    rows = x.packed.shape[0]
    table = torch.tensor([*_FP4_VALUES, *(-v for v in _FP4_VALUES)], device=x.packed.device)
    codes = torch.stack([x.packed & 15, x.packed >> 4], -1).view(rows, -1, FP4_BLOCK)
    return (table[codes.long()] * x.scales.float()[..., None] / x.global_scale).view(rows, -1)


def swizzle_scales(scales: Tensor) -> Tensor:
    """Row-major block scales to 128x4 tiles (cuBLAS, "1D block scaling factors layout"), padded with zeros."""
    import torch

    rows, columns = scales.shape
    tall, wide = -(-rows // 128) * 128, -(-columns // 4) * 4
    padded = torch.zeros(tall, wide, dtype=torch.uint8, device=scales.device)
    padded[:rows, :columns] = scales.view(torch.uint8)
    tiles = padded.view(tall // 128, 4, 32, wide // 4, 4).permute(0, 3, 2, 1, 4)
    return tiles.reshape(tall, wide).view(scales.dtype)


def unswizzle_scales(scales: Tensor, rows: int, columns: int) -> Tensor:
    """The reverse of `swizzle_scales`, without its padding."""
    import torch

    tall, wide = scales.shape
    tiles = scales.view(torch.uint8).view(tall // 128, wide // 4, 32, 4, 4).permute(0, 3, 2, 1, 4)
    return tiles.reshape(tall, wide)[:rows, :columns].view(scales.dtype)


def _pack_fp4(x: Tensor) -> Tensor:
    """Nearest e2m1 of each number, two to a byte along the last dimension."""
    import torch

    limits = torch.tensor([(a + b) / 2 for a, b in pairwise(_FP4_VALUES)], device=x.device)
    codes = torch.bucketize(x.abs(), limits) + 8 * (x < 0)
    return (codes[..., 0::2] | codes[..., 1::2] << 4).to(torch.uint8)
