"""Inputs of one name: each keeps its own launches, whatever folders they lie in and however they are spelled."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roofprof.errors import UsageError
from roofprof.formats.capture import load_capture
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.pipeline.names import unique_labels, with_unique_names
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

_PARTS = st.lists(st.sampled_from(["a", "b", "cap", "a/cap", "decode-cold", ".."]), min_size=1, max_size=4)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_PARTS.map("/".join), min_size=1, max_size=6))
def test_labels_differ_where_paths_do(tmp_path: Path, layout: list[str]) -> None:
    paths = [tmp_path / "w" / "x" / "y" / "z" / path for path in layout]
    if len({os.path.realpath(path) for path in paths}) < len(paths):
        with pytest.raises(UsageError, match="given twice"):
            unique_labels(paths)
        return
    labels = unique_labels(paths)
    assert len(set(labels)) == len(labels)
    # Names of groups are made of them: none may begin with another one.
    assert not [(a, b) for a in labels for b in labels if a != b and a.startswith(f"{b}/")]
    for path, label in zip(paths, labels, strict=True):
        assert os.path.realpath(path).endswith(label) or os.path.abspath(path).endswith(label)


def test_links_and_other_spellings_are_the_same_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cap").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "cap")
    monkeypatch.chdir(tmp_path)
    for other in (tmp_path / "cap", tmp_path / "link", Path("cap/../cap"), Path("./cap"), Path("cap/")):
        with pytest.raises(UsageError, match="given twice"):
            unique_labels([Path("cap"), other])


def test_dots_that_lead_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`link/../cap` looks like `cap` and is another folder."""
    for folder in ("cap", "far/there", "far/cap"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far/there")
    monkeypatch.chdir(tmp_path)
    labels = unique_labels([Path("cap"), Path("link/../cap")])
    assert labels == [f"{tmp_path.name}/cap", "far/cap"]


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """One capture and copies of it, all in folders called `cap`."""
    base = tmp_path_factory.mktemp("captures")
    for folder in ("a", "b", "deep/a"):
        shutil.copytree(data / "h100-fp8", base / folder / "cap")
    return base


def rows(report: RooflineReport, name: str) -> list[dict[str, Any]]:
    """The ops of one report as data, without its name."""
    return [bare(op) for op in report.ops if op.report == name]


def bare(op: OpResult) -> dict[str, Any]:
    found = json.loads(json.dumps(op.as_dict()).replace(json.dumps(op.report)[1:-1], "REPORT"))
    assert found["report"] == "REPORT"
    return found


@pytest.fixture(scope="module")
def alone(captures: Path) -> RooflineReport:
    return analyze_files(AnalyzeRequest([captures / "a/cap"]))


@pytest.mark.parametrize(
    "folders", [("a/cap", "b/cap"), ("a/cap", "deep/a/cap", "b/cap"), ("b/cap", "deep/a/cap/../cap")]
)
def test_captures_of_one_folder_name_keep_their_own_numbers(
    captures: Path, alone: RooflineReport, folders: Sequence[str]
) -> None:
    together = analyze_files(AnalyzeRequest([captures / folder for folder in folders]))
    assert together.kernels.height == len(folders) * alone.kernels.height
    names = [entry["name"] for entry in together.reports]
    assert len(set(names)) == len(names) == 2 * len(folders)
    for name in names:
        group = name.rsplit("/", 1)[1]
        assert rows(together, name) == rows(alone, f"cap/{group}")
    assert [join["matched_count"] for join in together.joins] == [513, 138] * len(folders)


def test_a_capture_and_one_of_its_reports(captures: Path, alone: RooflineReport) -> None:
    (report, *_) = load_capture(captures / "a/cap").groups[0].reports
    together = analyze_files(AnalyzeRequest([captures / "a/cap", report]))
    assert [entry["name"] for entry in together.reports] == ["cap/decode-cold", "cap/prefill-cold", report.name]
    assert rows(together, "cap/decode-cold") == rows(alone, "cap/decode-cold")
    assert together.kernels.filter(together.kernels["report"] == report.name).height == 513


def test_groups_of_one_capture_that_are_called_alike(tmp_path: Path, data: Path, alone: RooflineReport) -> None:
    """A manifest without `merge`: both runs of a phase stand alone, under the same conditions."""
    shutil.copytree(data / "h100-fp8", tmp_path / "cap")
    manifest = json.loads((tmp_path / "cap/manifest.json").read_text())
    (tmp_path / "cap/manifest.json").write_text(json.dumps({**manifest, "merge": []}))
    report = analyze_files(AnalyzeRequest([tmp_path / "cap"]))
    assert len({entry["name"] for entry in report.reports}) == 4
    assert report.kernels.height == 2 * alone.kernels.height


def test_a_report_in_two_groups_counts_once(tmp_path: Path, data: Path) -> None:
    manifest = json.loads((data / "h100-fp8/manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "merge": manifest["merge"] * 2}))
    groups = load_capture(tmp_path).groups
    assert len({group.name for group in groups}) == len(groups) == 2


def test_saved_analyses_side_by_side_have_names_of_their_own(alone: RooflineReport) -> None:
    labels = ["a/out/report.json", "b/out/report.json", "b/other.json"]
    first, second, third = with_unique_names([alone, alone, alone], labels)
    names = [{op.report for op in report.ops} for report in (first, second, third)]
    assert names[0] == {"a/out/cap/decode-cold", "a/out/cap/prefill-cold"}
    assert sum(len(own) for own in names) == len(set.union(*names)) == 6
    for report in (first, second, third):
        own = {op.report for op in report.ops}
        assert {entry["name"] for entry in report.reports} == own == set(report.kernels["report"])
        assert {join["report"] for join in report.joins} == own
        assert {f.report for f in report.findings} <= {None, *own}
        assert {f.report for op in report.ops for f in op.findings} <= {None, *own}


def test_names_that_differ_stay(alone: RooflineReport, decode: RooflineReport) -> None:
    assert with_unique_names([alone, decode], ["a", "b"]) == [alone, decode]
