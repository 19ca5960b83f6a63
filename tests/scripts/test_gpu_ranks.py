"""scripts/gpu-ranks with gloo in place of NCCL and stub profilers: every step as on two GPUs, but for their numbers."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import gpu_ranks
import gpu_ranks_reports
import pytest
from stub_tools import write_script

pytest.importorskip("torch")
RANKS = 2
SUPPORT = Path(__file__).parents[1] / "support"

SMI = """#!/bin/sh
[ "$1" = -L ] && { echo "GPU 0: H100"; echo "GPU 1: H100"; exit 0; }
[ "$1" = nvlink ] && exit 0
for g in 0 1; do echo "$g, GPU-0000000$g-2222, NVIDIA H100 80GB HBM3, 9.0, 580.65.06, 81559, 4, Disabled"; done
"""

# Runs the collectives for real, so that there is something to kill, and shows the numbers that are written beside it.
NCU = """#!{python}
import os, subprocess, sys
from pathlib import Path
args = sys.argv[1:]
if "--import" in args:
    name = args[args.index("--import") + 1]
    kind = next(k for k in ("peer", "link", "core") if k in name)
    print("==PROF== a line of ncu's own")
    print((Path({folder!r}) / (kind + ".csv")).read_text())
    sys.exit(0)
if "--version" not in args and "2000" in args:
    print('==PROF== Profiling "kernel" - 0: 0%', flush=True)
    sys.exit(subprocess.run(args[args.index("-o") + 2 :]).returncode)
MODE, SAMPLE, PLANT = "ok", {sample!r}, None
exec(compile(open({stub!r}).read(), {stub!r}, "exec"))
"""

NSYS = """#!{python}
import os, sqlite3, sys
MODE, PLANT = "ok", False
exec(compile(open({stub!r}).read(), {stub!r}, "exec"))
if sys.argv[1] == "export":
    database = sqlite3.connect(out)
    database.execute("INSERT INTO StringIds VALUES (90, 'ncclDevKernel_AllReduce_Sum_bf16_RING_LL')")
    for call, waited in enumerate((9_000_000, 310_000, 2_600_000 if os.environ["RANK"] != "1" else 320_000, 315_000)):
        start = 100_000_000 * (call + 1)
        database.execute(
            "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (?, ?, 0, 7, ?, 1677721600, 90, 90, 1, 1, 1, 1, 1, 1, NULL)",
            (start, start + waited, 100 + call),
        )
    database.commit()
"""


def table(rows: list[dict[str, object]]) -> str:
    """ncu's raw page: quoted, numbers with thousands separators, a row of units below the header."""
    names = ["ID", *dict.fromkeys(name for row in rows for name in row)]
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([names, ["byte"] * len(names)])
    for number, row in enumerate(rows):
        writer.writerow([number, *(f"{v:,}" if isinstance(v := row.get(n, 0), int) else v for n in names[1:])])
    return out.getvalue()


def counted(sent: Callable[[str], int]) -> str:
    """What a rank's link run shows of three steps and the warm-up."""
    kinds = gpu_ranks_reports.COLLECTIVES
    return table(
        [{"Kernel Name": f"ncclDevKernel_{k}_RING", gpu_ranks_reports.TX: sent(k)} for _ in range(4) for k in kinds]
    )


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> Path:
    """Stub tools at the head of PATH, and the numbers that they show."""
    folder = tmp_path / "tools"
    folder.mkdir()
    sample = str(root / "tests" / "data" / "profiler" / "nine-launches.ncu-rep")
    words = {"python": sys.executable, "folder": str(folder), "sample": sample}
    write_script(folder / "nvidia-smi", SMI)
    write_script(folder / "ncu", NCU.format(stub=str(SUPPORT / "stub_ncu.py"), **words))
    write_script(folder / "nsys", NSYS.format(stub=str(SUPPORT / "stub_nsys.py"), **words))
    link, size = (gpu_ranks_reports.TX, gpu_ranks_reports.RX), gpu_ranks_reports.PEER_BYTES
    moved = ((0, 0), (9, size), (size, 9))
    (folder / "peer.csv").write_text(
        table([{"Kernel Name": "roofprof_copy", **dict(zip(link, m, strict=True))} for m in moved])
    )
    (folder / "link.csv").write_text(counted(lambda kind: int(gpu_ranks_reports.truths(RANKS)[kind]) + 9_000))
    flops = {"sm__ops_path_tensor_src_bf16_dst_fp32.sum": 1 << 40, "dram__bytes_read.sum": 1 << 30}
    core = [{"Kernel Name": "nvjet", **flops}, {"Kernel Name": "ncclDevKernel_AllReduce", "dram__bytes_read.sum": 7}]
    (folder / "core.csv").write_text(table(core))
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("GPU_RANKS_DEVICE", "cpu")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return folder


