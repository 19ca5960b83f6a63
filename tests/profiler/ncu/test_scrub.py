import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from roofprof.errors import ReportError
from roofprof.formats.ncu_rep import blocks
from roofprof.profiler.ncu.scrub import cut_to_whole, scrub_report
from roofprof.profiler.run.secrets import collect_secrets

Plant = Callable[[bytes, list[str]], bytes]

REPORTS = sorted((Path(__file__).parents[2] / "data").rglob("*.ncu-rep"))

READ = """
import hashlib, json, ncu_report, sys
seen = []
context = ncu_report.load_report(sys.argv[1])
for r in (context.range_by_idx(i) for i in range(context.num_ranges())):
    for a in (r.action_by_idx(i) for i in range(r.num_actions())):
        state = a.nvtx_state()
        domains = [state.domain_by_id(d) for d in state.domains()] if state else []
        nvtx = [(d.name(), list(d.push_pop_ranges()), list(d.start_end_ranges())) for d in domains]
        metrics = [(n, str(a.metric_by_name(n).value())) for n in sorted(a.metric_names())]
        seen.append((a.name(), a.name(a.NameBase_DEMANGLED), a.name(a.NameBase_MANGLED), nvtx, metrics))
print(len(seen), hashlib.sha256(json.dumps(seen).encode()).hexdigest())
"""


def read(path: Path) -> str:
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.skipif(importlib.util.find_spec("ncu_report") is None, reason="needs ncu_report")
@pytest.mark.parametrize("report", REPORTS, ids=lambda p: p.name)
def test_numbers_and_names_stay(report: Path, tmp_path: Path, plant_in: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "canary-environment-0815")
    raw = tmp_path / "raw.ncu-rep"
    raw.write_bytes(plant_in(report.read_bytes(), ["--secret", "canary-argument-4711"]))
    scrubbed = tmp_path / "scrubbed.ncu-rep"
    shutil.copyfile(raw, scrubbed)
    scrub_report(scrubbed, collect_secrets(["--secret", "canary-argument-4711"]))
    assert read(scrubbed) == read(raw)
    assert scrubbed.stat().st_size == raw.stat().st_size


def test_session_data_is_overwritten(
    sample: Path, tmp_path: Path, plant_in: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAIN_SETTING", "canary-environment-0815")
    monkeypatch.setenv("MULTI_LINE", "first canary line\nsecond canary line")
    report = tmp_path / "report.ncu-rep"
    report.write_bytes(plant_in(sample.read_bytes(), ["--secret=canary-argument-4711"]))
    before = report.read_bytes()
    wanted = [
        b"canary",
        b"203.0.113.77",
        b"fe80::77",
        sys.executable.encode(),
        b"Some(R)",
        str(Path.cwd()).encode(),
    ]
    assert all(w in before for w in wanted)
    assert scrub_report(report, collect_secrets(["--secret=canary-argument-4711"])) == 9
    after = report.read_bytes()
    assert [w for w in wanted if w in after] == []
    assert blocks(after) == blocks(before)
    assert b"NVIDIA H100 80GB HBM3" in after


def test_scrubbing_twice_changes_nothing(sample: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.ncu-rep"
    shutil.copyfile(sample, report)
    scrub_report(report, collect_secrets())
    once = report.read_bytes()
    scrub_report(report, collect_secrets())
    assert report.read_bytes() == once


def test_metric_kernel_and_range_names_stay_whatever_the_environment_holds(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METRICS", "gpu__time_duration.sum")
    monkeypatch.setenv("KERNEL", "scale_add")
    report = tmp_path / "report.ncu-rep"
    shutil.copyfile(sample, report)
    kernels = report.read_bytes().count(b"scale_add")
    scrub_report(report, collect_secrets())
    assert b"gpu__time_duration.sum" in report.read_bytes()
    assert report.read_bytes().count(b"scale_add") == kernels > 9


def test_a_damaged_report_is_left_alone(sample: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.ncu-rep"
    data = sample.read_bytes()[:-10]
    report.write_bytes(data)
    with pytest.raises(ReportError, match="damaged"):
        scrub_report(report, collect_secrets())
    assert report.read_bytes() == data


def test_a_cut_report_is_cut_to_whole_blocks(sample: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.ncu-rep"
    report.write_bytes(sample.read_bytes()[:-10])
    assert cut_to_whole(report)
    assert scrub_report(report, collect_secrets()) == 8
    assert not cut_to_whole(report)
    report.write_bytes(b"NVR\0\0\0\0\0")
    with pytest.raises(ReportError, match="no results"):
        cut_to_whole(report)
