"""FIFOs, devices, sockets, folders and links where a file is expected; paths of a manifest that lead out."""

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from cases import DATA, NINE, Case
from command_line import CommandLine, copied
from outcomes import Answer, Outcome, Verdict, broken
from user_files import _manifest, good_csv, good_report

TIMEOUT_S = 5.0
TRACE = DATA / "h100-fp8" / "nsys" / "prefill-eager.sqlite"


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(path.parent, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/{path.name}")
        os.close(here)


SPECIAL: dict[str, Callable[[Path], None]] = {
    "a FIFO": _fifo,
    "/dev/zero": _link("/dev/zero"),
    "/dev/urandom": _link("/dev/urandom"),
    "/dev/null": _link("/dev/null"),
    "a socket": _socket,
    "a folder": lambda path: path.mkdir(),
    "a link to nothing": _link("gone"),
    "a link to itself": lambda path: path.symlink_to(path.name),
}


def _capture_with(name: str) -> Callable[[Path], Sequence[str]]:
    """A capture one file of which is special: the words to analyse it."""

    def words(path: Path) -> Sequence[str]:
        folder = path.parent
        (folder / "ncu").mkdir(exist_ok=True)
        (folder / "nsys").mkdir(exist_ok=True)
        manifest = _manifest()
        manifest["nsys"] = [{"name": "eager", "phase": "decode", "trace": "nsys/eager.sqlite", "state": "complete"}]
        for file, write in {
            "manifest.json": lambda p: p.write_text(json.dumps(manifest)),
            "ncu/one.ncu-rep": lambda p: copied(NINE, p),
            "nsys/eager.sqlite": lambda p: copied(TRACE, p),
        }.items():
            if file == name:
                path.rename(folder / file)
            else:
                write(folder / file)
        if name == "selfcheck.json":
            path.rename(folder / name)
        return ["analyze", str(folder), "--json"]

    return words


def _option(option: str) -> Callable[[Path], Sequence[str]]:
    return lambda path: ["analyze", str(NINE), "--json", option, str(path)]


INPUTS: dict[str, tuple[str, Callable[[Path], Sequence[str]]]] = {
    "a report": ("a.ncu-rep", lambda p: ["analyze", str(p), "--json"]),
    "report.json": ("a.json", lambda p: ["analyze", str(p), "--json"]),
    "a trace": ("a.sqlite", lambda p: ["timeline", str(p), "--json"]),
    "all_kernels.csv": ("a.csv", lambda p: ["compare", str(p), "--json"]),
    "--timeline": ("a.sqlite", _option("--timeline")),
    "--ceilings": ("a.json", _option("--ceilings")),
    "--selfcheck": ("a.json", _option("--selfcheck")),
    "--ops": ("a.toml", _option("--ops")),
    "--gpu": ("a.toml", _option("--gpu")),
    "a manifest": ("input", _capture_with("manifest.json")),
    "a report of a capture": ("input", _capture_with("ncu/one.ncu-rep")),
    "a trace of a capture": ("input", _capture_with("nsys/eager.sqlite")),
    "selfcheck.json of a capture": ("input", _capture_with("selfcheck.json")),
}
NEWER_INPUTS: dict[str, tuple[str, Callable[[Path], Sequence[str]]]] = {
    "before of diff": ("a.ncu-rep", lambda p: ["diff", str(p), str(NINE), "--json"]),
    "after of diff": ("a.json", lambda p: ["diff", str(NINE), str(p), "--gate", "3%"]),
    "a trace of diff": ("a.sqlite", lambda p: ["diff", str(p), str(TRACE), "--json"]),
    "a source of baseline": ("a.ncu-rep", lambda p: ["baseline", "save", "main", str(p)]),
    "a baseline": ("main.json", lambda p: ["baseline", "diff", "main", str(NINE), "--in", str(p.parent)]),
}
NEWER = "diff, baseline, mcp: files and arguments"
"""A row of their own in the table."""
WANTED = frozenset({Outcome.REFUSED, Outcome.SAID})


def cases() -> list[Case]:
    """Each special file as each input, long names as each argument, and paths that lead out."""
    found = [
        Case("FIFO, device, link as a file", f"{name} is {special}", _special(file, words, make), WANTED)
        for name, (file, words) in INPUTS.items()
        for special, make in SPECIAL.items()
        if not (name in ("--selfcheck", "a report", "a trace") and special == "a folder")
        if not (name == "selfcheck.json of a capture" and special in ("a folder", "a link to nothing"))
    ]
    newer = [
        Case(NEWER, f"{name} is {special}", _special(file, words, make), WANTED)
        for name, (file, words) in NEWER_INPUTS.items()
        for special, make in SPECIAL.items()
    ]
    odd = [*_odd_arguments("odd arguments", ARGUMENTS), *_odd_arguments(NEWER, NEWER_ARGUMENTS)]
    return [*found, *newer, *odd, *_paths_out()]


def _refused(answer: Answer, of_diff: bool) -> Verdict:
    """Errors of diff exit with 2: its 1 and 3 are the gate's."""
    if of_diff and answer.code != 2:
        return Verdict(Outcome.BROKEN, f"diff ends with exit code {answer.code}: {answer.err[:120]}")
    return Verdict(Outcome.REFUSED, answer.err[:160])


def _special(file: str, words: Callable[[Path], Sequence[str]], make: Callable[[Path], None]) -> "Callable":  # type: ignore[type-arg]
    def run(folder: Path, roofprof: CommandLine) -> Verdict:
        place = folder / "input-folder"
        place.mkdir()
        make(place / file)
        asked = words(place / file)
        answer = roofprof.run(asked, place, TIMEOUT_S)
        if bad := broken(answer):
            return bad
        if answer.code:
            return _refused(answer, "diff" in asked)
        # An analysis that goes on without the file must say so.
        said = any(word in answer.out + answer.err for word in ("not-read", "missing-file", "not read", "not there"))
        return Verdict(Outcome.SAID if said else Outcome.SILENT, "exit 0")

    return run


ODD = {
    "256 bytes": "n" * 256, "5000 bytes": "n" * 5000, "a dash": "-dash", "a line feed": "a\nb",
    "an escape": "a\x1b[31m", "not UTF-8": "a\udcff", "empty": "", "a dot": ".", "only spaces": "   ",
    "too deep": "a/" * 3000,
}  # fmt: skip
ARGUMENTS: dict[str, Callable[[str, Path], Sequence[str]]] = {
    "a report": lambda name, _: ["analyze", name],
    "a trace": lambda name, _: ["timeline", name],
    "an input of report": lambda name, _: ["report", name],
    "--gpu": lambda name, _: ["analyze", str(NINE), "--gpu", name],
    "--ops": lambda name, _: ["analyze", str(NINE), "--ops", name],
    "--ceilings": lambda name, _: ["analyze", str(NINE), "--ceilings", name],
    "--selfcheck": lambda name, _: ["analyze", str(NINE), "--selfcheck", name],
    "--only": lambda name, _: ["analyze", str(NINE), "--only", f"({name}"],
    "analyze -o": lambda name, folder: ["analyze", str(folder / "report.json"), "-o", name],
    "report -o": lambda name, folder: ["report", str(folder / "report.json"), "-o", f"{name}.md"],
    "timeline -o": lambda name, _: ["timeline", str(TRACE), "-o", name],
}
NEWER_ARGUMENTS: dict[str, Callable[[str, Path], Sequence[str]]] = {
    "before of diff": lambda name, _: ["diff", name, str(NINE)],
    "after of diff": lambda name, _: ["diff", str(NINE), name, "--gate", "3%"],
    "--gate": lambda name, folder: ["diff", str(NINE), str(folder / "report.json"), "--gate", name],
    "diff --only": lambda name, folder: ["diff", str(NINE), str(folder / "report.json"), "--only", f"({name}"],
    "diff -o": lambda name, folder: ["diff", str(NINE), str(folder / "report.json"), "-o", f"{name}.md"],
    "the name of a baseline": lambda name, _: ["baseline", "save", name, str(NINE)],
    "a baseline that is not there": lambda name, _: ["baseline", "diff", name, str(NINE)],
    "baseline --in": lambda name, _: ["baseline", "save", "main", str(NINE), "--in", name],
    "a folder of mcp": lambda name, _: ["mcp", f"{name}/gone"],
}


def _odd_arguments(kind: str, arguments: Mapping[str, Callable[[str, Path], Sequence[str]]]) -> Iterator[Case]:
    for argument, words in arguments.items():
        for what, name in ODD.items():

            def run(folder: Path, roofprof: CommandLine, w=words, n: str = name) -> Verdict:  # type: ignore[no-untyped-def]
                (folder / "report.json").write_bytes(good_report())
                answer = roofprof.run(w(n, folder), folder, TIMEOUT_S)
                if bad := broken(answer):
                    return bad
                if "\x1b" in answer.err + answer.out:
                    return Verdict(Outcome.BROKEN, f"ESC on the terminal: {answer.err[:120]!r}")
                if answer.code:
                    return _refused(answer, "diff" in w(n, folder))
                return Verdict(Outcome.UNCHANGED, answer.err[:160])

            yield Case(kind, f"{argument} is {what}", run)


def _paths_out() -> Iterator[Case]:
    """A capture's manifest or links that make analyze read a file outside of the capture."""

    def by_manifest(name: str, report: str | None, trace: str | None) -> Case:
        def prepare(folder: Path) -> None:
            manifest = _manifest()
            if report:
                manifest["runs"][0]["report"] = report.format(outside=folder.parent / "outside")
                manifest["merge"] = []
            if trace:
                place = trace.format(outside=folder.parent / "outside")
                manifest["nsys"] = [{"name": "eager", "phase": "decode", "trace": place, "state": "complete"}]
            (folder / "manifest.json").write_text(json.dumps(manifest))

        return Case("paths that lead out of a capture", name, _out(prepare))

    yield by_manifest("an absolute report", "{outside}/secret.ncu-rep", None)
    yield by_manifest("a report above", "../outside/secret.ncu-rep", None)
    yield by_manifest("a report above, by way of a folder", "ncu/../../outside/secret.ncu-rep", None)
    yield by_manifest("an absolute trace", None, "{outside}/secret.sqlite")
    yield by_manifest("a trace above", None, "../outside/secret.sqlite")

    def linked(what: str, target: str) -> Callable[[Path], None]:
        def prepare(folder: Path) -> None:
            manifest = _manifest()
            manifest["nsys"] = [{"name": "eager", "phase": "decode", "trace": "nsys/e.sqlite", "state": "complete"}]
            (folder / "manifest.json").write_text(json.dumps(manifest))
            place = folder / what
            if place.is_dir():
                (place / "one.ncu-rep").unlink(missing_ok=True)
                place.rmdir()
            place.unlink(missing_ok=True)
            place.symlink_to(folder.parent / "outside" / target)

        return prepare

    yield Case("paths that lead out of a capture", "a linked report", _out(linked("ncu/one.ncu-rep", "secret.ncu-rep")))
    yield Case("paths that lead out of a capture", "a linked folder", _out(linked("ncu", "folder")))
    yield Case("paths that lead out of a capture", "a linked trace", _out(linked("nsys/e.sqlite", "secret.sqlite")))


def _out(prepare: Callable[[Path], None]) -> "Callable":  # type: ignore[type-arg]
    def run(folder: Path, roofprof: CommandLine) -> Verdict:
        outside, capture = folder / "outside", folder / "capture"
        for place in (outside / "folder", capture / "ncu", capture / "nsys"):
            place.mkdir(parents=True)
        for target in (outside / "secret.ncu-rep", outside / "folder" / "one.ncu-rep", capture / "ncu" / "one.ncu-rep"):
            copied(NINE, target)
        copied(TRACE, outside / "secret.sqlite")
        prepare(capture)
        answer: Answer = roofprof.run(["analyze", str(capture), "--json"], folder)
        if bad := broken(answer):
            return bad
        if answer.code:
            return Verdict(Outcome.REFUSED, answer.err[:160])
        return Verdict(Outcome.BROKEN, "a file outside of the capture was read")

    return run


assert good_csv
