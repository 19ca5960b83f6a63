"""What -o names: a file whose suffix says the format, or a directory for all formats that belong there."""

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, TypeVar

from roofprof.errors import UsageError

if TYPE_CHECKING:
    from roofprof.reports.outputs.registry import Output

T = TypeVar("T")


def write_to(outputs: "Sequence[Output[T]]", items: Sequence[T], output: Path) -> list[Path]:
    """Write one file, or every format of a folder.

    Args:
        outputs: the formats, from the registry.
        items: analyses, comparisons or diffs.
        output: what -o names.

    Raises:
        RoofprofError: something cannot be written.
    """
    from roofprof.reports.outputs.registry import is_folder, required_output, write_folder

    if is_folder(outputs, output):
        return write_folder(outputs, items, output)
    return required_output(outputs, output).write(items, output)


def check_output(outputs: "Sequence[Output[T]]", output: Path) -> None:
    """Refuse a file of no format; before anything is read.

    Raises:
        UsageError: with the suffixes that there are.
    """
    from roofprof.reports.outputs.registry import is_folder, required_output

    if not is_folder(outputs, output):
        required_output(outputs, output)


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
        if len(names) == 1:
            print(f"wrote {printable(str(folder / names[0]))}", file=sys.stderr)
            continue
        line = f"wrote {what_of(names)}: {printable(str(folder))}/{', '.join(names)}"
        for part in textwrap.wrap(
            line, get_terminal_size((100, 40)).columns, subsequent_indent="    ", break_on_hyphens=False
        ):
            print(part, file=sys.stderr)


def say_unmatched(only: str | None, found: bool) -> None:
    """Say on stderr that --only leaves nothing, which an empty table does not."""
    if only is not None and not found:
        print(f"note: no op matches --only {only!r}", file=sys.stderr)


def what_of(names: Sequence[str]) -> str:
    """What files are, in words: `picture, tables`."""
    kinds = ["picture" if Path(name).suffix in (".png", ".svg", ".pdf") else "tables" for name in names]
    return ", ".join(kind for kind in ("picture", "tables") if kind in kinds)
