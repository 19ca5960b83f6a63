"""The one way in which roofprof opens a file that others made, and the one in which it writes a file of its own.

Read are regular files up to a size, never a FIFO or a device; written are whole files or none.
"""

import contextlib
import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import NoReturn, TypeAlias, Union

from roofprof.errors import ReportError, RoofprofError

Json: TypeAlias = Union[bool, int, float, str, Sequence["Json"], Mapping[str, "Json"], None]  # noqa: UP007
"""What a JSON document may hold."""

_LFS_POINTER = b"version https://git-lfs"
"""What the text begins with that stands for a file which Git LFS has not fetched."""
MAX_BYTES = 1 << 30
"""Of a file that is read into memory: report.json of 500,000 launches is about that large."""
_KINDS = (
    (stat.S_ISDIR, errno.EISDIR, "it is a folder"),
    (stat.S_ISFIFO, errno.EINVAL, "it is a FIFO, not a regular file"),
    (stat.S_ISCHR, errno.EINVAL, "it is a device, not a regular file"),
    (stat.S_ISBLK, errno.EINVAL, "it is a device, not a regular file"),
    (stat.S_ISSOCK, errno.EINVAL, "it is a socket, not a regular file"),
)


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; never waits for the other end of a FIFO, never touches a device.

    Raises:
        OSError: not there, not readable, or no regular file: `strerror` says what it is.
        ReportError: a pointer of Git LFS in place of the file.
    """
    _check_regular(path, os.stat(path).st_mode)
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _check_regular(path, os.fstat(file).st_mode)  # once more: another file may have taken its place
    except BaseException:
        os.close(file)
        raise
    opened = open(file, "rb")  # noqa: SIM115 - the caller closes it
    try:
        if opened.peek(len(_LFS_POINTER)).startswith(_LFS_POINTER):
            raise ReportError(f"{path} is a pointer of Git LFS, not the file itself", "run: git lfs pull")
    except BaseException:
        opened.close()
        raise
    return opened


def check_regular(path: Path) -> None:
    """Refuse what is no regular file, before another library opens it.

    Raises:
        OSError: as `open_regular`.
    """
    open_regular(path).close()


def _check_regular(path: Path, mode: int) -> None:
    for is_kind, number, words in _KINDS:
        if is_kind(mode):
            raise OSError(number, words, str(path))


def sha256_of(path: Path) -> str:
    """The SHA-256 of a regular file, in hexadecimal digits.

    Raises:
        OSError: as `open_regular`.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_text(path: Path, hint: str | None, max_bytes: int = MAX_BYTES) -> str:
    """The content of a regular UTF-8 file.

    Raises:
        ReportError: it cannot be read, is larger than `max_bytes`, or is not UTF-8; with `hint`.
    """
    try:
        with open_regular(path) as file:
            data = file.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise ReportError(f"cannot read {path}: {cause(error)}", hint) from None
    if len(data) > max_bytes:
        raise ReportError(f"{path} is larger than {max_bytes >> 20} MiB", hint)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ReportError(f"{path} is not UTF-8: byte {error.start} is {data[error.start]:#04x}", hint) from None


def read_json(path: Path, hint: str | None) -> dict[str, object]:
    """The object in a JSON file; NaN and Infinity are no JSON.

    Raises:
        ReportError: it cannot be read, or holds something else; with `hint`.
    """
    text = read_text(path, hint)
    try:
        data: object = parse_json(text)
    except ValueError as error:
        raise ReportError(f"{path} is not JSON: {error}", hint) from None
    if not isinstance(data, dict):
        raise ReportError(f"{path} does not hold a JSON object", hint)
    return data


def parse_json(text: str) -> object:
    """What a JSON text holds.

    Raises:
        ValueError: not JSON; NaN, Infinity and what is nested too deep to be read are none.
    """
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # Python's words for a long integer name a setting of its own
        raise ValueError("a number has too many digits" if "integer string" in str(error) else error) from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def read_toml(path: Path, hint: str | None) -> dict[str, object]:
    """The tables of a TOML file.

    Raises:
        ReportError: it cannot be read, or is not TOML; with `hint`.
    """
    import tomllib

    text = read_text(path, hint, 64 << 20)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits and deep nesting are no TOML errors
        words = "nested too deep" if isinstance(error, RecursionError) else error
        raise ReportError(f"{path} is not valid TOML: {words}", hint) from None


def cause(error: Exception) -> str:
    """What the system says of a failed operation, without the file's name."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def plain_name(path: Path | str) -> str:
    """A path as text for outputs; bytes that are not UTF-8 become replacement characters."""
    return os.fsencode(path).decode("utf-8", "replace")


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
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise RoofprofError(f"cannot write {path}: {cause(error)}", hint) from None


def write_json(path: Path, data: Mapping[str, object], hint: str | None = None) -> Path:
    """Write a JSON file, whole or not at all.

    Raises:
        RoofprofError: it cannot be written; with `hint`.
    """
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    return write_output(path, lambda partial: partial.write_text(text, encoding="utf-8"), hint)
