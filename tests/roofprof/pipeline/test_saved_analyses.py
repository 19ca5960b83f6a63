"""Options on a saved analysis: what comes out is what the capture itself would give, or a refusal; never silence."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roofprof.cli import run
from roofprof.document.cases import cases_of
from roofprof.hardware.ceilings import Ceilings, Peak
from roofprof.hardware.devices import bundled_gpus
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files, load_reports
from roofprof.reports.all_kernels import write_all_kernels
from roofprof.results.report import RooflineReport

NAME = "h100-decode-b64-s4096"
OWN_GPU = """
[test-gpu]
sku = "without FP8"
source = "made for this test"
dram_bytes_per_s = 1e12
peak_flop_per_s = { fp32 = 5e13, tensor_bf16 = 4e14 }
"""


def sorted_findings(found: list[Mapping[str, Any]]) -> list[str]:
    return sorted(json.dumps(f, sort_keys=True) for f in found)


def content(report: RooflineReport) -> dict[str, Any]:
    """A report as data, without its date and the order of its findings."""
    data = json.loads(report.to_json())
    data["findings"] = sorted_findings(data["findings"])
    for op in data["ops"]:
        op["findings"] = sorted_findings(op["findings"])
    del data["generated"]
    return data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, data: Path, decode: RooflineReport) -> Path:
    """report.json and all_kernels.csv of the decode layer, measured roofs, and a GPU of its own."""
    base = tmp_path_factory.mktemp("saved")
    (base / "report.json").write_text(decode.to_json())
    write_all_kernels(decode, base / "all_kernels.csv")
    (base / "own.toml").write_text(OWN_GPU)
    device = next(iter(decode.reports[0]["devices"].values()))["device_name"]
    for name, gpu in (("ceilings.json", device), ("other-ceilings.json", "NVIDIA L4")):
        made = Ceilings(
            gpu,
            "2026-01-02T03:04:05Z",
            {"read": 2.8e12, "copy": 2.6e12},
            {"tensor_bf16": Peak(7e14), "fp32": Peak(5e13), "tensor_fp8": Peak(1.4e15)},
        )
        (base / name).write_text(json.dumps(made.as_dict()))
    return base


def again(data: Path, **options: Any) -> RooflineReport:
    return analyze_files(AnalyzeRequest([data / f"{NAME}.ncu-rep"], ops=NAME, **options))


@pytest.mark.parametrize("gpu", [*bundled_gpus(), "same", "own.toml"])
def test_another_target_is_what_the_report_itself_gives(data: Path, folder: Path, gpu: str) -> None:
    gpu = str(folder / gpu) if gpu.endswith(".toml") else gpu
    expected = content(again(data, gpu=gpu))
    assert content(analyze_files(AnalyzeRequest([folder / "report.json"], gpu=gpu))) == expected
    # There and back: nothing of the target between is left.
    (folder / "between.json").write_text(
        analyze_files(AnalyzeRequest([folder / "report.json"], gpu=str(folder / "own.toml"))).to_json()
    )
    assert content(analyze_files(AnalyzeRequest([folder / "between.json"], gpu=gpu))) == expected


@pytest.mark.parametrize("only", ["^topk$", "moe_", r"\(bf16", "nothing is called so"])
def test_only_is_what_the_report_itself_gives(data: Path, folder: Path, only: str) -> None:
    expected = content(again(data, only=only))
    assert content(analyze_files(AnalyzeRequest([folder / "report.json"], only=only))) == expected


@pytest.mark.parametrize("name", ["ceilings.json", "other-ceilings.json"])
def test_measured_roofs_are_what_the_report_itself_gives(data: Path, folder: Path, name: str) -> None:
    path = folder / name
    expected = again(data, ceilings=path)
    found = analyze_files(AnalyzeRequest([folder / "report.json"], ceilings=path))
    assert content(found) == content(expected)
    origin = "measured" if name == "ceilings.json" else "shipped"
    assert {op.measured_on.measured_roofs for op in found.ops} == {origin}
    (folder / "with.json").write_text(found.to_json())
    for other in ("ceilings.json", "other-ceilings.json"):
        replaced = analyze_files(AnalyzeRequest([folder / "with.json"], ceilings=folder / other))
        assert content(replaced) == content(again(data, ceilings=folder / other))


def test_all_kernels_csv_takes_the_same_options(data: Path, folder: Path) -> None:
    (found,) = load_reports(AnalyzeRequest([folder / "all_kernels.csv"], gpu="h200", only="moe_"))
    expected = again(data, gpu="h200", only="moe_")
    assert content(found)["ops"] == content(expected)["ops"]
    assert (found.target.name, found.notes) == ("h200", expected.notes)


def test_options_together(data: Path, folder: Path) -> None:
    options: dict[str, Any] = {"gpu": "b200", "only": "gate|topk", "ceilings": folder / "ceilings.json"}
    found = analyze_files(AnalyzeRequest([folder / "report.json"], **options))
    assert content(found) == content(again(data, **options))


SAVED = ("report.json", "all_kernels.csv", ".")
REFUSED = ("--domain x", "--ops nowhere", "--timeline nowhere.sqlite", "--selfcheck nowhere.json")


@pytest.mark.parametrize("source", SAVED)
@pytest.mark.parametrize("option", REFUSED)
def test_what_cannot_be_applied_is_refused(capsys, folder: Path, source: str, option: str) -> None:  # type: ignore[no-untyped-def]
    assert run(["analyze", str(folder / source), *option.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{option.split()[0]} does not apply to a" in err


@pytest.mark.parametrize("command", ["report", "compare"])
@pytest.mark.parametrize("source", SAVED)
@pytest.mark.parametrize("option", REFUSED[:2])
def test_report_and_compare_refuse_the_same(capsys, folder: Path, command: str, source: str, option: str) -> None:  # type: ignore[no-untyped-def]
    assert run([command, str(folder / source), *option.split()]) == 2
    assert f"{option.split()[0]} does not apply to a" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--gpu nonsense", "--only (", "--ceilings nowhere.json"])
@pytest.mark.parametrize("source", [*SAVED, "nowhere.ncu-rep"])
def test_wrong_values_are_told_for_every_input(capsys, folder: Path, source: str, option: str) -> None:  # type: ignore[no-untyped-def]
    """Before a report is read: of two things that are wrong, the option is named."""
    name, value = option.split()
    assert run(["analyze", str(folder / source), name, value]) in (1, 2)
    assert repr(value) in (err := capsys.readouterr().err) or value in err
    assert "nowhere.ncu-rep" not in err


def test_a_timeline_with_a_capture_is_refused_before_reading(capsys, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "manifest.json").write_text("this would fail if it were read")
    assert run(["analyze", str(tmp_path), "--timeline", "/nonexistent.sqlite"]) == 2
    assert "--timeline does not apply to a capture" in capsys.readouterr().err
    assert run(["analyze", "nowhere.ncu-rep", "nowhere-else.ncu-rep", "--timeline", "/nonexistent.sqlite"]) == 2
    assert "--timeline goes with one report" in capsys.readouterr().err


@pytest.mark.parametrize("order", [1, -1])
def test_a_saved_analysis_does_not_go_with_others(capsys, folder: Path, order: int) -> None:  # type: ignore[no-untyped-def]
    assert run(["analyze", *[str(folder / "report.json"), "nowhere.ncu-rep"][::order]]) == 2
    assert "cannot be analyzed together" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--top 2", "--sort time", "--wide"])
def test_options_of_the_table_do_not_go_with_json(capsys, folder: Path, option: str) -> None:  # type: ignore[no-untyped-def]
    assert run(["analyze", str(folder / "report.json"), "--json", *option.split()]) == 2
    assert option.split()[0] in capsys.readouterr().err


def test_top_and_sort_on_a_saved_analysis(capsys, folder: Path, decode: RooflineReport) -> None:  # type: ignore[no-untyped-def]
    assert run(["analyze", str(folder), "--top", "2", "--sort", "bytes", "--only", "moe_"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line[:2] in ("1 ", "2 ", "3 ")]
    (case,) = cases_of([replace(decode, ops=[op for op in decode.ops if "moe_" in op.op])])
    most = sorted(case.layer, key=lambda op: -(op.dram_bytes or 0))
    assert [line[1] for line in lines] == [op.op for op in most[:2]]


@pytest.fixture
def analyzed_capture(tmp_path: Path, data: Path) -> Path:
    """A capture with an analysis of it beside: what `analyze cap -o cap` leaves."""
    cap = tmp_path / "cap"
    shutil.copytree(data / "h100-fp8", cap)
    (cap / "report.json").write_text(analyze_files(AnalyzeRequest([cap])).to_json())
    return cap


def test_report_of_an_analyzed_capture_says_what_it_used(analyzed_capture: Path) -> None:
    said: list[str] = []
    (report,) = load_reports(AnalyzeRequest([analyzed_capture], gpu="h200"), said.append)
    assert report.target.name == "h200"
    assert {op.roof_source for op in report.ops} == {"projected"}
    assert "h200" in report.notes[0]
    assert len(said) == 1
    assert f"using the saved analysis {analyzed_capture / 'report.json'}" in said[0]


def test_an_analysis_older_than_the_capture_is_not_used(analyzed_capture: Path) -> None:
    path = analyzed_capture / "report.json"
    old = replace(analyze_files(AnalyzeRequest([path])), generated="2020-01-01T00:00:00Z")
    path.write_text(replace(old, ops=[]).to_json())
    said: list[str] = []
    (report,) = load_reports(AnalyzeRequest([analyzed_capture]), said.append)
    assert report.ops
    assert "older than the capture" in said[0]


def test_a_capture_and_its_analysis_named_twice(analyzed_capture: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    assert run(["report", str(analyzed_capture), str(analyzed_capture / "report.json"), "-o", "x.md"]) == 2
    assert "given twice" in capsys.readouterr().err


def test_report_of_two_captures_of_one_name(tmp_path: Path, data: Path) -> None:
    for folder in ("a", "b"):
        shutil.copytree(data / "h100-fp8", tmp_path / folder / "cap")
    first, second = load_reports(AnalyzeRequest([tmp_path / "a/cap", tmp_path / "b/cap"]))
    assert {op.report for op in first.ops} == {"a/cap/decode-cold", "a/cap/prefill-cold"}
    assert {op.report for op in second.ops} == {"b/cap/decode-cold", "b/cap/prefill-cold"}
