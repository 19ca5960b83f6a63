import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from roofprof.errors import ReportError
from roofprof.formats.ncu_rep import blocks
from roofprof.profiler.ncu.slim import TABLES, slim_report

REPORTS = sorted((Path(__file__).parents[2] / "data").rglob("*.ncu-rep"))

READ = """
import hashlib, json, ncu_report, sys
left_out = set(sys.argv[2:])
seen, dropped = [], 0
context = ncu_report.load_report(sys.argv[1])

def instances(m):
    ids = m.correlation_ids() if m.has_correlation_ids() else None
    values = [str(m.value(i)) for i in range(m.num_instances())]
    return values, [str(ids.value(i)) for i in range(ids.num_instances())] if ids else None

for r in (context.range_by_idx(i) for i in range(context.num_ranges())):
    for a in (r.action_by_idx(i) for i in range(r.num_actions())):
        state = a.nvtx_state()
        domains = [state.domain_by_id(d) for d in state.domains()] if state else []
        nvtx = [(d.name(), list(d.push_pop_ranges()), list(d.start_end_ranges())) for d in domains]
        names = sorted(set(a.metric_names()) - left_out)
        dropped += len(a.metric_names()) - len(names)
        metrics = [(n, m.kind(), m.unit(), str(m.value()), instances(m)) for n in names for m in [a.metric_by_name(n)]]
        functions = [a.name(), a.name(a.NameBase_DEMANGLED), a.name(a.NameBase_MANGLED)]
        seen.append((functions, a.workload_type(), nvtx, metrics))
print(json.dumps([len(seen), dropped, hashlib.sha256(json.dumps(seen).encode()).hexdigest()]))
"""


def read(path: Path) -> Any:
    command = [sys.executable, "-c", READ, str(path), *(name.decode() for name in TABLES)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(importlib.util.find_spec("ncu_report") is None, reason="needs ncu_report")
@pytest.mark.parametrize("report", REPORTS, ids=lambda p: p.name)
def test_every_other_metric_name_and_range_stays(report: Path, tmp_path: Path) -> None:
    slim = tmp_path / "slim.ncu-rep"
    shutil.copyfile(report, slim)
    slim_report(slim)
    (launches, dropped, content), after = read(report), read(slim)
    assert after == [launches, 0, content]
    assert slim.stat().st_size < report.stat().st_size or not dropped


def test_half_of_a_report_without_source_goes_and_a_second_time_nothing(sample: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.ncu-rep"
    shutil.copyfile(sample, report)
    slim_report(report)
    once = report.read_bytes()
    assert len(once) < 0.5 * sample.stat().st_size
    assert len(blocks(once)) == len(blocks(sample.read_bytes()))
    slim_report(report)
    assert report.read_bytes() == once


def test_a_damaged_report_is_left_alone(sample: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.ncu-rep"
    data = sample.read_bytes()[:-10]
    report.write_bytes(data)
    with pytest.raises(ReportError, match="damaged"):
        slim_report(report)
    assert report.read_bytes() == data


def test_a_report_without_the_tables_stays_as_it_is(data: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.ncu-rep"
    shutil.copyfile(data / "kinds" / "range-replay.ncu-rep", report)
    before = report.read_bytes()
    slim_report(report)
    assert report.read_bytes() == before
