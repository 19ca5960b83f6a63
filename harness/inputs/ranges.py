"""NVTX ranges around the case and its ops, in the domain `roofprof` where the nvtx package is installed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from roofprof.formulas.layer import LayerCase
from roofprof.formulas.range_names import format_range_name

DOMAIN = "roofprof"


@dataclass(frozen=True, slots=True)
class Ranges:
    """Pushes and pops ranges."""

    domain: str | None
    """NVTX domain, or None for the default one."""
    push: Callable[[str], object]
    pop: Callable[[], object]

    @contextmanager
    def range(self, name: str) -> Iterator[None]:
        """A push/pop range around what is launched inside."""
        self.push(name)
        try:
            yield
        finally:
            self.pop()


def open_ranges(device: str) -> Ranges:
    """The nvtx package's domain, else torch's default-domain ranges, else none on the CPU."""
    try:
        import nvtx
    except ImportError:
        if device != "cuda":
            return Ranges(None, lambda name: None, lambda: None)
        import torch

        return Ranges(None, torch.cuda.nvtx.range_push, torch.cuda.nvtx.range_pop)
    return Ranges(DOMAIN, lambda name: nvtx.push_range(name, domain=DOMAIN), lambda: nvtx.pop_range(domain=DOMAIN))


def case_range(case: LayerCase) -> str:
    """Name of the range around one pass through the layer, `decode:case:b64:s4096`."""
    return format_range_name(case.phase, "case", {"b": case.batch, "s": case.seq_len})
