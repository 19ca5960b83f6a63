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
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar, cast, overload

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
        """The function inside this mark, at each of its calls; of generators and coroutines, while they run."""
        if isinstance(function, classmethod | staticmethod):
            return cast(F, type(function)(self(function.__func__)))
        if isinstance(function, type):  # its instances must stay instances of it
            warnings.warn(f"roofprof: {function.__name__} is a class and is not marked: mark a method", stacklevel=2)
            return cast(F, function)
        return functools.wraps(function)(_marked(self, function))  # type: ignore[return-value]


def _marked(mark: _Active, function: Callable[..., Any]) -> Callable[..., Any]:
    import inspect

    def plain(*args: Any, **kwargs: Any) -> Any:
        with mark:
            return function(*args, **kwargs)

    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        with mark:
            return await function(*args, **kwargs)

    def generator(*args: Any, **kwargs: Any) -> Any:
        return _stepped(mark, function(*args, **kwargs))

    def async_generator(*args: Any, **kwargs: Any) -> Any:
        return _async_stepped(mark, function(*args, **kwargs))

    if inspect.iscoroutinefunction(function):
        return coroutine
    if inspect.isasyncgenfunction(function):
        return async_generator
    return generator if inspect.isgeneratorfunction(function) else plain


def _stepped(mark: _Active, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """A generator whose own code runs inside the mark, and what its caller does between two items outside."""
    step: Callable[[], Any] = functools.partial(next, steps)
    try:
        while True:
            with mark:
                try:
                    item = step()
                except StopIteration as end:
                    return end.value
            try:
                step = functools.partial(steps.send, (yield item))
            except GeneratorExit:
                raise
            except BaseException as error:
                step = functools.partial(steps.throw, error)
    finally:
        steps.close()


async def _async_stepped(mark: _Active, steps: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    """The same of an asynchronous one."""
    step = steps.asend(None)
    try:
        while True:
            with mark:
                try:
                    item = await step
                except StopAsyncIteration:
                    return
            try:
                step = steps.asend((yield item))
            except GeneratorExit:
                raise
            except BaseException as error:
                step = steps.athrow(error)
    finally:
        await steps.aclose()


_NOTHING = _Mark()
_active = profiled(os.environ)
_lock, _open = threading.Lock(), [0]


@overload
def region(name: str | None = None) -> _Mark: ...
@overload
def region(name: F) -> F: ...
def region(name: object = None) -> object:
    """The part of a program to profile: `roofprof capture` leaves out what lies outside.

    Calls cudaProfilerStart and cudaProfilerStop; regions inside one another are one.

    Args:
        name: of an NVTX range around it, such as decode_step; none by default. `@region` without brackets marks the
            function without a range.
    """
    if callable(name):
        return region()(name)
    return _NOTHING if not _active else _Active(None if name is None else _legal(name), True)


@overload
def op(name: str, formula: str | None = None, **sizes: int | float | str) -> _Mark: ...
@overload
def op(name: F) -> F: ...
def op(name: object, formula: str | None = None, **sizes: int | float | str) -> object:
    """An op: what is launched inside becomes a row of the analysis.

    Args:
        name: of the op, such as o_proj. `@op` without brackets takes the function's.
        formula: what its FLOPs and bytes follow from, such as gemm; see `roofprof.formulas.models.FORMULAS`.
        sizes: the letters of the formula (`m=64`), and `precision` and `output` (`"bf16"`).
    """
    if callable(name):
        return op(getattr(name, "__name__", type(name).__name__))(name)
    return _NOTHING if not _active else _Active(_op_name(str(name), formula, sizes), False)


def _op_name(name: str, formula: str | None, sizes: Mapping[str, int | float | str]) -> str:
    try:
        return format_range_name(name, formula, sizes if formula else None)
    except (RangeNameError, TypeError, ValueError) as error:
        # A program must not fail for being profiled.
        warnings.warn(f"roofprof.op: {error}", stacklevel=3)
        return _legal(name)


def _legal(name: object) -> str:
    return _ILLEGAL.sub("_", str(name)) or "_"


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
