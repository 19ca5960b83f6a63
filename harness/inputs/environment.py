"""What a measurement depends on: GPU, driver, clocks, versions. Nothing about host, user or command line."""

import ctypes
from importlib import metadata
from pathlib import Path
from typing import TypedDict

from roofprof.harness.inputs.machine import Device
from roofprof.harness.inputs.tensors import Output

_PACKAGES = (
    "torch",
    "triton",
    "sglang-kernel",
    "sgl-kernel",
    "sglang",
    "flashinfer-python",
    "nvtx",
    "deep-gemm",
)
_SM_CLOCK = 1  # NVML_CLOCK_SM


class GpuRecord(TypedDict):
    """The GPU as manifests record it."""

    name: str
    compute_capability: str
    sm_count: int
    dram_bytes: int
    l2_cache_bytes: int
    cuda_version: str | None
    driver_version: str | None
    sm_clock_hz: int | None


def versions() -> dict[str, str | None]:
    """Version of each kernel package, None where it is not installed."""
    return {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def gpu(device: Device) -> GpuRecord | None:
    """The GPU, or None on the CPU."""
    return None if device == "cpu" else cuda_gpu()


def cuda_gpu() -> GpuRecord:
    """Name, compute capability, sizes, CUDA, driver and SM clock of the current GPU."""
    import torch

    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    return {
        "name": properties.name,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "sm_count": properties.multi_processor_count,
        "dram_bytes": properties.total_memory,
        "l2_cache_bytes": properties.L2_cache_size,
        "cuda_version": torch.version.cuda,
        "driver_version": driver_version(),
        "sm_clock_hz": _sm_clock_hz(properties),
    }


def driver_version() -> str | None:
    """The kernel driver's version, or None where it cannot be read."""
    try:
        words = Path("/proc/driver/nvidia/version").read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return None
    return next((word for word in words if word[0].isdigit() and word.count(".") >= 1), None)


def _sm_clock_hz(properties: Output) -> int | None:
    """The SM clock now, by NVML; None without NVML, or where the GPU cannot be identified."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    handle, clock_mhz = ctypes.c_void_p(), ctypes.c_uint()
    bus = _pci_address(properties)
    if bus is None:
        return None
    if nvml.nvmlInit_v2() != 0:
        return None
    try:
        if nvml.nvmlDeviceGetHandleByPciBusId_v2(bus, ctypes.byref(handle)) != 0:
            return None
        if nvml.nvmlDeviceGetClockInfo(handle, _SM_CLOCK, ctypes.byref(clock_mhz)) != 0:
            return None
    finally:
        nvml.nvmlShutdown()
    return clock_mhz.value * 1_000_000


def _pci_address(properties: Output) -> bytes | None:
    """The PCI address, or None in older torch releases, which do not have it."""
    try:
        domain, bus, device = properties.pci_domain_id, properties.pci_bus_id, properties.pci_device_id
    except AttributeError:
        return None
    return f"{domain:08x}:{bus:02x}:{device:02x}.0".encode()
