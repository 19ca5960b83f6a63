"""A capture directory while it is being written: who holds it, what is raw, what is done."""

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roofprof.errors import RoofprofError, UsageError

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
_WORK = ".partial"
_RESERVE_BYTES = 1 << 20
_MIN_START_BYTES = 256 << 20
_OF_SELFCHECK = ("selfcheck", "selfcheck.json", "calibration.json")
_OURS = ("ncu", "nsys", "harness", "logs", MANIFEST, _WORK, *_OF_SELFCHECK)


@dataclass(frozen=True, slots=True)
class CaptureDirectory:
    """Finished files lie where the manifest says; whatever is raw or half-written lies in `work` alone."""

    path: Path
    created: bool
    """Whether this capture made the directory."""

    @property
    def work(self) -> Path:
        """Holds raw files, readable by this user alone; gone when the capture ends."""
        return self.path / _WORK

    def keep(self, raw: Path, name: str) -> None:
        """Move a finished, scrubbed file from `work` to its place, whole or not at all."""
        target = self.path / name
        target.parent.mkdir(exist_ok=True)
        with raw.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(raw, target)

    def keep_text(self, text: str, name: str) -> None:
        """Write a finished text file, whole or not at all."""
        raw = self.work / "text"
        raw.write_text(text, encoding="utf-8", errors="replace")
        self.keep(raw, name)

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replace the manifest by a newer one."""
        self.keep_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", MANIFEST)

    def free_reserve(self) -> None:
        """Give back the space held for the last files of a capture that filled the disk."""
        (self.work / "reserve").unlink(missing_ok=True)

    def close(self) -> None:
        """Remove everything raw."""
        shutil.rmtree(self.work, ignore_errors=True)

    def discard(self) -> None:
        """Remove a directory that this capture made and left without content."""
        self.close()
        if self.created:
            with contextlib.suppress(OSError):
                self.path.rmdir()


def check_directory(path: Path, force: bool) -> None:
    """Refuse a directory that must not be written to; changes nothing.

    Raises:
        UsageError: it holds something, or another capture is at work in it.
        RoofprofError: it cannot be made, or the disk is nearly full.
    """
    hint = "give another one with -o, or --force to replace a capture"
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file", "give a directory with -o")
    if path.is_dir():
        holder = _holder(path)
        if holder is not None:
            raise UsageError(f"{path} is in use by another capture (process {holder})", "give another one with -o")
        content = sorted(p.name for p in path.iterdir())
        ours = all(name in _OURS for name in content)
        if content and not (ours and (force or _worthless(path))):
            raise UsageError(f"{path} is not empty", hint if ours else "give another one with -o")
    parent = next(p for p in (path, *path.absolute().parents) if p.is_dir())
    if not os.access(parent, os.W_OK):
        raise RoofprofError(f"cannot write to {parent}", "give another directory with -o")
    if shutil.disk_usage(parent).free < _MIN_START_BYTES:
        raise RoofprofError(f"less than 256 MB are free on the disk of {parent}", "free some space, or use -o")


def claim_directory(path: Path, force: bool) -> CaptureDirectory:
    """Make the directory this capture's own; what an earlier capture left in it goes.

    Raises:
        UsageError, RoofprofError: see `check_directory`.
    """
    check_directory(path, force)
    directory = CaptureDirectory(path, created=not path.exists())
    try:
        path.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(directory.work, ignore_errors=True)
        directory.work.mkdir(mode=0o700)
        for name in _OURS:
            if name != _WORK:
                _remove(path / name)
        (directory.work / "pid").write_text(str(os.getpid()), encoding="ascii")
        with (directory.work / "reserve").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, _RESERVE_BYTES)
    except FileExistsError:
        raise UsageError(f"{path} is in use by another capture", "give another one with -o") from None
    except OSError as error:
        raise RoofprofError(f"cannot write to {path}: {error.strerror}", "give another directory with -o") from error
    return directory


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _holder(path: Path) -> int | None:
    """The live process that is capturing into the directory."""
    try:
        pid = int((path / _WORK / "pid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    try:
        os.kill(pid, 0)
    except PermissionError:
        return pid  # somebody else's, and alive
    except OSError:
        return None
    return pid


def _worthless(path: Path) -> bool:
    """Whether an earlier capture here failed, or was killed before it had anything."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return not any((path / "ncu").glob("*")) and not any((path / "nsys").glob("*"))
    return isinstance(manifest, dict) and manifest.get("state") == "failed"
