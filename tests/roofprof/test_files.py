"""Files are there whole or not at all, whoever fails, and whoever else writes."""

import hashlib
import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from roofprof.errors import ReportError, RoofprofError
from roofprof.files import (
    open_regular,
    plain_name,
    read_json,
    read_toml,
    sha256_of,
    write_json,
    write_output,
    write_whole,
)

WRITER = """
import sys
from pathlib import Path
from roofprof.files import write_whole
path, letter = Path(sys.argv[1]), sys.argv[2]
def write(partial):
    with partial.open("w") as file:
        for _ in range(200):
            file.write(letter * 1000)
            file.flush()
for _ in range(40):
    write_whole(path, write)
"""


def fail(partial: Path) -> None:
    partial.write_text("half of it")
    raise OSError(28, "No space left on device")


def interrupt(partial: Path) -> None:
    partial.write_text("half of it")
    raise KeyboardInterrupt


@pytest.mark.parametrize("writer", [fail, interrupt])
@pytest.mark.parametrize("before", [None, "the old file"])
def test_a_failing_writer_leaves_what_was_there(tmp_path: Path, writer, before: str | None) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "x.csv"
    if before is not None:
        path.write_text(before)
    with pytest.raises((OSError, KeyboardInterrupt)):
        write_whole(path, writer)
    assert [p.name for p in tmp_path.iterdir()] == (["x.csv"] if before else [])
    assert before is None or path.read_text() == before


def test_the_error_names_file_and_cause(tmp_path: Path) -> None:
    with pytest.raises(RoofprofError, match=r"cannot write .*x\.csv: No space left on device") as caught:
        write_output(tmp_path / "x.csv", fail, "free some space")
    assert caught.value.hint == "free some space"


def test_two_processes_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.txt"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, letter]) for letter in "ab"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            text = path.read_text()
            assert len(text) == 200_000
            seen.add("".join(sorted(set(text))))
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen <= {"a", "b"}
    assert [p.name for p in path.parent.iterdir()] == ["x.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(RoofprofError, match="cannot write"):
            write_json(tmp_path / "x.json", {})
    finally:
        tmp_path.chmod(0o700)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["/proc/x.json", "/dev/null/x.json"])
def test_a_folder_that_takes_no_file(path: str) -> None:
    with pytest.raises(RoofprofError, match=f"cannot write {path}"):
        write_json(Path(path), {})


def test_permissions_are_those_of_a_new_file(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_json(tmp_path / "x.json", {"µ": [1, None]})
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x.json").stat().st_mode) == 0o640
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"µ": [1, None]}


@pytest.mark.parametrize("name", ["ü" * 100 + ".html", "x" * 240 + ".json", "no suffix", ".hidden", "a.b.c"])
def test_names_of_every_kind(tmp_path: Path, name: str) -> None:
    assert write_whole(tmp_path / name, lambda partial: partial.write_text("x")) == tmp_path / name
    assert [p.name for p in tmp_path.iterdir()] == [name]


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(path.parent, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/{path.name}")
        os.close(here)


SPECIAL = {
    "a FIFO": lambda path: os.mkfifo(path),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a socket": make_socket,
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_regular_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "input.json"
    SPECIAL[kind](path)
    for read in (open_regular, sha256_of):
        with pytest.raises(OSError, match=f"it is {kind}"):
            read(path)
    for load in (read_json, read_toml):
        with pytest.raises(ReportError, match=f"cannot read .*input.json: it is {kind}") as caught:
            load(path, "give another")
        assert caught.value.hint == "give another"


@pytest.mark.parametrize("name", ["n" * 256, "n" * 5000, "a/" * 3000, "gone", "loop", "a\0b"])
def test_a_name_that_cannot_be_opened_is_an_error_with_a_hint(name: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ReportError, match="cannot read"):
        read_json(tmp_path / name, "hint")


@pytest.mark.parametrize("name", ["n" * 256, "n" * 5000, "a/" * 3000, "a\0b"])
def test_a_name_that_cannot_be_written_is_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(RoofprofError, match="cannot write"):
        write_json(tmp_path / name, {})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "is not JSON"),
        (b"[1]", "does not hold a JSON object"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": -Infinity}', "-Infinity is no JSON number"),
        (b'{"a": ' + b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b'{"a": "\xff"}', "is not UTF-8: byte 7 is 0xff"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON: a number has too many digits"),
    ],
)
def test_what_is_no_json_is_said_to_be_none(text: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "input.json"
    path.write_bytes(text)
    with pytest.raises(ReportError, match=why):
        read_json(path, None)


@pytest.mark.parametrize("text", ["a", "a = " + "[" * 5000, "a = " + "9" * 5000, "a = 1\na = 2"])
def test_what_is_no_toml_is_said_to_be_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "input.toml"
    path.write_text(text)
    with pytest.raises(ReportError, match="is not valid TOML"):
        read_toml(path, None)


def test_a_checksum_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_a_name_that_is_not_utf8_can_be_written_in_every_output(tmp_path: Path) -> None:
    name = os.fsdecode(b"re\xffport.ncu-rep")
    assert plain_name(name) == "re\ufffdport.ncu-rep"
    write_json(tmp_path / name, {"a": 1})
    assert read_json(tmp_path / name, None) == {"a": 1}
