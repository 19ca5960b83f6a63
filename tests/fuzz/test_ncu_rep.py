"""A sample of what scripts/fuzz-ncu-rep does whole: damaged reports end in a result or a ReportError."""

import subprocess
import sys
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from damage_ncu_rep import DAMAGES, DATA, REPORTS, outcome, variants

from roofprof.parsers.ncu.report import NcuReport, read_ncu_report

SAMPLE = 2 * len(REPORTS) * len(DAMAGES)


@pytest.fixture(scope="module")
def originals() -> dict[str, NcuReport]:
    return {name: read_ncu_report(DATA / f"{name}.ncu-rep") for name in REPORTS}


def test_damage_is_refused_told_or_without_effect(originals: dict[str, NcuReport], tmp_path: Path) -> None:
    path = tmp_path / "damaged.ncu-rep"
    table: dict[str, Counter[str]] = {kind: Counter() for kind in DAMAGES}
    for name, kind, content in variants(SAMPLE):
        path.write_bytes(content)
        table[kind][outcome(path, originals[name])] += 1  # another exception than ours fails here
    assert all(row.total() for row in table.values())
    assert not table["length"]["silence"]
    assert not table["cut"]["unchanged"]
    assert not table["block doubled"]["silence"]


def test_memory_is_bounded_by_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "damaged.ncu-rep"
    for name, kind, content in variants(len(REPORTS) * len(DAMAGES)):
        if name != "set-full":
            continue
        path.write_bytes(content)
        tracemalloc.start()
        outcome(path, read_ncu_report(DATA / f"{name}.ncu-rep"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8 * len(content) + (16 << 20), kind


def test_the_command_prints_the_table(root: Path) -> None:
    script = root / "tests/fuzz/damage_ncu_rep.py"
    done = subprocess.run([sys.executable, script, "--variants", "6"], capture_output=True, text=True, check=True)
    assert "| damage | refused | unchanged | finding | silence | another exception |" in done.stdout
    assert "6 variants" in done.stdout
