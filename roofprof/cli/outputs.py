"""-o of analyze, report and compare: a file whose suffix says the format, or a directory for all that belong there."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from roofprof.errors import UsageError

if TYPE_CHECKING:
    from roofprof.reports.outputs.registry import Output

T = TypeVar("T")


def write_to(outputs: "Sequence[Output[T]]", items: Sequence[T], output: Path) -> list[Path]:
    """Write one file, or every format of a folder.

    Args:
        outputs: the formats, from the registry.
        items: analyses or comparisons.
        output: what -o names.

    Raises:
        RoofprofError: something cannot be written.
    """
    from roofprof.reports.outputs.registry import is_folder, required_output, write_folder

    if is_folder(outputs, output):
        return write_folder(outputs, items, output)
    return required_output(outputs, output).write(items, output)


def check_folder(output: Path) -> None:
    """Refuse a file where several pictures are asked for; before anything is read.

    Raises:
        UsageError: -o names a file.
    """
    from roofprof.reports.outputs.registry import analysis_outputs, is_folder

    if not is_folder(analysis_outputs(), output):
        raise UsageError("--plots and --by-phase write several files", "give a directory with -o")


def say_written(paths: Sequence[Path]) -> None:
    """Name the files on stderr, by folder."""
    from roofprof.formatting import printable

    folders: dict[Path, list[str]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path.name)
    for folder, names in folders.items():
        words = f"{', '.join(names)} to {folder}" if len(names) > 1 else str(folder / names[0])
        print(f"wrote {printable(words)}", file=sys.stderr)
