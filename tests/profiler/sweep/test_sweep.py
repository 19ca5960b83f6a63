import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stub_tools import Install

from roofprof.cli import run
from roofprof.errors import RoofprofError, UsageError
from roofprof.profiler.capture import session
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.sweep.plan import SweepOptions, planned_captures
from roofprof.profiler.sweep.sweep import sweep


@pytest.fixture
def options(tmp_path: Path, tools: Path) -> SweepOptions:
    return SweepOptions(CaptureOptions(output=tmp_path / "sweep", batch=(1, 64)), seq_lens=(1024, 4096))


def manifest(options: SweepOptions, name: str) -> Any:
    return json.loads((options.base.output / "captures" / name / "manifest.json").read_text())


def told(options: SweepOptions) -> list[str]:
    lines: list[str] = []
    sweep(options, announce=lines.append)
    return lines


def batches(options: SweepOptions, **changes: Any) -> SweepOptions:
    return replace(options, base=replace(options.base, **changes))


def test_each_length_is_one_capture_of_all_batches(options: SweepOptions) -> None:
    everything = replace(batches(options, phase="all"), prefill_batches=(1, 2), prefill_lens=(512,))
    names = ["decode-s1024", "decode-s4096", "prefill-b1-s512", "prefill-b2-s512"]
    assert [item.name for item in planned_captures(everything)] == names


def test_a_sweep_captures_every_point(options: SweepOptions, ncu: Install) -> None:
    ncu()
    result = sweep(options)
    assert [path.name for path in result.captures] == ["decode-s1024", "decode-s4096"]
    assert (result.failures, result.skipped, result.interrupted) == ((), (), False)
    command = manifest(options, "decode-s1024")["command"]
    assert command[command.index("--batch") + 1] == "1,64"
    assert command[command.index("--seq-len") + 1] == "1024"


def test_what_is_complete_is_skipped_and_what_is_not_is_done_again(options: SweepOptions, ncu: Install) -> None:
    ncu("crash")
    first = sweep(options)
    assert [f.name for f in first.failures] == ["decode-s1024", "decode-s4096"]
    assert first.captures  # what came is kept and can be analysed
    ncu()
    assert told(replace(options, seq_lens=(1024,))) == ["decode-s1024 (1 of 1): batch 1,64"]
    assert told(options) == ["decode-s1024: complete, skipped", "decode-s4096 (2 of 2): batch 1,64"]
    again = sweep(options)
    assert again.skipped == ("decode-s1024", "decode-s4096")
    assert len(again.captures) == 2


def test_further_points_are_added_beside_those_that_are_there(options: SweepOptions, ncu: Install) -> None:
    ncu()
    sweep(options)
    wider = replace(batches(options, batch=(1, 64, 128)), seq_lens=(4096,))
    assert told(wider) == ["decode-s4096-2 (1 of 1): batch 128"]
    assert [path.name for path in sweep(wider).captures] == ["decode-s4096", "decode-s4096-2"]


def test_other_conditions_are_refused_unless_forced(options: SweepOptions, ncu: Install) -> None:
    ncu()
    sweep(options)
    other = batches(options, recipe="bf16", only="rope")
    with pytest.raises(UsageError, match="other options: only, recipe"):
        sweep(other)
    assert "rope" not in (options.base.output / "sweep.json").read_text()
    forced = sweep(batches(other, force=True))
    assert len(forced.captures) == 2
    assert forced.skipped == ()
    assert "--recipe" in (command := manifest(options, "decode-s1024")["command"])
    assert command[command.index("--recipe") + 1] == "bf16"


@pytest.mark.parametrize("text", ["", "[]", '{"schema_version": 1}', '{"captures": {"../x": {}}}'])
def test_a_garbled_record_does_not_crash(options: SweepOptions, text: str) -> None:
    options.base.output.mkdir()
    (options.base.output / "sweep.json").write_text(text)
    with pytest.raises(RoofprofError, match=r"sweep\.json (is not the record of a sweep|is not JSON|does not hold)"):
        sweep(options)


