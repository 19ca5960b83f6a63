"""Where the nsys traces of a capture lie."""

from pathlib import Path

from roofprof.errors import RoofprofError

NSYS_FOLDER = "nsys"
"""Of a capture's directory: one .sqlite a run."""


def find_traces(path: Path) -> list[Path]:
    """The traces that a path means: itself, or those of a capture's directory, in the order of name.

    Raises:
        RoofprofError: no such path, or a directory without a trace.
    """
    if not path.exists():
        raise RoofprofError(f"there is no {path}", "give a capture's directory, or an nsys trace")
    if not path.is_dir() or any(path.glob("*.parquet")):
        return [path]
    for folder in (path / NSYS_FOLDER, path):
        for suffix in (".sqlite", ".nsys-rep"):
            if found := sorted(folder.glob(f"*{suffix}")):
                return found
        if found := sorted(child for child in folder.glob("*/") if any(child.glob("*.parquet"))):
            return found
    raise RoofprofError(
        f"{path} holds no nsys trace",
        "a capture has them in nsys/, unless it was made with --no-nsys",
    )
