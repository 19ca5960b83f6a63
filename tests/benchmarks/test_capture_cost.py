"""The benchmark of capture's cost, with stub commands: what it runs and the ratios that it prints."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def benchmark(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("capture_cost", root / "benchmarks" / "capture_cost.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "capture_cost", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "need_gpu", lambda: type("Gpu", (), {"compute_capability": "9.0"}))
    return module


def test_all_run_the_same_process(benchmark: ModuleType, tmp_path: Path) -> None:
    commands = benchmark.make_contestants(tmp_path, 64, None)
    bare = commands["bare"][0]
    for name in ("two runs", "one run", "roofline", "roofline, no source"):
        for command in commands[name]:
            assert command[-len(bare) :] == bare
            assert command[command.index("--clock-control") + 1] == "none"
            assert command[command.index("--profile-from-start") + 1] == "off"
    one, (first, second) = commands["one run"][0], commands["two runs"]
    metrics = [set(c[c.index("--metrics") + 1].split(",")) for c in (one, first, second)]
    assert metrics[0] == metrics[1] | metrics[2]
    assert "--import-sass" not in commands["roofline"][0]
    assert "--no-nsys" in commands["capture"][0]


def test_ratios_are_of_what_goes_beyond_the_bare_process(benchmark: ModuleType) -> None:
    costs = {"bare": (10, 0), "capture": (30, 2), "roofline": (90, 80), "two runs": (28, 2), "one run": (56, 1)}
    assert benchmark.ratios({name: benchmark.Cost(*cost) for name, cost in costs.items()}) == [
        "extra time of capture / roofline: 0.250",
        "size of capture / roofline: 0.025",
        "time of two runs / one run: 0.500",
    ]


def test_a_command_that_fails_says_so(benchmark: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="exit code 3"):
        benchmark.measure([[sys.executable, "-c", "raise SystemExit(3)"]], tmp_path / "x")
    write = f"open({str(tmp_path / 'y' / 'file')!r}, 'w').write('abc')"
    assert benchmark.measure([[sys.executable, "-c", write]], tmp_path / "y").size_bytes == 3