def test_a_record_cannot_name_other_folders(options: SweepOptions) -> None:
    options.base.output.mkdir()
    held = {"phase": "decode", "seq_len": 1024, "batches": [1]}
    record = {"schema_version": 1, "conditions": {}, "captures": {"../../home": held}}
    (options.base.output / "sweep.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match="names a directory that no sweep makes"):
        sweep(options)


def test_a_folder_with_something_else_is_refused(options: SweepOptions, ncu: Install) -> None:
    ncu()
    options.base.output.mkdir()
    (options.base.output / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="not a sweep"):
        sweep(options)


def test_nothing_captured_is_an_error_and_fixes_no_conditions(options: SweepOptions, ncu: Install, tools: Path) -> None:
    with pytest.raises(RoofprofError, match="ncu was not found"):
        sweep(options)
    ncu()
    assert len(sweep(batches(options, recipe="bf16")).captures) == 2


def test_an_interruption_ends_the_sweep_and_the_next_goes_on(options: SweepOptions, ncu: Install, tools: Path) -> None:
    ncu("wait")
    code = (
        "import sys; from pathlib import Path; from roofprof.profiler.run import gpu\n"
        "gpu.PROCESS_STATUS = Path(sys.argv[2])\n"
        "from roofprof.profiler.run.options import CaptureOptions\n"
        "from roofprof.profiler.sweep.sweep import sweep\n"
        "from roofprof.profiler.sweep.plan import SweepOptions\n"
        "base = CaptureOptions(output=Path(sys.argv[1]), batch=(1, 64))\n"
        "result = sweep(SweepOptions(base, seq_lens=(1024, 4096)))\n"
        "print(result.interrupted, [c.name for c in result.captures])"
    )
    words = [sys.executable, "-c", code, str(options.base.output), str(tools.parent / "status")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(200):
        if list(options.base.output.rglob("ready")) or process.poll() is not None:
            break
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("True ['decode-s1024']\n", "")
    ncu()
    assert told(options) == ["decode-s1024 (1 of 2): batch 1,64", "decode-s4096 (2 of 2): batch 1,64"]


def test_an_interruption_between_two_runs_ends_the_sweep_too(
    options: SweepOptions, ncu: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run is there to say that it was interrupted; and a failure that talks of interruptions is none."""
    ncu()
    run_profiler, count = session.run_profiler, 0

    def interrupt(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == 2:
            raise KeyboardInterrupt
        return run_profiler(*arguments)

    monkeypatch.setattr(session, "run_profiler", interrupt)
    result = sweep(options)
    assert (result.interrupted, [f.interrupted for f in result.failures]) == (True, [True])
    assert [path.name for path in result.captures] == ["decode-s1024"]


def test_a_failure_that_speaks_of_interruptions_does_not_end_the_sweep(
    options: SweepOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Any:
        raise RoofprofError("nothing was captured: the download was interrupted")

    monkeypatch.setattr("roofprof.profiler.sweep.sweep.capture", fail)
    lines: list[str] = []
    with pytest.raises(RoofprofError):
        sweep(options, announce=lines.append)
    assert [line.split()[0] for line in lines] == ["decode-s1024", "decode-s1024:", "decode-s4096", "decode-s4096:"]


def test_a_sweep_from_before_an_option_goes_on(options: SweepOptions, ncu: Install) -> None:
    ncu()
    sweep(options)
    path = options.base.output / "sweep.json"
    record = json.loads(path.read_text())
    del record["conditions"]["rotate"]
    path.write_text(json.dumps(record))
    assert len(sweep(options).skipped) == 2
    with pytest.raises(UsageError, match="other options: rotate"):
        sweep(batches(options, rotate=False))


def test_the_command_leaves_captures_and_the_scaling_report(
    ncu: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ncu()
    words = ["sweep", "--batch", "1,64", "--seq-len", "1024,4096", "-o", str(tmp_path / "out")]
    assert run(words) == 0
    out = capsys.readouterr()
    assert "| case | ops | time |" in out.out
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"captures", "sweep.json", "report.json", "scaling.csv", "scaling.md", "roofline.png"} <= files
    assert run(words) == 0
    assert "decode-s1024: complete, skipped" in capsys.readouterr().err


def test_a_partial_sweep_exits_1_and_says_what_to_do(
    ncu: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ncu("crash")
    assert run(["sweep", "--batch", "1", "-o", str(tmp_path / "out")]) == 1
    err = capsys.readouterr().err
    assert "warning: decode-s4096: partial" in err
    assert "the same command again captures what is missing" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--batch", "1,x"], "--batch '1,x': expected comma-separated integers"),
        (["--seq-len", "0"], "sequence length 0 is out of range"),
        (["--phase", "both"], "invalid --phase: 'both'"),
        (["--gpu", "gb2000"], "unknown GPU 'gb2000'"),
        (["--only", "nothing-at-all"], "no op matches"),
    ],
)
def test_bad_input_is_told_before_anything_runs(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sweep", *words, "-o", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
