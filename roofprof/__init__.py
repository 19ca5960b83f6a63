"""roofprof: rooflines of LLM kernels from measured hardware counters.

`analyze(paths)` reads captures and ncu reports, `load(path)` a saved analysis too; both give a `Report`. `diff(a, b)`
compares two, `formulas` and `gpus` stand alone. docs/library.md declares what is stable.
`region()` and `op()` mark a program that is to be captured.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from roofprof import formulas
    from roofprof.annotate import op, region
    from roofprof.library.diff import DiffReport, diff
    from roofprof.library.gpus import gpus
    from roofprof.library.report import Report, analyze, load
    from roofprof.results.report import RooflineReport, load_report

__all__ = [
    "DiffReport", "Report", "RooflineReport", "__version__", "analyze", "diff", "formulas", "gpus", "load",
    "load_report", "op", "region",
]  # fmt: skip

_HOMES = {
    "DiffReport": "roofprof.library.diff",
    "Report": "roofprof.library.report",
    "RooflineReport": "roofprof.results.report",
    "analyze": "roofprof.library.report",
    "diff": "roofprof.library.diff",
    "gpus": "roofprof.library.gpus",
    "load": "roofprof.library.report",
    "load_report": "roofprof.results.report",
    "op": "roofprof.annotate",
    "region": "roofprof.annotate",
}
_PACKAGES = ("formulas",)


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for, so that the command line starts without polars (PEP 562)."""
    from importlib import import_module

    if name in _PACKAGES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
