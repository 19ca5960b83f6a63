"""Marks for users' own code: `roofprof.region()` around the steps to profile, `roofprof.op()` around their ops.

Both are context managers and decorators. Where no profiler is there, which is decided once, when this module is
imported, they do nothing and take some tenths of a microsecond; nothing here imports torch.
"""

import ctypes
import functools
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from roofprof.formulas.range_names import RangeNameError, format_range_name

DOMAIN = "roofprof"
"""NVTX domain of the ranges, where the nvtx package is there."""
CAPTURE = "ROOFPROF_CAPTURE"
"""Environment variable that `roofprof capture` sets for the workload; who profiles by other means may set it to 1."""
_INJECTED = ("NVTX_INJECTION64_PATH", "CUDA_INJECTION64_PATH")
_PREFIXES = ("NV_COMPUTE_PROFILER", "NV_NSIGHT", "NSYS_PROFILING", "QUADD_")
_ILLEGAL = re.compile(r"[^A-Za-z0-9_.:-]")
F = TypeVar("F", bound=Callable[..., Any])


def profiled(environment: Mapping[str, str]) -> bool:
    """Whether the variables of a process say that a profiler is in it."""
    if CAPTURE in environment:
        return environment[CAPTURE] not in ("", "0")
    return any(name in environment for name in _INJECTED) or any(name.startswith(_PREFIXES) for name in environment)


@dataclass(frozen=True, slots=True)
class NvtxCalls:
    """How ranges are pushed and popped here."""

    domain: str | None
    """None for the default one."""
    push: Callable[[str], object]
    pop: Callable[[], object]


def nvtx_calls() -> NvtxCalls | None:
    """The nvtx package, else torch where it is loaded, else NVIDIA's library; None where there is none of them."""
    try:
        import nvtx

        return NvtxCalls(
            DOMAIN, lambda name: nvtx.push_range(name, domain=DOMAIN), lambda: nvtx.pop_range(domain=DOMAIN)
        )
    except ImportError:
        pass
    torch = sys.modules.get("torch")
    # A torch without CUDA has the functions too, and they raise.
    if torch is not None and getattr(getattr(torch, "version", None), "cuda", "unknown") is not None:
        return NvtxCalls(None, torch.cuda.nvtx.range_push, torch.cuda.nvtx.range_pop)
    try:
        library = ctypes.CDLL("libnvToolsExt.so.1")
        return NvtxCalls(None, lambda name: library.nvtxRangePushA(name.encode()), library.nvtxRangePop)
    except (OSError, AttributeError):
        return None


class _Mark:
    """What does nothing: the one object of it stands for every mark where nothing profiles."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    def __call__(self, function: F) -> F:
        """The function as it is."""
        return function


class _Active(_Mark):
    """A mark that is set, of a name that may be None."""

    __slots__ = ("_name", "_region")

    def __init__(self, name: str | None, region: bool) -> None:
        self._name, self._region = name, region

    def __enter__(self) -> None:
        if self._region:
            _count_regions(1)
        if self._name is not None and (calls := _calls()):
            calls.push(self._name)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._name is not None and (calls := _calls()):
            calls.pop()
        if self._region:
            _count_regions(-1)

    def __call__(self, function: F) -> F:
        """The function inside this mark, at each of its calls."""

        @functools.wraps(function)
        def marked(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return marked  # type: ignore[return-value]


_NOTHING = _Mark()
_active = profiled(os.environ)
_lock, _open = threading.Lock(), [0]


def region(name: str | None = None) -> _Mark:
    """The part of a program to profile: `roofprof capture` leaves out what lies outside.

    Calls cudaProfilerStart and cudaProfilerStop; regions inside one another are one.

    Args:
        name: of an NVTX range around it, such as decode_step; none by default.
    """
    return _NOTHING if not _active else _Active(None if name is None else _legal(name), True)


def op(name: str, formula: str | None = None, **sizes: int | float | str) -> _Mark:
    """An op: what is launched inside becomes a row of the analysis.

    Args:
        name: of the op, such as o_proj.
        formula: what its FLOPs and bytes follow from, such as gemm; see `roofprof.formulas.models.FORMULAS`.
        sizes: the letters of the formula (`m=64`), and `precision` and `output` (`"bf16"`).
    """
    return _NOTHING if not _active else _Active(_op_name(name, formula, sizes), False)


def _op_name(name: str, formula: str | None, sizes: Mapping[str, int | float | str]) -> str:
    try:
        return format_range_name(name, formula, sizes if formula else None)
    except (RangeNameError, TypeError, ValueError) as error:
        # A program must not fail for being profiled.
        warnings.warn(f"roofprof.op: {error}", stacklevel=3)
        return _legal(name)


def _legal(name: str) -> str:
    return _ILLEGAL.sub("_", name) or "_"


@functools.cache
def _calls() -> NvtxCalls | None:
    found = nvtx_calls()
    if found is None:
        warnings.warn("roofprof: no NVTX here, so ops are not marked: pip install nvtx", stacklevel=4)
    return found


def _count_regions(change: int) -> None:
    """Start or stop the profiler at the outermost region."""
    with _lock:
        before = _open[0]
        _open[0] += change
    if before == 0 and change > 0:
        _profiler("Start")
    elif before == 1 and change < 0:
        _profiler("Stop")


def _profiler(what: str) -> None:
    for library, name in _cuda_libraries():
        try:
            getattr(ctypes.CDLL(library), f"{name}Profiler{what}")()
            return
        except (OSError, AttributeError):
            continue
    warnings.warn(f"roofprof.region: no CUDA library to call cudaProfiler{what} of", stacklevel=4)


def _cuda_libraries() -> list[tuple[str, str]]:
    """CUDA's runtime and driver as they are loaded in this process, then the driver by name; with their prefixes."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            loaded = {line.split(maxsplit=5)[5].strip() for line in maps if line.count("/")}
    except (OSError, IndexError):
        loaded = set()
    runtime = sorted(path for path in loaded if os.path.basename(path).startswith("libcudart.so"))
    driver = sorted(path for path in loaded if os.path.basename(path).startswith("libcuda.so"))
    return [*((path, "cuda") for path in runtime), *((path, "cu") for path in (*driver, "libcuda.so.1"))]
