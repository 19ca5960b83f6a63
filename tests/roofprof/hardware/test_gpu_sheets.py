"""Sheets against themselves: peaks are rate x SMs x clock, bandwidth is bus x rate; a sparse figure shows."""

import pytest

from roofprof.hardware.devices import DeviceSpec, bundled_gpus

FP32_PER_SM = {"7.0": 128, "7.5": 128, "8.0": 128, "8.6": 256, "8.9": 256, "9.0": 256, "10.0": 256, "12.0": 256}
"""FP32 FLOPs per SM and cycle by compute capability: 64 or 128 cores, 2 FLOPs each."""
FP16_PER_SM = {"7.0": 1024, "7.5": 1024, "8.0": 2048, "8.6": 1024, "8.9": 1024, "9.0": 4096, "10.0": 8192, "12.0": 1024}
"""Dense FP16 tensor FLOPs per SM and cycle with FP32 accumulation, where that runs at full rate."""
HALF_RATE = {"a10g", "l40"}
"""Beside the GeForce cards: half rate with FP32 accumulation, by their sheets."""
NOT_BY_ITS_SMS = {"h20", "h20-3e"}
"""Tensor cores and FP32 are not what 78 SMs of a Hopper do, as the sheet says itself."""

BUS = {
    "b200": (7680, 7.992), "h100": (5120, 5.238), "h100-pcie": (5120, 3.186), "h100-nvl": (6016, 5.238),
    "h800": (5120, 5.238), "h800-pcie": (5120, 3.186), "h200": (6144, 6.25), "h200-nvl": (6144, 6.25),
    "gh200": (6144, 5.238), "gh200-144gb": (6144, 6.402), "h20": (6144, 5.238), "h20-3e": (6144, 6.25),
    "a100": (5120, 3.186), "a100-sxm-40gb": (5120, 2.43), "a100-pcie-80gb": (5120, 3.024),
    "a100-pcie-40gb": (5120, 2.43), "a30": (3072, 2.43), "a10": (384, 12.5), "a10g": (384, 12.5), "a40": (384, 14.5),
    "rtx-a6000": (384, 16), "l4": (192, 12.5), "l40": (384, 18), "l40s": (384, 18), "rtx-6000-ada": (384, 20),
    "v100-sxm2-16gb": (4096, 1.754), "v100-sxm2-32gb": (4096, 1.754), "v100-pcie-16gb": (4096, 1.754),
    "v100-pcie-32gb": (4096, 1.754), "v100s": (4096, 2.214), "t4": (256, 10), "titan-rtx": (384, 14),
    "quadro-rtx-6000": (384, 14), "quadro-rtx-8000": (384, 14), "rtx-pro-6000": (512, 28),
    "rtx-pro-6000-max-q": (512, 28), "rtx-pro-6000-server": (512, 25),
    "rtx-5090": (512, 28), "rtx-5080": (256, 30), "rtx-5070-ti": (256, 28), "rtx-5070": (192, 28),
    "rtx-5060-ti": (128, 28), "rtx-5060": (128, 28), "rtx-5050": (128, 20),
    "rtx-4090": (384, 21), "rtx-4090-d": (384, 21), "rtx-4080-super": (256, 23), "rtx-4080": (256, 22.4),
    "rtx-4070-ti-super": (256, 21), "rtx-4070-ti": (192, 21), "rtx-4070-super": (192, 21), "rtx-4070": (192, 21),
    "rtx-4060-ti": (128, 18), "rtx-4060": (128, 17),
    "rtx-3090-ti": (384, 21), "rtx-3090": (384, 19.5), "rtx-3080-ti": (384, 19), "rtx-3080": (320, 19),
    "rtx-3080-12gb": (384, 19), "rtx-3070-ti": (256, 19), "rtx-3070": (256, 14), "rtx-3060-ti": (256, 14),
    "rtx-3060": (192, 15), "rtx-3050": (128, 14), "rtx-3050-6gb": (96, 14),
    "rtx-2080-ti": (352, 14), "rtx-2080-super": (256, 15.5), "rtx-2080": (256, 14), "rtx-2070-super": (256, 14),
    "rtx-2070": (256, 14), "rtx-2060-super": (256, 14), "rtx-2060": (192, 14), "rtx-2060-12gb": (192, 14),
    "gtx-1660-ti": (192, 12), "gtx-1660-super": (192, 14), "gtx-1660": (192, 8), "gtx-1650-super": (128, 12),
    "gtx-1650": (128, 8),
}  # fmt: skip
"""Memory bus in bits and Gbit/s per pin, of the product pages and device attributes."""


WITH_CLOCK = [
    gpu for gpu in bundled_gpus().values() if gpu.boost_clock_hz and gpu.name not in {"gb200", *NOT_BY_ITS_SMS}
]
"""Those whose boost clock is known, and which are one NVIDIA SKU: `gb200` is a document's."""


def half_rate(gpu: DeviceSpec) -> bool:
    """Whether FP32 accumulation halves the tensor rate."""
    return gpu.sku.startswith("GeForce") or gpu.name in HALF_RATE


@pytest.mark.parametrize("gpu", WITH_CLOCK, ids=lambda gpu: gpu.name)
def test_fp32_is_cores_by_clock(gpu: DeviceSpec) -> None:
    assert gpu.sm_count
    assert gpu.boost_clock_hz
    wanted = FP32_PER_SM[gpu.compute_capability or ""] * gpu.sm_count * gpu.boost_clock_hz
    assert gpu.peak_flop_per_s["fp32"] == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("gpu", WITH_CLOCK, ids=lambda gpu: gpu.name)
def test_tensor_peaks_are_dense_rates_by_clock(gpu: DeviceSpec) -> None:
    peaks, sms, clock = gpu.peak_flop_per_s, gpu.sm_count, gpu.clock_of("tensor_fp16")
    if "tensor_fp16" not in peaks:
        assert gpu.name.startswith("gtx-")
        return
    assert sms
    assert clock
    rate = FP16_PER_SM[gpu.compute_capability or ""] * sms * clock / (2 if half_rate(gpu) else 1)
    factors = {"tensor_fp16": 1.0, "tensor_bf16": 1.0, "tensor_tf32": 0.5, "tensor_fp8": 2.0, "tensor_fp6": 2.0}
    for pipe in peaks.keys() & factors.keys():
        assert peaks[pipe] == pytest.approx(factors[pipe] * rate, rel=0.03), pipe


@pytest.mark.parametrize("name", BUS)
def test_bandwidth_is_bus_by_rate(name: str) -> None:
    bits, gbit = BUS[name]
    assert bundled_gpus()[name].dram_bytes_per_s == pytest.approx(bits / 8 * gbit * 1e9, rel=0.01)


def test_every_bandwidth_is_checked_or_doubtful() -> None:
    """Blackwell's for NVL72 and B300 alone are marketing's round 8 TB/s."""
    assert {name for name in bundled_gpus() if name not in BUS} == {"gb200", "gb200-nvl72", "gb300", "b300"}
    assert bundled_gpus()["b300"].doubtful


def test_each_way_not_both() -> None:
    wanted = {"h100": 450e9, "h800": 200e9, "a100": 300e9, "b200": 900e9, "gb200-nvl72": 900e9, "v100-sxm2-16gb": 150e9}
    assert {name: bundled_gpus()[name].nvlink_bytes_per_s for name in wanted} == wanted
    assert bundled_gpus()["t4"].nvlink_bytes_per_s is None
