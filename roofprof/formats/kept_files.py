"""Whether a capture's files are still those that its manifest records."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from roofprof.files import sha256_of
from roofprof.findings import Finding, Severity
from roofprof.formats.manifest import MANIFEST, Run

_HINT = "copy the capture again, or capture again"


def file_findings(folder: Path, runs: Sequence[Run]) -> list[Finding]:
    """What differs between files and manifest: those that are gone, those of another size or content.

    A file that cannot be read is left to its reader, who says so.

    Args:
        folder: the capture.
        runs: of every profiler.
    """
    kept = [run for run in runs if run.file]
    found = [finding for run in kept for finding in _of_file(folder, run)]
    unrecorded = [str(run.file) for run in kept if run.sha256 is None]
    if unrecorded:
        message = f"the manifest of {folder.name} records no checksum of {len(unrecorded)} of its {len(kept)} files"
        hint = "whether they are the files that were captured is not known; captures of this version record it"
        found.append(Finding("unrecorded-files", Severity.INFO, message, hint, values={"files": unrecorded}))
    return found


def _of_file(folder: Path, run: Run) -> Iterator[Finding]:
    name = str(run.file)
    path, values = folder / name, {"file": name}
    if not os.path.exists(path):
        message = f"{name} is not there, although the capture in {folder.name} recorded it"
        yield Finding("missing-file", Severity.WARNING, message, _HINT, values=values)
        return
    try:
        size = os.path.getsize(path)
        if run.bytes is not None and size != run.bytes:
            message = f"{name} is not the file that was captured: {size} bytes, {run.bytes} were recorded"
        elif run.sha256 is not None and sha256_of(path) != run.sha256.lower():
            message = f"{name} is not the file that was captured: its SHA-256 is not that in {MANIFEST}"
        else:
            return
    except OSError:
        return
    yield Finding("altered-file", Severity.WARNING, message, _HINT, values=values)


def launch_finding(path: Path, read: int, recorded: int) -> Finding:
    """A report that holds another number of launches than were captured."""
    message = f"{path.name} holds {read} launches, {recorded} were recorded when it was captured"
    values = {"file": path.name, "launch_count": read, "recorded_launch_count": recorded}
    return Finding("altered-file", Severity.WARNING, message, _HINT, values=values)
