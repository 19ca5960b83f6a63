"""Captures whose files are not those that were captured: cut at whole blocks, gone, exchanged."""

import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from cases import DATA, NINE, Case, compared
from command_line import finish, start
from outcomes import Outcome
from stubs import install

KIND = "capture, files altered afterwards"
WANTED = frozenset({Outcome.REFUSED, Outcome.SAID})


@cache
def good_capture() -> Path:
    """A capture of the prefill layer by this very version, from the recorded H100 reports and trace."""
    folder = Path(tempfile.mkdtemp(prefix="roofprof-fuzz-capture-"))
    tools = install(folder / "tools")
    told = tools.environment("ok", FUZZ_DATA=str(DATA))
    answer = finish(start(["capture", "-o", str(folder / "input"), "--phase", "prefill", "--json"], folder, told), 120)
    assert answer.code == 0, answer
    return folder / "input"


def cases() -> list[Case]:
    """One file or two altered in each."""
    changes: dict[str, Callable[[Path], object]] = {
        **{f"{name} cut to {part:.0%}": _cut(name, part) for name in ("core", "cuda_core") for part in (0.1, 0.5, 0.9)},
        **{f"both reports cut to {count} launches": _cut_both(count) for count in (1, 20, 74)},
        "the reports are exchanged": _exchange,
        "another report": lambda f: shutil.copyfile(NINE, _report(f, "core")),
        "a report is gone": lambda f: _report(f, "cuda_core").unlink(),
        "the reports are the same": lambda f: shutil.copyfile(_report(f, "core"), _report(f, "cuda_core")),
        "one more block": _doubled,
        "the trace is gone": lambda f: _trace(f).unlink(),
        "the trace has half of its kernels": lambda f: _sql(
            f, "DELETE FROM CUPTI_ACTIVITY_KIND_KERNEL WHERE rowid % 2 = 0"
        ),
        "the trace has other times": lambda f: _sql(f, "UPDATE CUPTI_ACTIVITY_KIND_KERNEL SET end = end + 1000"),
        "another trace": lambda f: shutil.copyfile(DATA / "h100-fp8" / "nsys" / "decode-eager.sqlite", _trace(f)),
        "a letter of a kernel's name": _letter,
    }
    return [_case(name, change) for name, change in changes.items()]


def _case(name: str, change: Callable[[Path], object]) -> Case:
    def make(folder: Path) -> Sequence[str]:
        shutil.copytree(good_capture(), folder / "capture")
        change(folder / "capture")
        return ["analyze", str(folder / "capture"), "--json"]

    def whole(folder: Path) -> Sequence[str]:
        shutil.copytree(good_capture(), folder / "capture")
        return ["analyze", str(folder / "capture"), "--json"]

    return Case(KIND, name, compared(make, whole, KIND), WANTED)


def _report(folder: Path, name: str) -> Path:
    return folder / "ncu" / f"prefill-{name}-cold.ncu-rep"


def _trace(folder: Path) -> Path:
    return next((folder / "nsys").glob("*.sqlite"))


def _sql(folder: Path, text: str) -> None:
    database = sqlite3.connect(_trace(folder))
    database.execute(text)
    database.commit()
    database.close()


def _cut(name: str, part: float) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        path = _report(folder, name)
        data = path.read_bytes()
        ends = _block_ends(data)
        path.write_bytes(data[: next(end for end in ends if end >= len(data) * part)])

    return cut


def _cut_both(count: int) -> Callable[[Path], None]:
    """The same launches are missing in both, so that they agree with each other."""

    def cut(folder: Path) -> None:
        for name in ("core", "cuda_core"):
            path = _report(folder, name)
            data = path.read_bytes()
            path.write_bytes(data[: _block_ends(data)[count]])

    return cut


def _doubled(folder: Path) -> None:
    data = _report(folder, "core").read_bytes()
    ends = _block_ends(data)
    _report(folder, "core").write_bytes(data + data[ends[-2] :])


def _exchange(folder: Path) -> None:
    first, second = _report(folder, "core"), _report(folder, "cuda_core")
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)


def _letter(folder: Path) -> None:
    path = _report(folder, "core")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"per_token_group_quant_8bit_kernel", b"per_token_group_quant_8bit_kermel"))


def _block_ends(data: bytes) -> list[int]:
    """Where the blocks of a report end, by its framing: u32 length, header, payload of the header's field 5."""
    position, ends = 8 + struct.unpack_from("<I", data, 4)[0], []
    while position < len(data):
        header = position + 4
        end = header + struct.unpack_from("<I", data, position)[0]
        payload = 0
        while header < end:
            key, header = _varint(data, header)
            value, header = _varint(data, header)
            if key & 7 == 2:
                header += value
            elif key >> 3 == 5:
                payload = value
        position = end + payload
        ends.append(position)
    return ends


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
