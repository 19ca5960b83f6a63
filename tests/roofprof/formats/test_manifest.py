"""A capture's manifest: its values, its paths, and whether the files are those that it records."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roofprof.errors import ReportError
from roofprof.findings import Finding
from roofprof.formats.capture import load_capture
from roofprof.library.report import analyze

REPORT, TRACE = "ncu/decode-core-cold.ncu-rep", "nsys/decode-eager.sqlite"


def record(path: Path, **more: object) -> dict[str, object]:
    return {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), **more}


@pytest.fixture
def capture(data: Path, tmp_path: Path) -> Path:
    """A small capture with a trace, and everything recorded."""
    folder = tmp_path / "capture"
    for name in ("ncu", "nsys"):
        (folder / name).mkdir(parents=True)
    shutil.copyfile(data / "profiler/nine-launches.ncu-rep", folder / REPORT)
    shutil.copyfile(data / "h100-fp8/nsys/decode-eager.sqlite", folder / TRACE)
    run = {"name": "core", "phase": "decode", "cache": "cold", "state": "complete", "report": REPORT}
    trace = {"name": "eager", "phase": "decode", "state": "complete", "trace": TRACE}
    write(folder, runs=[run | record(folder / REPORT, launches=9)], nsys=[trace | record(folder / TRACE)])
    return folder


def write(folder: Path, **changes: Any) -> None:
    data = {"schema_version": 1, "state": "complete", "versions": {}, "merge": [], "cases": []}
    (folder / "manifest.json").write_text(json.dumps(data | changes))


def change(folder: Path, section: str, **values: object) -> None:
    path = folder / "manifest.json"
    data = json.loads(path.read_text())
    data[section][0].update(values)
    path.write_text(json.dumps(data))


def findings(folder: Path) -> list[Finding]:
    return list(load_capture(folder).findings)


def test_files_that_are_those_recorded_are_nothing_to_speak_of(capture: Path) -> None:
    assert findings(capture) == []
    assert not {f.kind for f in analyze(capture).findings} & {"altered-file", "missing-file", "unrecorded-files"}


def test_a_report_that_was_changed_is_named(capture: Path) -> None:
    with (capture / REPORT).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x7f")
    (found,) = findings(capture)
    assert (found.kind, found.severity) == ("altered-file", "warning")
    assert REPORT in found.message
    assert "SHA-256" in found.message


def test_a_trace_of_another_size_is_named(capture: Path) -> None:
    with (capture / TRACE).open("ab") as file:
        file.write(bytes(4096))
    (found,) = findings(capture)
    assert (found.kind, found.values["file"]) == ("altered-file", TRACE)


def test_a_trace_that_is_gone_is_missed_and_lends_no_op_its_time(capture: Path) -> None:
    (capture / TRACE).unlink()
    report = analyze(capture)
    assert [f.values["file"] for f in report.findings if f.kind == "missing-file"] == [TRACE]
    assert {op.time_source for op in report.rows} == {"ncu"}


def test_launches_that_are_not_as_many_as_recorded_are_told(capture: Path) -> None:
    change(capture, "runs", launches=513)
    (found,) = [f for f in analyze(capture).findings if f.kind == "altered-file"]
    assert "holds 9 launches, 513 were recorded" in found.message


def test_a_manifest_of_an_earlier_version_is_read_and_said_to_record_nothing(capture: Path) -> None:
    change(capture, "runs", sha256=None, bytes=None, launches=None)
    (found,) = findings(capture)
    assert (found.kind, found.severity) == ("unrecorded-files", "info")
    assert "1 of its 2 files" in found.message


OUT = "expected a path inside the capture"


@pytest.mark.parametrize(
    ("section", "values", "key"),
    [
        ("runs", {"report": "/etc/passwd"}, r"runs\[0\].report = '/etc/passwd'"),
        ("runs", {"report": "../other/a.ncu-rep"}, r"runs\[0\].report"),
        ("runs", {"report": "ncu/../../a.ncu-rep"}, r"runs\[0\].report"),
        ("nsys", {"trace": "../a.sqlite"}, r"nsys\[0\].trace"),
        ("nsys", {"trace": "nsys/\0.sqlite"}, r"nsys\[0\].trace"),
        ("runs", {"report": "."}, r"runs\[0\].report"),
    ],
)
def test_paths_that_lead_out_are_refused(capture: Path, section: str, values: dict[str, str], key: str) -> None:
    change(capture, section, **values)
    with pytest.raises(ReportError, match=rf"manifest.json: {key}.*{OUT}"):
        load_capture(capture)


@pytest.mark.parametrize("name", [TRACE, "nsys"])
def test_links_that_lead_out_are_refused(capture: Path, name: str) -> None:
    (capture / name).rename(capture.parent / "outside")
    (capture / name).symlink_to(capture.parent / "outside")
    with pytest.raises(ReportError, match=rf"nsys\[0\].trace.*a link that leads out: {OUT}"):
        load_capture(capture)


def test_a_link_within_the_capture_and_a_capture_behind_a_link_are_read(capture: Path) -> None:
    (capture / TRACE).rename(capture / "ncu" / "kept.sqlite")
    (capture / TRACE).symlink_to("../ncu/kept.sqlite")
    (capture.parent / "link").symlink_to(capture)
    assert len(load_capture(capture.parent / "link").groups[0].traces) == 1


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda m: m.update(created=5), "created = 5: expected a text"),
        (lambda m: m.update(versions={"ncu": 5}), "versions.ncu = 5: expected a text"),
        (lambda m: m.update(versions=7), "expected a table"),
        (lambda m: m.pop("versions"), "versions is missing"),
        (lambda m: m.update(merge=["a"]), "merge[0] = 'a': expected an array"),
        (lambda m: m["runs"][0].pop("phase"), "runs[0].phase is missing"),
        (lambda m: m["runs"][0].update(launches=-1), "runs[0].launches = -1: expected a whole number"),
        (lambda m: m.update(cases=[{"untested": "all"}]), "cases[0].untested = 'all': expected an array"),
        (lambda m: m.update(state=None), "state = null: expected a text"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_named_with_its_key(
    capture: Path, edit: Callable[[dict[str, Any]], object], said: str
) -> None:
    path = capture / "manifest.json"
    manifest = json.loads(path.read_text())
    edit(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(ReportError) as caught:
        load_capture(capture)
    assert said in caught.value.message
    assert str(path) in caught.value.message


def test_keys_that_a_newer_version_added_are_left_alone(capture: Path) -> None:
    path = capture / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["runs"][0]["added"] = manifest["added"] = {"x": 1}
    path.write_text(json.dumps(manifest))
    assert len(load_capture(capture).groups) == 1
