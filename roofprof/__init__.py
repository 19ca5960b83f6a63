"""roofprof: rooflines of LLM kernels from measured hardware counters.

`analyze(paths)` reads captures and ncu reports, `load_report(path)` a saved report.json; both give a `RooflineReport`.
`region()` and `op()` mark a program that is to be captured.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from roofprof.annotate import op, region
    from roofprof.pipeline.api import analyze
    from roofprof.results.report import RooflineReport, load_report

__all__ = ["RooflineReport", "__version__", "analyze", "load_report", "op", "region"]

_HOMES = {
    "RooflineReport": "roofprof.results.report",
    "analyze": "roofprof.pipeline.api",
    "load_report": "roofprof.results.report",
    "op": "roofprof.annotate",
    "region": "roofprof.annotate",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for, so that the command line starts without polars (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
