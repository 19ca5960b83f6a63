"""The names that `import roofprof` offers, and what they cost."""

import subprocess
import sys
from pathlib import Path

import pytest

import roofprof
from roofprof.results.report import RooflineReport


def test_nothing_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, roofprof; assert set(roofprof.__all__) <= set(dir(roofprof));"
        "print(sorted(m for m in sys.modules if m.startswith('roofprof.') or m in ('polars', 'numpy', 'typer')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_is_there() -> None:
    for name in roofprof.__all__:
        assert getattr(roofprof, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = roofprof.nonsense  # type: ignore[attr-defined]


def test_analyze_save_and_load(data: Path, tmp_path: Path) -> None:
    report = roofprof.analyze(str(data / "kinds/set-roofline.ncu-rep"), gpu="h100")
    assert isinstance(report.data, roofprof.RooflineReport)
    assert roofprof.RooflineReport is RooflineReport
    path = tmp_path / "report.json"
    path.write_text(report.to_json())
    assert roofprof.load_report(path).to_json() == roofprof.load_report(str(path)).to_json() == report.to_json()
    assert roofprof.analyze(path, gpu="h200").target.name == "h200"


def test_the_date_is_that_of_the_measurement_where_it_is_known(data: Path) -> None:
    capture = roofprof.analyze(data / "h100-fp8", only="topk")
    assert capture.data.date == "2026-11-22"
    bare = roofprof.analyze(data / "kinds/set-roofline.ncu-rep")
    assert bare.data.date == f"analyzed {bare.data.generated[:10]}"