def gpu_ranks_script(root: Path, out: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(root / "scripts" / "gpu-ranks"), "--out", str(out), "--work", str(out / "work"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=560, env=os.environ, cwd=out.parent)


def result(out: Path, step: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / f"{step}.json").read_text())
    return found


def test_collectives_and_the_late_rank(machine: Path, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = gpu_ranks_script(root, out, "peer", "collectives", "late")
    assert done.returncode == 0, done.stdout
    assert "nothing" not in done.stdout
    assert [line.split()[:2] for line in done.stdout.splitlines()[-3:]] == [
        ["peer", "ok"], ["collectives", "ok"], ["late", "ok"],
    ]  # fmt: skip
    sent = result(out, "collectives")["sent"]
    assert isinstance(sent, dict)
    assert sent["AllReduce"].keys() == {"0", "1"}
    calls = result(out, "late")["all_reduce_ns"]
    assert calls == {"0": [9e6, 310e3, 2.6e6, 315e3], "1": [9e6, 310e3, 320e3, 315e3]}
    again = gpu_ranks_script(root, out, "--limit", "1")
    assert again.returncode == 1
    rows = {line.split()[0]: " ".join(line.split()[1:3]) for line in again.stdout.splitlines() if line.strip()}
    assert rows["collectives"].startswith("done")
    assert rows["doctor"] == "not begun"
    written = b"".join(path.read_bytes() for path in out.iterdir() if path.is_file())
    assert str(tmp_path).encode() not in written


def test_bytes_that_are_not_the_rings_fail(machine: Path, root: Path, tmp_path: Path) -> None:
    (machine / "peer.csv").write_text((machine / "peer.csv").read_text().replace("268,435,456", "268,435,424"))
    out = tmp_path / "out"
    done = gpu_ranks_script(root, out, "peer")
    assert done.returncode == 1
    assert "peer_read: tx 9.0, rx 268435424.0, of 268435456" in done.stdout


def test_layer_numerics_and_a_killed_rank(machine: Path, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = gpu_ranks_script(root, out, "numerics", "layer", "kill", "ceilings")
    assert done.returncode == 0, done.stdout
    errors = result(out, "numerics")["errors"]
    assert isinstance(errors, dict)
    assert errors.keys() == {"tp 2, ep 1", "tp 1, ep 2"}
    killed = result(out, "kill")
    assert {killed[what]["left"] for what in ("roofprof", "workload")} == {0}  # type: ignore[index]


def test_every_step_says_what_it_would_run(machine: Path, root: Path, tmp_path: Path) -> None:
    done = gpu_ranks_script(root, tmp_path / "out", "--dry-run")
    assert done.returncode == 0
    assert all(f"{step}, at most " in done.stdout for step in gpu_ranks.STEPS)
    assert "capture --ranks 2" in done.stdout
    unknown = gpu_ranks_script(root, tmp_path / "out", "everything")
    assert unknown.returncode == 2
