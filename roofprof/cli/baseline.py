"""`roofprof baseline`: analyses kept by name, for diffs and gates against them."""

import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from roofprof.cli.shared_options import DomainOption, OpsOption
from roofprof.errors import RoofprofError, UsageError

FOLDER = Path("roofprof-baselines")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
ACTIONS = ("save", "list", "diff")


def baseline(
    action: Annotated[str, typer.Argument(help="save, list or diff.")],
    name: Annotated[str | None, typer.Argument(help="Of the baseline: letters, digits and . _ -.")] = None,
    source: Annotated[
        Path | None, typer.Argument(help="A capture, a saved analysis or an .ncu-rep file, to save or to compare.")
    ] = None,
    folder: Annotated[Path, typer.Option("--in", metavar="DIR", help="Folder that holds the baselines.")] = FOLDER,
    gate: Annotated[str | None, typer.Option(metavar="PERCENT", help="With diff: as of roofprof diff.")] = None,
    no_gate: Annotated[bool, typer.Option("--no-gate", help="With diff: as of roofprof diff.")] = False,
    on: Annotated[str | None, typer.Option("--on", metavar="METRIC", help="With diff: as of roofprof diff.")] = None,
    only: Annotated[str | None, typer.Option(metavar="REGEX", help="With diff: only ops matching this regex.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR|FILE", help="With diff: as of roofprof diff.")
    ] = None,
    ops: OpsOption = None,
    domain: DomainOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Keep analyses by name, list them, and compare a new one with one of them."""
    if action not in ACTIONS:
        raise UsageError(f"unknown action {action!r}", f"use one of {', '.join(ACTIONS)}")
    if action == "list":
        _list(folder, as_json)
        return
    if name is None or source is None:
        raise UsageError(f"baseline {action} needs a name and a source", f"roofprof baseline {action} main capture-dir")
    path = _path(folder, name)
    if action == "save":
        _save(source, path, ops, domain)
        return
    if not os.path.isfile(path):
        error = RoofprofError(f"no baseline {name!r} in {folder}", _known(folder))
        error.exit_code = 2
        raise error
    from roofprof.cli.diff import Reading, Side, compare_sides
    from roofprof.cli.gate import GateWords

    before, after = Side(path, Reading()), Side(source, Reading(ops, domain))  # a baseline is read as it was saved
    compare_sides(before, after, GateWords(gate, no_gate, on), only, None, output, as_json)


def _path(folder: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a baseline", "use letters, digits and . _ -")
    return folder / f"{name}.json"


def _save(source: Path, path: Path, ops: str | None, domain: str | None) -> None:
    from roofprof.cli.report import reports_with_notes
    from roofprof.files import write_output
    from roofprof.formatting import printable
    from roofprof.pipeline.analyze import AnalyzeRequest
    from roofprof.pipeline.timeline_report import is_trace

    if is_trace(source):
        raise UsageError(f"{source} is an nsys trace, no analysis", "keep the file itself, for roofprof diff")
    (report,) = reports_with_notes(AnalyzeRequest([source], None, domain, ops))
    write_output(
        path, lambda partial: partial.write_text(report.to_json(), encoding="utf-8"), "choose another folder with --in"
    )
    print(printable(f"saved {path}: {len(report.ops)} ops"), file=sys.stderr)


def _saved(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.json") if path.is_file()) if os.path.isdir(folder) else []


def _known(folder: Path) -> str:
    names = ", ".join(path.stem for path in _saved(folder))
    return f"there are {names}" if names else "save one with roofprof baseline save NAME SOURCE"


def _list(folder: Path, as_json: bool) -> None:
    from roofprof.formatting import print_error, printable
    from roofprof.results.report import load_report

    rows, damaged = [], False
    for path in _saved(folder):
        try:
            report = load_report(path)
        except RoofprofError as error:  # the others are listed all the same
            print_error(error.message, error.hint)
            damaged = True
            continue
        row = {"name": path.stem, "gpu": report.gpu.name, "date": report.date, "op_count": len(report.ops)}
        rows.append(row)
    if as_json:
        import json

        print(json.dumps({"schema_version": 1, "baselines": rows}))
    else:
        for row in rows:
            print(printable(f"{row['name']}  {row['gpu']}, {row['date']}, {row['op_count']} ops"))
    if damaged:
        raise typer.Exit(1)
    if not rows and not as_json:
        print(f"no baseline in {folder}: roofprof baseline save NAME SOURCE keeps one", file=sys.stderr)
