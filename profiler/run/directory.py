"""A capture directory while it is being written: who holds it, what is raw, what is done."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from roofprof.errors import RoofprofError, UsageError
from roofprof.files import Json

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
WORK = ".partial"
"""Holds raw files while a capture runs."""
_LOCK = ".lock"
"""Locked by the capture that writes the directory, for as long as it lives."""
_RESERVE_BYTES = 1 << 20
_MIN_START_BYTES = 256 << 20
_OURS = ("harness", "logs", MANIFEST, WORK, "selfcheck", "selfcheck.json", "calibration.json")
"""What a capture may hold beside the folders of its profilers."""


@dataclass(frozen=True, slots=True)
class CaptureDirectory:
    """Finished files lie where the manifest says; whatever is raw or half-written lies in `work` alone."""

    path: Path
    created: bool
    """Whether this capture made the directory."""
    lock: int
    """Descriptor of the lock file."""

    @property
    def work(self) -> Path:
        """Holds raw files, readable by this user alone; gone when the capture ends."""
        return self.path / WORK

    def keep(self, raw: Path, name: str) -> None:
        """Move a finished, scrubbed file from `work` to its place, whole or not at all."""
        target = self.path / name
        target.parent.mkdir(exist_ok=True)
        with raw.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(raw, target)

    def recorded(self, name: str) -> dict[str, Json]:
        """What the manifest says of a kept file, so that one that was cut or exchanged later is found out.

        Returns:
            `sha256` in hexadecimal digits, and `bytes`.

        Raises:
            OSError: it cannot be read.
        """
        with (self.path / name).open("rb") as file:
            return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": os.fstat(file.fileno()).st_size}

    def keep_text(self, text: str, name: str) -> None:
        """Write a finished text file, whole or not at all."""
        raw = self.work / "text"
        raw.write_text(text, encoding="utf-8", errors="replace")
        self.keep(raw, name)

    def write_manifest(self, manifest: Mapping[str, Json]) -> None:
        """Replace the manifest by a newer one."""
        self.keep_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", MANIFEST)

    def free_reserve(self) -> None:
        """Give back the space held for the last files of a capture that filled the disk."""
        (self.work / "reserve").unlink(missing_ok=True)

    def close(self) -> None:
        """Remove everything raw, and let others in."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Let others in."""
        with contextlib.suppress(OSError):
            (self.path / _LOCK).unlink()
        os.close(self.lock)

    def discard(self) -> None:
        """Remove a directory that this capture made and left without content."""
        self.close()
        if self.created:
            with contextlib.suppress(OSError):
                self.path.rmdir()


def check_directory(path: Path, force: bool, folders: Collection[str]) -> None:
    """Refuse a directory that must not be written to; changes nothing.

    Args:
        folders: those that the profilers of a capture fill.

    Raises:
        UsageError: it holds something, or another capture is at work in it.
        RoofprofError: it cannot be made, or the disk is nearly full.
    """
    hint = "give another one with -o, or --force to replace a capture"
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file", "give a directory with -o")
    if path.is_dir():
        if _holder(path) not in (None, os.getpid()):
            raise UsageError(_in_use(path), "give another one with -o")
        content = sorted(p.name for p in path.iterdir() if p.name != _LOCK)
        ours = all(name in (*_OURS, *folders) for name in content)
        if content and not (ours and (force or _worthless(path, folders))):
            raise UsageError(f"{path} is not empty", hint if ours else "give another one with -o")
    parent = next(p for p in (path, *path.absolute().parents) if p.is_dir())
    if not os.access(parent, os.W_OK):
        raise RoofprofError(f"cannot write to {parent}", "give another directory with -o")
    if shutil.disk_usage(parent).free < _MIN_START_BYTES:
        raise RoofprofError(f"less than 256 MB are free on the disk of {parent}", "free some space, or use -o")


def claim_directory(path: Path, force: bool, folders: Collection[str], keep: bool = False) -> CaptureDirectory:
    """Make the directory this capture's own; what an earlier capture left in it goes, unless it is to be kept.

    Of several captures that claim a directory at once, one gets it, and nothing of that one is touched.

    Raises:
        UsageError, RoofprofError: see `check_directory`.
    """
    force = force or keep
    check_directory(path, force, folders)
    created = not path.exists()
    try:
        lock = _lock(path)
    except OSError as error:
        raise RoofprofError(f"cannot write to {path}: {error.strerror}", "give another directory with -o") from error
    directory = CaptureDirectory(path, created, lock)
    try:
        check_directory(path, force, folders)  # once more: another capture may have come and gone since
        for name in sorted(p.name for p in path.iterdir() if p.name != _LOCK):
            if not keep or name == WORK:
                _remove(path / name)
        directory.work.mkdir(mode=0o700)
        (directory.work / "pid").write_text(str(os.getpid()), encoding="ascii")
        with (directory.work / "reserve").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, _RESERVE_BYTES)
    except RoofprofError:
        directory.release()
        raise
    except OSError as error:
        directory.discard()
        raise RoofprofError(f"cannot write to {path}: {error.strerror}", "give another directory with -o") from error
    return directory


def _lock(path: Path) -> int:
    """Lock the directory, made where it is missing; the kernel frees the lock of a process that dies.

    Raises:
        UsageError: another capture has it.
    """
    while True:
        path.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            continue  # removed by a capture that ended without content
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise UsageError(_in_use(path), "give another one with -o") from None
        except OSError as error:
            # A file system without locks is left with the check by process id.
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                os.close(lock)
                raise
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path / _LOCK).st_ino == os.fstat(lock).st_ino:
                return lock
        os.close(lock)  # the file was removed by its holder before we had it


def _in_use(path: Path) -> str:
    holder = _holder(path)
    return f"{path} is in use by another capture" + (f" (process {holder})" if holder is not None else "")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _holder(path: Path) -> int | None:
    """The live process that is capturing into the directory."""
    try:
        pid = int((path / WORK / "pid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    try:
        os.kill(pid, 0)
    except PermissionError:
        return pid  # somebody else's, and alive
    except OSError:
        return None
    return pid


def _worthless(path: Path, folders: Collection[str]) -> bool:
    """Whether an earlier capture here failed, or was killed before it had anything."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return not any(file for name in folders for file in (path / name).glob("*"))
    return isinstance(manifest, dict) and manifest.get("state") == "failed"
