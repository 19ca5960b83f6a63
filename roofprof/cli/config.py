"""`roofprof config`: what commands take from a config file, and from which."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from roofprof.cli.shared_options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from roofprof.configuration.config import Config

DEFAULT = "default"


def config_command(as_json: JsonOption = False) -> None:
    """Show the config file's settings, the defaults of the others, and which file is read."""
    from roofprof.cli.settings import config

    found = config()
    for checked in (found.gpu, found.ops, found.ceilings):  # what a command would refuse
        checked()
    if as_json:
        _print_json(found)
        return
    _print(found)


def _defaults() -> "Mapping[str, str]":
    """What holds without a file, for keys that have such a value."""
    from roofprof.changes.gated import USUAL
    from roofprof.hardware.devices import DEFAULT_GPU

    return {"gpu": DEFAULT_GPU, "gate.on": USUAL}


def _rows(found: "Config") -> list[tuple[str, str | float | None, str]]:
    """Key, value and where it is from."""
    origin = str(found.path)
    return [
        (key, _defaults().get(key), DEFAULT) if value is None else (key, value, origin)
        for key, value in found.settings.items()
    ]


def _print_json(found: "Config") -> None:
    import json

    document = {
        "schema_version": 1,
        "file": None if found.path is None else str(found.path),
        "not_read": None if found.beside is None else str(found.beside),
        "settings": {key: {"value": value, "from": origin} for key, value, origin in _rows(found)},
    }
    print(json.dumps(document, ensure_ascii=False))


def _print(found: "Config") -> None:
    from roofprof.formatting import printable

    if found.path is None:
        print(f"note: {_why_none()}", file=sys.stderr)
    rows = [("key", "value", "from")] + [
        (key, "none" if value is None else printable(str(value)), printable(origin))
        for key, value, origin in _rows(found)
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for key, value, origin in rows:
        print(f"{key:<{widths[0]}}  {value:<{widths[1]}}  {origin}")


def _why_none() -> str:
    from roofprof.cli.settings import is_off
    from roofprof.configuration.find import CONFIG_FILE, PYPROJECT, TABLE, searched_folders
    from roofprof.formatting import printable

    if is_off():
        return "--no-config: no file is read"
    *_, last = searched_folders(Path.cwd())
    return f"no {CONFIG_FILE}, and no {TABLE} in a {PYPROJECT}, from here up to {printable(str(last))}"
