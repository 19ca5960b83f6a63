"""Which folders of a capture are of ranks; without what an analysis of ranks needs, for every input is asked it."""

import os
import re
from pathlib import Path

from roofprof.formats.manifest import MANIFEST

_FOLDER = re.compile(r"rank(\d{3,6})")


def rank_folders(folder: Path) -> dict[int, Path]:
    """The captures of ranks in a folder, by rank."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return {}
    found = [(match, Path(entry.path)) for entry in entries if (match := _FOLDER.fullmatch(entry.name))]
    return {int(match[1]): path for match, path in found if os.path.lexists(path / MANIFEST)}


def is_of_ranks(folder: Path) -> bool:
    """Whether a folder is a capture over ranks."""
    return not os.path.lexists(folder / MANIFEST) and bool(rank_folders(folder))
