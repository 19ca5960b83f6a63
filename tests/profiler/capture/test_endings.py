"""What a capture leaves when signals, daemons and odd names come in its way."""

import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stub_tools import Install, manifest

from roofprof.cli.progress import ProgressLine, print_result
from roofprof.profiler.capture.jobs import dry_run
from roofprof.profiler.capture.session import capture
from roofprof.profiler.ncu import backend
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.problems import Problem
from roofprof.profiler.run.watch import CaptureProgress


def test_the_manifest_tells_each_file_by_its_digest(options: CaptureOptions, ncu: Install, nsys: Install) -> None:
    ncu()
    nsys()
    capture(options)
    m = manifest(options.output)
    rows = [(run["report"], run) for run in m["runs"]] + [(trace["trace"], trace) for trace in m["nsys"]]
    assert len(rows) >= 3
    for name, row in rows:
        data = (options.output / name).read_bytes()
        assert (row["sha256"], row["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert all(run["launches"] == 9 for run in m["runs"])


def test_what_left_nothing_has_no_digest(options: CaptureOptions, ncu: Install, nsys: Install) -> None:
    ncu()
    nsys("importer")
    capture(options)
    (row, *_) = manifest(options.output)["nsys"]
    assert (row["trace"], row["sha256"], row["bytes"]) == (None, None, None)


def test_ctrl_c_while_a_report_is_kept_loses_neither(
    options: CaptureOptions, ncu: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    ncu()
    whole = backend.scrub_report

    def interrupted(*arguments: Any) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return whole(*arguments)

    monkeypatch.setattr(backend, "scrub_report", interrupted)
    result = capture(options)
    assert result.interrupted
    assert result.state == "partial"  # the second run did not begin
    (run,) = manifest(options.output)["runs"]
    assert (run["state"], run["report"]) == ("complete", "ncu/decode-core-cold.ncu-rep")


@pytest.mark.parametrize("nsys_too", [False, True])
def test_an_output_that_begins_with_a_dash(
    nsys_too: bool, tmp_path: Path, ncu: Install, nsys: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    ncu()
    nsys()
    monkeypatch.chdir(tmp_path)
    options = CaptureOptions(output=Path("-dash"), nsys=nsys_too)
    for part in dry_run(options, "gh100").parts:
        for job in part.jobs:
            assert not [word for word in job.command if "-dash" in word and not word.startswith("/")]
    assert capture(options).state == "complete"
    assert manifest(tmp_path / "-dash")["state"] == "complete"


RUNNING_NCU = """#!{python}
import subprocess, sys
from pathlib import Path
if "--version" in sys.argv:
    sys.exit(print("Version 2025.3.1.0"))
at = sys.argv.index("-o")
subprocess.run(sys.argv[at + 2:])
print('==PROF== Profiling "k" - 0: 0%....100% - 1 pass')
Path(sys.argv[at + 1]).write_bytes(Path({sample!r}).read_bytes())
"""
DAEMON = "sleep 600 & sleep 600 & exit 0"


def test_a_workload_that_leaves_processes_is_not_complete(
    options: CaptureOptions, tools: Path, ncu: Install, sample: Path
) -> None:
    ncu().write_text(RUNNING_NCU.format(python=sys.executable, sample=str(sample)))
    result = capture(replace(options, command=("setsid", "/bin/sh", "-c", DAEMON), nsys=False))
    assert result.state == "partial"
    assert result.records[0].file
    assert result.records[0].cause == "the workload left processes running, which were ended: sleep (2)"


def test_what_is_printed_of_a_cause_does_not_steer_the_terminal(
    options: CaptureOptions, ncu: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    ncu()
    result = capture(options)
    problem = Problem("red \x1b[31m\x1b]0;title\x07", "\x9b2J")
    print_result(replace(result, records=(replace(result.records[0], problem=problem),)), as_json=False)
    ProgressLine()(CaptureProgress("r", 1, 1, kernel="k\x1b[2J"))
    printed = "".join(capsys.readouterr())
    assert printed.count("\\x1b") >= 3
    assert not {"\x1b", "\x07", "\x9b"} & set(printed)


def test_ctrl_c_during_imports_prints_no_traceback(root: Path) -> None:
    code = (
        "import builtins, sys\nimport roofprof.__main__ as entry\nwhole = builtins.__import__\n"
        "def interrupted(name, *rest):\n"
        "    if name == 'typer':\n        raise KeyboardInterrupt\n    return whole(name, *rest)\n"
        "builtins.__import__ = interrupted\nentry.main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
