"""Files that are written whole or not at all."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, Union

from roofprof.errors import RoofprofError

Json: TypeAlias = Union[bool, int, float, str, Sequence["Json"], Mapping[str, "Json"], None]  # noqa: UP007
"""What a JSON document may hold."""


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a file beside `path`, then put it in its place; the folder is made.

    Raises:
        OSError: the folder cannot be made, or the file not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    write(partial)
    return partial.replace(path)


def write_json(path: Path, data: Mapping[str, object]) -> None:
    """Write a JSON file.

    Raises:
        RoofprofError: it cannot be written.
    """
    draft = path.with_name(path.name + ".part")
    try:
        draft.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        os.replace(draft, path)
    except OSError as error:
        raise RoofprofError(f"cannot write {path}: {error.strerror}") from error
