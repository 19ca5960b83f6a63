"""Disks that are full and folders that cannot be written to."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from capture_faults import LIMIT_S, Body, capture, fault, verdict_of
from cases import DATA, Case
from command_line import PYTHON, environment, finish, start
from outcomes import Answer, Outcome, Verdict, broken
from stubs import Tools
from user_files import good_report


def cases() -> list[Case]:
    """Every output."""
    return list(_disks())


@contextlib.contextmanager
def _mounted(folder: Path, size: str, read_only: bool = False) -> Iterator[Path | None]:
    """A small disk of its own; None where this user may not mount one."""
    place = folder / "disk"
    place.mkdir()
    mode = f"size={size},mode=777" + (",ro" if read_only else "")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", mode, "tmpfs", str(place)], capture_output=True)
    try:
        yield None if done.returncode else place
    finally:
        if not done.returncode:
            subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)


def _limited(words: Sequence[str], folder: Path, told: dict[str, str], kilobytes: int) -> Answer:
    """A command no file of which may grow beyond a size; nor would Python's own bytecode, which would stay cut."""
    script = f'ulimit -f {kilobytes}; exec "$@"'
    process = subprocess.Popen(
        ["bash", "-c", script, "bash", *PYTHON, "-m", "roofprof", *words], cwd=folder,
        env=environment(PYTHONDONTWRITEBYTECODE="1", **told), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    return finish(process, LIMIT_S)


def _disks() -> Iterator[Case]:
    def full(folder: Path, tools: Tools) -> Verdict:
        with _mounted(folder, "300m") as disk:
            if disk is None:
                return Verdict(Outcome.REFUSED, "not tried: no mount here")
            answer = finish(capture(disk, tools, "fill"), LIMIT_S)
            return verdict_of(answer, disk, tools, ("failed", "partial"))

    yield fault("full disk", "a capture on a small disk", full)

    def limited(folder: Path, tools: Tools) -> Verdict:
        told = tools.environment("ok", FUZZ_DATA=str(DATA))
        words = ["capture", "-o", str(folder / "out"), "--no-nsys", "--json", "--", "true"]
        return verdict_of(_limited(words, folder, told, 64), folder, tools, ("failed", "partial"))

    yield fault("full disk", "a capture whose files may not grow", limited)
    for name in ("analyze", "report.md", "report.html", "report.csv", "report.png", "timeline"):

        def output(folder: Path, tools: Tools, n: str = name) -> Verdict:
            del tools
            (folder / "report.json").write_bytes(good_report())
            target, words = _writer(folder, n)
            before = b"what was there before"
            if n != "analyze":
                target.write_bytes(before)
            answer = _limited(words, folder, {}, 1)
            left = [p.name for p in folder.rglob("*") if "part" in p.name]
            if bad := broken(answer):
                return bad
            if left:
                return Verdict(Outcome.BROKEN, f"left behind: {left}")
            if answer.code == 0:
                return Verdict(Outcome.BROKEN, "exit 0")
            if n != "analyze" and target.read_bytes() != before:
                return Verdict(Outcome.BROKEN, "the file that was there before is gone")
            return Verdict(Outcome.REFUSED, answer.err[:160])

        yield fault("full disk", f"{name} writes", output)
    for name in ("capture", "analyze", "report.md", "report.html", "report.csv", "report.png", "timeline"):
        yield fault("read-only folder", name, _read_only(name))


def _writer(folder: Path, name: str) -> tuple[Path, list[str]]:
    report = str(folder / "report.json")
    if name == "analyze":
        return folder / "written", ["analyze", report, "-o", str(folder / "written")]
    if name == "timeline":
        trace = DATA / "h100-fp8" / "nsys" / "prefill-eager.sqlite"
        return folder / "timeline.json", ["timeline", str(trace), "-o", str(folder / "timeline.json")]
    target = folder / f"roofline{Path(name).suffix}"
    return target, ["report", report, "-o", str(target)]


def _read_only(name: str) -> Body:
    def body(folder: Path, tools: Tools) -> Verdict:
        (folder / "report.json").write_bytes(good_report())
        with _mounted(folder, "1m", read_only=True) as disk:
            place = disk or folder / "locked"
            if disk is None and os.geteuid() == 0:
                place = Path("/proc/self")  # where root cannot write either
            elif disk is None:
                place.mkdir(mode=0o555)
            if name == "capture":
                answer = finish(capture(place, tools, "ok"), LIMIT_S)
            else:
                _, words = _writer(folder, name)
                words[-1] = str(place / Path(words[-1]).name)
                answer = finish(start(words, folder), LIMIT_S)
        if bad := broken(answer):
            return bad
        if answer.code == 0:
            return Verdict(Outcome.BROKEN, "exit 0")
        return Verdict(Outcome.REFUSED, answer.err[:160])

    return body
