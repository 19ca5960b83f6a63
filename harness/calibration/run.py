"""Runs kernels whose work is known exactly, in NVTX ranges that name the expected counts: `roofprof selfcheck`.

`python -m roofprof.harness.calibration --json-out FILE`. What cannot run here is skipped, with the reason in FILE.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from roofprof import __version__
from roofprof.errors import RoofprofError
from roofprof.files import write_json
from roofprof.formatting import print_error
from roofprof.harness.calibration.gemms import GEMMS
from roofprof.harness.calibration.raw_kernels import BLOCKS, STEPS, THREADS, RawKernels
from roofprof.harness.inputs import environment
from roofprof.harness.inputs.machine import Machine, probe
from roofprof.harness.inputs.op import FP4_CAPABILITY
from roofprof.harness.inputs.ranges import Ranges, open_ranges
from roofprof.harness.inputs.tensors import Array, Output
from roofprof.harness.plan.record import UNTESTED
from roofprof.selfcheck.expected import Expected, expected_range

REPEATS = 3
EMPTY_REPEATS = 10
"""The empty kernel is cheap, and its spread is the floor for all others."""
MIN_STREAM_BYTES = 1 << 30
L2_SIZES = 8
"""Minimum size of a stream in L2 caches, so that little of it stays there."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel and its expected counts."""

    expected: Expected
    run: Callable[[], object]
    repeats: int = REPEATS


Make = Callable[[], tuple[Expected, Callable[[], object]]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m roofprof.harness.calibration", description=__doc__)
    parser.add_argument("--json-out", type=Path, metavar="FILE", help="what ran, what did not and why")
    args = parser.parse_args(argv)
    try:
        machine = probe("cuda")
        kernels, skipped = _prepare(machine)
        if not kernels:
            raise RoofprofError("no kernel can run here: " + "; ".join(skipped.values()), "install cupy and torch")
        _launch(kernels, open_ranges("cuda"))
        if args.json_out:
            write_json(args.json_out, _record(machine, kernels, skipped))
    except RoofprofError as error:
        print_error(error.message, error.hint)
        return error.exit_code
    return 0


def _prepare(machine: Machine) -> tuple[list[Kernel], dict[str, str]]:
    """Make every kernel's inputs and run it twice; what fails is skipped with its reason."""
    import torch

    kernels: list[Kernel] = []
    skipped: dict[str, str] = {}
    for name, make in _makers(machine):
        try:
            expected, run = make()
            for _ in range(2):
                run()
            torch.cuda.synchronize()
        except Exception as error:  # libraries raise anything
            skipped[name] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            with suppress(Exception):
                torch.cuda.synchronize()
            continue
        kernels.append(Kernel(expected, run, EMPTY_REPEATS if name == "empty" else REPEATS))
    return kernels, skipped


def _makers(machine: Machine) -> Iterator[tuple[str, Make]]:
    """Name and maker of every kernel that this GPU may have."""
    raw = _Raw(machine)
    yield "empty", raw.empty
    for name in ("copy", "read", "write", "triad"):
        yield name, lambda name=name: raw.stream(name)  # type: ignore[misc]
    for name in ("ffma", "hfma2", "mufu", *(("ffma2",) if raw.packed else ())):
        yield name, lambda name=name: raw.loop(name)  # type: ignore[misc]
    for gemm in GEMMS:
        if (machine.capability or (0, 0)) >= gemm.capability:
            yield gemm.name, gemm.make


class _Raw:
    """Makes the raw kernels, compiled and their arrays allocated once, when first asked for."""

    def __init__(self, machine: Machine) -> None:
        self.packed = (machine.capability or (0, 0)) >= FP4_CAPABILITY
        self._bytes = max(MIN_STREAM_BYTES, L2_SIZES * machine.l2_bytes) // 64 * 64
        self._kernels: RawKernels | None = None
        self._arrays: list[Array] = []

    def _get(self) -> RawKernels:
        if self._kernels is None:
            import torch

            self._kernels = RawKernels.load(self.packed, torch.cuda.get_device_properties(0).multi_processor_count)
        return self._kernels

    def empty(self) -> tuple[Expected, Callable[[], object]]:
        """The floor."""
        return Expected("empty"), self._get().empty

    def stream(self, name: str) -> tuple[Expected, Callable[[], object]]:
        """A kernel that streams through DRAM."""
        raw, size = self._get(), self._bytes
        self._arrays = self._arrays or [raw.zeros(size) for _ in range(3)]
        a, b, c = self._arrays
        flops = size // 4 * 2
        made: dict[str, tuple[Expected, Callable[[], object]]] = {
            "copy": (Expected("copy", read_bytes=size, write_bytes=size), lambda: raw.copy(a, c)),
            "read": (Expected("read", read_bytes=size, write_bytes=0), lambda: raw.read(a, c)),
            "write": (Expected("write", read_bytes=0, write_bytes=size), lambda: raw.write(c)),
            "triad": (
                Expected("triad", "fp32", flops, read_bytes=2 * size, write_bytes=size),
                lambda: raw.triad(a, b, c),
            ),
        }
        return made[name]

    def loop(self, name: str) -> tuple[Expected, Callable[[], object]]:
        """A kernel that repeats one instruction."""
        raw, threads = self._get(), THREADS * BLOCKS
        executed = threads * STEPS
        np = raw.cupy
        kinds = {
            "ffma": (Expected("ffma", "fp32", 2 * executed), np.float32),
            "hfma2": (Expected("hfma2", "fp16", 4 * executed), np.uint32),
            "mufu": (Expected("mufu", mufu_count=executed), np.float32),
            "ffma2": (Expected("ffma2", "fp32", 4 * executed), np.uint64),
        }
        expected, scalar = kinds[name]
        data = np.zeros(threads, dtype=scalar)
        return expected, lambda: raw.loop(f"{name}_k", data, scalar(0), scalar(0))


def _launch(kernels: Sequence[Kernel], ranges: Ranges) -> None:
    """The profiled region: every kernel in its range, all of them once before any of them twice."""
    import torch

    torch.cuda.synchronize()
    cudart: Output = torch.cuda.cudart()
    cudart.cudaProfilerStart()
    try:
        for repeat in range(max(kernel.repeats for kernel in kernels)):
            for kernel in kernels:
                if repeat < kernel.repeats:
                    with ranges.range(expected_range(kernel.expected)):
                        kernel.run()
                    torch.cuda.synchronize()
    finally:
        cudart.cudaProfilerStop()


def _record(machine: Machine, kernels: Sequence[Kernel], skipped: dict[str, str]) -> dict[str, object]:
    return {
        "tool": {"name": "roofprof", "version": __version__},
        "gpu": environment.gpu("cuda"),
        "packages": environment.versions(),
        "l2_cache_bytes": machine.l2_bytes,
        "kernels": [kernel.expected.name for kernel in kernels],
        "skipped": skipped,
        "untested": UNTESTED if (machine.capability or (0, 0)) >= FP4_CAPABILITY else None,
    }
