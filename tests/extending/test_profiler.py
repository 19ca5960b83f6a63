"""docs/extending/profiler.md, followed step by step with a stub of its profiler."""

import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from stub_tools import write_script

from roofprof.cli import run
from roofprof.profiler.capture.session import capture
from roofprof.profiler.run import backend
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.watch import CaptureProgress
from roofprof.profiler.sweep.plan import SweepOptions
from roofprof.profiler.sweep.sweep import sweep

Install = Callable[..., Path]
NAME = "roofprof.profiler.launchlog.backend"

LAUNCHLOG = """#!{python}
import sys, time
if "--version" in sys.argv:
    sys.exit(print("launchlog 2026.1.0"))
print("logging", flush=True)
if {mode!r} == "hang":
    time.sleep(600)
if {mode!r} != "nothing":
    open(sys.argv[sys.argv.index("--output") + 1], "w").write("rope,{folder}/secret\\nrope\\n")
sys.exit({mode!r} == "fails")
"""


@pytest.fixture(autouse=True)
def followed(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The module of the page in its package, and its line of MODULES."""
    module, line = re.findall(r"```python\n(.*?)```", (root / "docs/extending/profiler.md").read_text(), re.DOTALL)
    path = tmp_path / "backend.py"
    path.write_text(module)
    spec = importlib.util.spec_from_file_location(NAME, path)
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    monkeypatch.setitem(sys.modules, NAME.rpartition(".")[0], ModuleType("launchlog"))
    monkeypatch.setitem(sys.modules, NAME, loaded)
    monkeypatch.setattr(backend, "MODULES", list(backend.MODULES))
    exec(line, {"MODULES": backend.MODULES})
    yield
    backend._load.cache_clear()


@pytest.fixture
def launchlog(tools: Path) -> Callable[..., None]:
    def install(mode: str = "ok") -> None:
        write_script(tools / "launchlog", LAUNCHLOG.format(python=sys.executable, mode=mode, folder=tools))

    return install


@pytest.fixture
def options(tmp_path: Path, tools: Path) -> CaptureOptions:
    return CaptureOptions(output=tmp_path / "out", nsys=False)


def manifest(path: Path) -> Any:
    return json.loads((path / "manifest.json").read_text())


def test_a_third_profiler_is_captured_with(
    options: CaptureOptions, ncu: Install, launchlog: Callable[..., None], tools: Path
) -> None:
    ncu()
    launchlog()
    seen: list[CaptureProgress] = []
    result = capture(options, seen.append)
    assert result.state == "complete"
    assert (seen[-1].run, seen[-1].run_number, seen[-1].run_count) == ("decode launchlog", 3, 3)
    m = manifest(options.output)
    (row,) = m["launch_logs"]
    assert {k: row[k] for k in ("name", "phase", "log", "format", "launches", "state", "cause")} == {
        "name": "all", "phase": "decode", "log": "launchlog/decode-launchlog.csv", "format": "csv", "launches": 2,
        "state": "complete", "cause": None,
    }  # fmt: skip
    assert m["versions"]["launchlog"] == "2026.1.0"
    kept = (options.output / "launchlog" / "decode-launchlog.csv").read_text()
    assert str(tools) not in kept
    assert kept.startswith("rope,")
    assert not (options.output / ".partial").exists()
    assert capture(replace(options, force=True)).state == "complete"


def test_without_its_program_the_capture_goes_on(options: CaptureOptions, ncu: Install) -> None:
    ncu()
    result = capture(options)
    assert (result.state, result.notes) == ("complete", ("launchlog was not found",))
    assert manifest(options.output)["launch_logs"] == []


@pytest.mark.parametrize(
    ("mode", "state", "cause"),
    [
        ("fails", "partial", "launchlog ended with exit code 1"),
        ("nothing", "failed", "launchlog left no log"),
        ("hang", "failed", "no progress under launchlog; timed out"),
    ],
)
def test_its_failures_leave_the_reports_of_ncu(
    options: CaptureOptions, ncu: Install, launchlog: Callable[..., None], monkeypatch: pytest.MonkeyPatch,
    mode: str, state: str, cause: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("roofprof.profiler.run.runner.run_profiler.__defaults__", (None, 1.5))
    ncu()
    launchlog(mode)
    result = capture(replace(options, timeout_s=1.0))
    assert (result.state, [r.state for r in result.of("ncu")]) == ("partial", ["complete", "complete"])
    (record,) = result.of("launchlog")
    assert record.state == state
    assert record.cause == cause


def test_the_commands_show_it(
    options: CaptureOptions, ncu: Install, launchlog: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    ncu()
    launchlog()
    assert run(["capture", "--dry-run", "--no-nsys"]) == 0
    shown = capsys.readouterr().out
    assert "launchlog --output" in shown
    assert "1 launchlog run" in shown
    assert run(["capture", "--no-nsys", "-o", str(options.output)]) == 0
    assert "complete  decode launchlog: 2 launches logged, " in capsys.readouterr().out


def test_a_sweep_names_its_failures_and_goes_on(
    options: CaptureOptions, ncu: Install, launchlog: Callable[..., None]
) -> None:
    ncu()
    launchlog("fails")
    result = sweep(SweepOptions(options, seq_lens=(64, 128)))
    assert [failure.message for failure in result.failures] == ["partial: launchlog ended with exit code 1"] * 2
    assert not result.interrupted
