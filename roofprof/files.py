"""Files that are written whole or not at all: the one way in which roofprof writes a file."""

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, Union

from roofprof.errors import RoofprofError

Json: TypeAlias = Union[bool, int, float, str, Sequence["Json"], Mapping[str, "Json"], None]  # noqa: UP007
"""What a JSON document may hold."""


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a file of a name of its own in the same folder, then rename it; the folder is made.

    Whatever happens, readers see the old file or the new one, and nothing half-written stays. Two writers of one
    path do not meet: the last to finish wins.

    Args:
        path: the file to make or replace.
        write: gets the path of an empty file with the same suffix.

    Raises:
        OSError: the folder cannot be made, or the file not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem[:40]}.{os.getpid()}-{os.urandom(4).hex()}.partial{path.suffix[:16]}")
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        write(partial)
        return partial.replace(path)
    except BaseException:  # Ctrl-C too
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def write_output(path: Path, write: Callable[[Path], object], hint: str | None = "choose another path with -o") -> Path:
    """Write a file that the user asked for, whole or not at all.

    Raises:
        RoofprofError: it cannot be written; with `hint`.
    """
    try:
        return write_whole(path, write)
    except OSError as error:
        raise RoofprofError(f"cannot write {path}: {error.strerror or error}", hint) from None


def write_json(path: Path, data: Mapping[str, object], hint: str | None = None) -> Path:
    """Write a JSON file, whole or not at all.

    Raises:
        RoofprofError: it cannot be written; with `hint`.
    """
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    return write_output(path, lambda partial: partial.write_text(text, encoding="utf-8"), hint)
