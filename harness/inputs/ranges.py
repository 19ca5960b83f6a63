"""NVTX ranges around the case and its ops, in the domain `roofprof` where the nvtx package is installed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from roofprof.annotate import nvtx_calls
from roofprof.formulas.layer import LayerCase
from roofprof.formulas.range_names import format_range_name


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
    if device == "cuda":
        import torch  # noqa: F401 - the ranges of a loaded torch are the ones to fall back to

    found = nvtx_calls()
    if found is None or (device != "cuda" and found.domain is None):
        return Ranges(None, lambda name: None, lambda: None)
    return Ranges(found.domain, found.push, found.pop)


def case_range(case: LayerCase) -> str:
    """Name of the range around one pass through the layer, `decode:case:b64:s4096`."""
    return format_range_name(case.phase, "case", {"b": case.batch, "s": case.seq_len})
