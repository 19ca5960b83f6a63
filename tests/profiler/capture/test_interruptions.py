"""A capture that hangs, is interrupted, or finds its folder taken."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from stub_tools import Install, manifest

from roofprof.errors import RoofprofError, UsageError
from roofprof.profiler.capture.session import capture
from roofprof.profiler.run.options import CaptureOptions


@pytest.mark.parametrize("mode", ["hang", "deaf"])
def test_a_hang_is_ended_with_its_children(
    options: CaptureOptions,
    ncu: Install,
    mode: str,
    alive: Callable[[int], bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("roofprof.profiler.run.runner.run_profiler.__defaults__", (None, 1.5))
    ncu(mode)
    path = options.output
    if mode == "hang":
        result = capture(replace(options, timeout_s=1.0))
        assert result.state == "partial"
        assert result.records[0].cause
        assert "stuck_kernel" in result.records[0].cause
    else:
        with pytest.raises(RoofprofError, match="stuck_kernel"):
            capture(replace(options, timeout_s=1.0))
    assert not alive(int((path.parent / "child.pid").read_text()))


def start(options: CaptureOptions, tools: Path) -> "subprocess.Popen[str]":
    """A capture in a process of its own, up to the moment when a kernel is stuck."""
    code = (
        "import sys; from pathlib import Path; from roofprof.profiler.run import gpu\n"
        "gpu.PROCESS_STATUS = Path(sys.argv[2])\n"
        "from roofprof.profiler.capture.session import capture\n"
        "from roofprof.profiler.run.options import CaptureOptions\n"
        "print(capture(CaptureOptions(output=Path(sys.argv[1]))).state)"
    )
    status = tools.parent / "status"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(options.output), str(status)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for _ in range(200):
        if (options.output.parent / "ready").exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    time.sleep(0.5)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_keeps_what_is_there(
    options: CaptureOptions, tools: Path, ncu: Install, number: signal.Signals, alive: Callable[[int], bool]
) -> None:
    ncu("wait")
    process = start(options, tools)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (out.strip(), err) == ("partial", "")
    m = manifest(options.output)
    assert (m["state"], len(m["runs"]), m["runs"][0]["cause"]) == ("partial", 1, "interrupted")
    assert m["runs"][0]["launches"] == 9
    assert not (options.output / ".partial").exists()
    assert not alive(int((options.output.parent / "child.pid").read_text()))


def test_an_interruption_of_nsys_keeps_what_is_there(
    options: CaptureOptions, tools: Path, ncu: Install, nsys: Install, alive: Callable[[int], bool]
) -> None:
    ncu()
    nsys("wait")
    process = start(options, tools)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (out.strip(), err) == ("partial", "")
    m = manifest(options.output)
    assert [r["state"] for r in m["runs"]] == ["complete", "complete"]
    assert [(t["trace"], t["state"], t["cause"]) for t in m["nsys"]] == [
        ("nsys/decode-eager.sqlite", "partial", "interrupted")
    ]
    assert not (options.output / ".partial").exists()
    assert not alive(int((options.output.parent / "child.pid").read_text()))


def test_a_directory_that_is_being_written_is_refused(options: CaptureOptions, tools: Path, ncu: Install) -> None:
    ncu("wait")
    process = start(options, tools)
    try:
        with pytest.raises(UsageError, match="in use by another capture"):
            capture(replace(options, force=True))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_a_directory_with_content_is_refused(options: CaptureOptions, ncu: Install) -> None:
    ncu()
    capture(options)
    with pytest.raises(UsageError, match="not empty"):
        capture(options)
    assert capture(replace(options, force=True)).state == "complete"
    (options.output / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        capture(replace(options, force=True))
    assert (options.output / "thesis.txt").read_text() == "mine"
    with pytest.raises(UsageError, match="is a file"):
        capture(replace(options, output=options.output / "thesis.txt"))
