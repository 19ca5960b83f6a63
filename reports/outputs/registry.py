"""Finds the formats that results are written in: the one registry behind -o of analyze, report, compare and diff.

A format is a module in `reports/outputs/analysis`, `comparison` or `diff` with

- `SUFFIXES`: of the files that `-o FILE` names, lower case with the dot; empty where no suffix means this format;
- `FOLDER_FILES`: what it adds to the folder of `-o DIR`; may be left out;
- `write(items, path)`: writes one file and gives the paths written;
- `write_by_phase(items, path)`: the same, one file per phase; may be left out.

Such a module imports what it needs when it writes, so that looking for a suffix costs nothing.
"""

import os
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from roofprof.errors import RoofprofError, UsageError
from roofprof.files import cause

if TYPE_CHECKING:
    from roofprof.document.comparison import Comparison
    from roofprof.reports.tables.diff import ShownDiff
    from roofprof.results.report import RooflineReport

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Output(Generic[T]):
    """One format."""

    name: str
    suffixes: tuple[str, ...]
    folder_files: tuple[str, ...]
    write: Callable[[Sequence[T], Path], list[Path]]
    write_by_phase: Callable[[Sequence[T], Path], list[Path]] | None = None


def analysis_outputs() -> "tuple[Output[RooflineReport], ...]":
    """Every format of an analysis."""
    return _discover("roofprof.reports.outputs.analysis")


def comparison_outputs() -> "tuple[Output[Comparison], ...]":
    """Every format of a comparison."""
    return _discover("roofprof.reports.outputs.comparison")


def diff_outputs() -> "tuple[Output[ShownDiff], ...]":
    """Every format of a diff."""
    return _discover("roofprof.reports.outputs.diff")


def output_for(outputs: Sequence[Output[T]], path: Path) -> Output[T] | None:
    """The format that a file's suffix means, in either case; None where none does."""
    return next((output for output in outputs if path.suffix.lower() in output.suffixes), None)


def required_output(outputs: Sequence[Output[T]], path: Path) -> Output[T]:
    """The same for a file that has to have a format.

    Raises:
        UsageError: no format is written under this suffix.
    """
    if found := output_for(outputs, path):
        return found
    known = ", ".join(suffix for output in outputs for suffix in output.suffixes)
    raise UsageError(f"unknown output format: {path.name!r}", f"give -o a name ending in {known}")


_OF_FILES = frozenset(
    (".bmp", ".csv", ".doc", ".docx", ".eps", ".gif", ".htm", ".html", ".jpeg", ".jpg", ".json", ".md", ".parquet",
     ".pdf", ".png", ".ps", ".svg", ".tex", ".tif", ".tiff", ".tsv", ".txt", ".webp", ".xls", ".xlsx")
)  # fmt: skip
"""Suffixes by which nobody means a folder; names as `v1.2` may be one."""


def is_folder(outputs: Sequence[Output[T]], path: Path) -> bool:
    """Whether `-o PATH` means a folder: one that is there, or a name without a file's suffix."""
    if os.path.isdir(path):
        return True
    return output_for(outputs, path) is None and path.suffix.lower() not in _OF_FILES


def write_folder(outputs: Sequence[Output[T]], items: Sequence[T], folder: Path) -> list[Path]:
    """Write every format that belongs to a folder of results.

    Raises:
        RoofprofError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise RoofprofError(f"cannot write to {folder}: {cause(error)}", "choose another folder with -o") from None
    return [path for output in outputs for name in output.folder_files for path in output.write(items, folder / name)]


def single(items: Sequence[T], path: Path) -> T:
    """The one result that a format can hold.

    Raises:
        UsageError: there are several.
    """
    if len(items) != 1:
        raise UsageError(f"{path.name} holds one analysis", "analyze the captures together, then report that")
    return items[0]


def _discover(package: str) -> tuple[Output[T], ...]:
    found: list[Output[T]] = []
    for info in pkgutil.iter_modules(import_module(package).__path__):
        module = import_module(f"{package}.{info.name}")
        by_phase = getattr(module, "write_by_phase", None)
        found.append(Output(info.name, module.SUFFIXES, getattr(module, "FOLDER_FILES", ()), module.write, by_phase))
    return tuple(found)
