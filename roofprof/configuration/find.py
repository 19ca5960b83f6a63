"""Which config file holds for a folder: the nearest one on the way up to the repository's root, or home."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roofprof.errors import ReportError
from roofprof.files import read_text, read_toml

CONFIG_FILE = "roofprof.toml"
PYPROJECT = "pyproject.toml"
TABLE = "[tool.roofprof]"
HINT = "docs/configuration.md lists the keys; --no-config reads no file"
_REPOSITORY = (".git", ".hg")


@dataclass(frozen=True, slots=True)
class Found:
    """A config file."""

    path: Path
    table: dict[str, object]
    """What it says: of a pyproject.toml its [tool.roofprof]."""
    beside: Path | None = None
    """A pyproject.toml whose [tool.roofprof] is not read, since a roofprof.toml stands beside it."""


def find_config(start: Path) -> Found | None:
    """The nearest roofprof.toml, or pyproject.toml with [tool.roofprof], from a folder upwards.

    Its path is the one from the current folder, where that is shorter than the whole.

    Raises:
        ReportError: it cannot be read, or is not TOML.
    """
    for folder in searched_folders(start):
        own, shared = (Path(_short(str(folder / name))) for name in (CONFIG_FILE, PYPROJECT))
        table = _tool_table(shared) if shared.is_file() else None
        if os.path.lexists(own):
            return Found(own, read_toml(own, HINT), None if table is None else shared)
        if table is not None:
            return Found(shared, table)
    return None


def searched_folders(start: Path) -> Iterator[Path]:
    """The folder itself and those above it, to the root of its repository, or to home.

    A folder in which everybody may make files, such as /tmp, ends the search too: another user's file in it is not for
    whoever works below.
    """
    home = Path(os.path.realpath(os.path.expanduser("~")))
    for folder in (start, *start.parents):
        if folder != start and _is_everybodys(folder):
            return
        yield folder
        if folder == home or any(os.path.lexists(folder / name) for name in _REPOSITORY):
            return


def named_config(path: Path) -> Found:
    """The config file of --config.

    Raises:
        ReportError: it cannot be read, is not TOML, or is a pyproject.toml without [tool.roofprof].
    """
    if path.name != PYPROJECT:
        return Found(path, read_toml(path, "give a TOML file of the form that docs/configuration.md shows"))
    table = _tool_table(path, required=True)
    if table is None:
        raise ReportError(f"{path} holds no {TABLE}", HINT)
    return Found(path, table)


def _tool_table(path: Path, required: bool = False) -> dict[str, object] | None:
    """[tool.roofprof] of a pyproject.toml; None without one. A file that does not name roofprof is not parsed."""
    if not required and "roofprof" not in read_text(path, HINT):
        return None
    tool = read_toml(path, HINT).get("tool")
    table = tool.get("roofprof") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ReportError(f"{path}: tool.roofprof: expected a table, {TABLE}", HINT)
    return table


def _short(path: str) -> str:
    return min(os.path.relpath(path), path, key=len)


def _is_everybodys(folder: Path) -> bool:
    try:
        mode = folder.stat().st_mode
    except OSError:
        return False
    return bool(mode & stat.S_ISVTX and mode & stat.S_IWOTH)
