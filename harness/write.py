"""Writes JSON files, whole or not at all."""

import json
import os
from pathlib import Path
from typing import Any

from roofprof.errors import RoofprofError


def write_json(path: Path, data: dict[str, Any]) -> None:
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
