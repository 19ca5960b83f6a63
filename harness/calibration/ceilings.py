"""Measures the roofs of the GPU with CUDA events, no profiler: DRAM by access mix, L2, GEMMs, FFMA, MUFU."""

import datetime
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from roofprof.errors import RoofprofError
from roofprof.hardware.ceilings import Ceilings, Peak
from roofprof.harness.calibration.gemms import GEMMS, Gemm
from roofprof.harness.calibration.launch_floor import launch_floor_ns
from roofprof.harness.calibration.raw_kernels import THREADS, UNROLLED, RawKernels
from roofprof.harness.inputs import environment
from roofprof.harness.inputs.environment import GpuRecord
from roofprof.harness.inputs.machine import probe
from roofprof.harness.inputs.stopwatch import best_seconds, mean_seconds

T = TypeVar("T")
Show = Callable[[str], None]
STREAM_BYTES = 1 << 30
L2_SIZES = 8
L2_SHARE = 4
"""A buffer of a quarter of the L2 cache stays there, whichever part of the cache an SM reads from."""
L2_ROUNDS = 64
SIZES = (4096, 8192, 16384)
QUICK_SIZES = (8192,)
ODD_ONES = ("gemm_bf16_odd", "gemm_bf16_m1", "gemm_fp16_sparse24")
"""GEMMs of the calibration that are too small or odd-shaped to reach a peak."""
SUSTAINED_S = 1.5
LOOP_ROUNDS = 4096
BLOCKS_PER_SM = 8


@dataclass(slots=True)
class _Session:
    """What has been measured so far."""

    quick: bool
    show: Show | None
    skipped: dict[str, str] = field(default_factory=dict)

    def attempt(self, name: str, measure: Callable[[], T]) -> T | None:
        """A measurement, or None with the reason recorded."""
        import torch

        if self.show:
            self.show(name)
        try:
            return measure()
        except Exception as error:  # libraries raise anything
            self.skipped[name] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            with suppress(Exception):
                torch.cuda.synchronize()
            return None
        finally:
            torch.cuda.empty_cache()


def measure(quick: bool = False, show: Show | None = None) -> Ceilings:
    """Measure every roof that this GPU has; what cannot be measured is named in `skipped`.

    Raises:
        RoofprofError: no torch, no GPU, or nothing could be measured.
    """
    machine = probe("cuda")
    session = _Session(quick, show)
    gpu = environment.cuda_gpu()
    raw = session.attempt("raw kernels", lambda: RawKernels.load(packed=False, sm_count=gpu["sm_count"]))
    dram: dict[str, float] = {}
    rates: dict[str, float | None] = {}
    if raw:
        size = max(STREAM_BYTES, L2_SIZES * machine.l2_bytes) // 64 * 64
        dram = session.attempt("DRAM", lambda: _dram(raw, size)) or {}
        raw.cupy.get_default_memory_pool().free_all_blocks()
        if machine.l2_bytes:
            rates["l2"] = session.attempt("L2 read", lambda: _l2(raw, machine.l2_bytes))
        for name in ("ffma", "mufu"):
            rates[name] = session.attempt(name, partial(_loop, raw, name, gpu["sm_count"]))
    peaks = _peaks(session, machine.capability or (0, 0))
    if ffma := rates.get("ffma"):
        peaks["fp32"] = Peak(2 * ffma, None, "FFMA loop")
    floor = session.attempt("launch floor", lambda: launch_floor_ns(raw)) or {}
    if not dram and not peaks:
        raise RoofprofError("nothing could be measured: " + "; ".join(session.skipped.values()), "install cupy")
    return Ceilings(
        gpu=gpu["name"],
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        dram_bytes_per_s=dram,
        peak_flop_per_s=peaks,
        l2_read_bytes_per_s=rates.get("l2"),
        mufu_per_s=rates.get("mufu"),
        launch_floor_ns=floor,
        conditions=_conditions(gpu, quick),
        skipped=session.skipped,
    )


def _conditions(gpu: GpuRecord, quick: bool) -> dict[str, str | float | bool | None]:
    versions = environment.versions()
    return {
        "driver": gpu["driver_version"], "cuda": gpu["cuda_version"], "torch": versions.get("torch"),
        "sm_clock_hz_after": environment.cuda_gpu()["sm_clock_hz"],
        "data": "DRAM zeros, GEMMs normal random", "quick": quick or None,
    }  # fmt: skip


def _dram(raw: RawKernels, size: int) -> dict[str, float]:
    """Bytes per second by access mix, arrays of `size` bytes."""
    a, b, c = (raw.zeros(size) for _ in range(3))
    runs: dict[str, tuple[int, Callable[[], None]]] = {
        "read": (size, lambda: raw.read(a, c)),
        "write": (size, lambda: raw.write(c)),
        "copy": (2 * size, lambda: raw.copy(a, c)),
        "triad": (3 * size, lambda: raw.triad(a, b, c)),
    }
    return {mix: count / best_seconds(run, 20) for mix, (count, run) in runs.items()}


def _l2(raw: RawKernels, l2_bytes: int) -> float:
    """Bytes per second read from a buffer that stays in L2, over and over in one launch."""
    buffer, out = raw.zeros(l2_bytes // L2_SHARE // 4096 * 4096), raw.zeros(64)
    return float(buffer.nbytes * L2_ROUNDS / best_seconds(lambda: raw.read_again(buffer, out, L2_ROUNDS), 20))


def _loop(raw: RawKernels, name: str, sm_count: int) -> float:
    """Thread instructions per second: enough warps that only the pipe is in the way."""
    blocks = sm_count * BLOCKS_PER_SM
    data = raw.zeros(blocks * THREADS * 4)
    scalar = raw.cupy.float32(0)
    seconds = best_seconds(lambda: raw.loop(f"{name}_k", data, scalar, scalar, LOOP_ROUNDS, blocks), 10)
    return blocks * THREADS * LOOP_ROUNDS * UNROLLED / seconds


def _peaks(session: _Session, capability: tuple[int, int]) -> dict[str, Peak]:
    """The best GEMM in each precision."""
    found: dict[str, Peak] = {}
    for gemm in GEMMS:
        if gemm.name in ODD_ONES or capability < gemm.capability:
            continue
        if peak := session.attempt(gemm.name, partial(_peak, gemm, session.quick)):
            found[gemm.pipe] = peak
    return found


def _peak(gemm: Gemm, quick: bool) -> Peak:
    import torch

    sizes = [n for n in (QUICK_SIZES if quick else SIZES) if gemm.pipe != "tensor_fp64" or n <= 8192]
    rates: dict[int, float] = {}
    for n in sizes:
        run = gemm.inputs(n, n, n)
        # Few runs after a pause: a burst is over before power and heat lower the clock.
        rates[n] = 2 * n**3 / best_seconds(run, 5, pause_s=0.2)
        del run
        torch.cuda.empty_cache()
    best = max(rates, key=lambda n: rates[n])
    sustained = None if quick else 2 * best**3 / mean_seconds(gemm.inputs(best, best, best), SUSTAINED_S)
    return Peak(rates[best], sustained, f"{best}x{best}x{best}")
