"""The machine that the harness runs on: what choosing implementations depends on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from roofprof.errors import RoofprofError
from roofprof.harness.inputs.lookup import why_missing

Device = Literal["cuda", "cpu"]


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides which implementations can run."""

    capability: tuple[int, int] | None
    """Compute capability, or None without a GPU."""
    why_missing: Callable[[str], str | None]
    """Why a `module:attribute` is missing, or None when it is there."""
    free_bytes: int | None = None
    """Memory that can be allocated now, or None where unknown."""
    l2_bytes: int = 0
    """Size of the L2 cache; 0 on the CPU."""
    ranks: int = 1
    """Processes that run together, one a GPU."""

    @property
    def label(self) -> str:
        """Short name for messages."""
        if self.capability is None:
            return "the CPU"
        return f"compute capability {self.capability[0]}.{self.capability[1]}"


NO_GPU = "torch sees no GPU"


def probe(device: Device, ranks: int = 1) -> Machine:
    """The machine as it is: of several GPUs the current one.

    Args:
        device: to run on.
        ranks: processes that run together; they share the CPU's memory.

    Raises:
        RoofprofError: torch is missing, or a GPU is asked for and there is none.
    """
    if (why := no_device(device)) is not None:
        sees_none = device == "cuda" and why == NO_GPU
        hint = (
            "run where there is a GPU; verify also takes --device cpu"
            if sees_none
            else "install torch: docs/capture.md"
        )
        raise RoofprofError(why, hint)
    if device == "cpu":
        free_host = _free_host_bytes()
        return Machine(None, why_missing, free_host and free_host // ranks, ranks=ranks)
    import torch

    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    free, _ = torch.cuda.mem_get_info()
    capability = properties.major, properties.minor
    return Machine(capability, why_missing, free, int(properties.L2_cache_size), ranks)


def no_device(device: Device) -> str | None:
    """Why nothing can run on the device, or None."""
    try:
        import torch
    except ImportError as error:
        return f"torch does not import: {error}"
    if device == "cuda" and not torch.cuda.is_available():
        return NO_GPU
    return None


def synchronise(device: Device) -> None:
    """Wait for the GPU."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def _free_host_bytes() -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            sizes = dict(line.split(":", 1) for line in lines)
        return int(sizes["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
