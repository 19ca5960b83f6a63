"""The steps of gpu_ranks.py."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gpu_ranks_reports import (
    DEVICE,
    FROM_START,
    LATE_MS,
    LINK_METRICS,
    PAYLOAD_MIB,
    PEER_BYTES,
    RX,
    STEPS_RUN,
    TOLERANCE,
    TX,
    Failed,
    collective,
    is_nccl,
    launches,
    nccl_calls,
    ncu,
    sums,
    truths,
)
from gpu_ranks_run import Run, end_group, is_below, module, processes


def doctor(run: Run) -> dict[str, Any]:
    """GPUs, links, NCCL, launcher, folder."""
    text = run.roofprof("doctor", "--no-ops", "--ranks", str(run.ranks), "--json", check=False)
    if run.dry:
        return {}
    checks = json.loads(text[text.index("{") :])["checks"]
    wrong = [f"{c['name']}: {c['detail']}" for c in checks if c["status"] == "fail"]
    if wrong:
        raise Failed("; ".join(wrong))
    return {"checks": {c["name"]: f"{c['status']}, {c['detail']}" for c in checks}}


def numerics(run: Run) -> dict[str, Any]:
    """The parallel layer's results against one GPU's."""
    n, found = run.ranks, {}
    cuts = [(n, 1), (1, n), *([(2, n)] if n > 2 else [])]
    for tp, ep in cuts:
        size = ["--tokens", "64", "--experts", "32"]
        size += ["--hidden", "64", "--attention", "128", "--inter", "32"] if DEVICE == "cpu" else []
        words = [*torchrun(n), sys.executable, "-m", "roofprof.harness.parallel", "--device", DEVICE, *size]
        text = run.call(*words, "--tp", str(tp), "--ep", str(ep))
        if not run.dry:
            results = json.loads(text[text.index("{\n") : text.rindex("}") + 1])["results"]
            found[f"tp {tp}, ep {ep}"] = {row["op"]: row["error"] for row in results}
    return {"errors": found}


def torchrun(n: int) -> list[str]:
    """A launch of n processes on this machine."""
    return [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(n),
        "--no-python",
        "--",
    ]


def peer(run: Run) -> dict[str, Any]:
    """A kernel that reads, and one that writes, known bytes of another GPU's memory: the counters must be exact."""
    report = run.work / "peer.ncu-rep"
    run.call(
        ncu(), "--clock-control", "none", "--nvtx", "-k", "regex:roofprof_copy", "--metrics", ",".join(LINK_METRICS),
        "-f", "-o", str(report), sys.executable, "-m", "roofprof.harness.parallel.peer",
    )  # fmt: skip
    if run.dry:
        return {}
    rows = [row for row in launches(report) if "roofprof_copy" in str(row["Kernel Name"])]
    shown = [{"tx_user": row[TX], "rx_user": row[RX]} for row in rows]
    names: list[str] = ["local_copy", "peer_read", "peer_write"]
    found = dict(zip(names, shown, strict=False))
    wanted = {"local_copy": (0, 0), "peer_read": (None, PEER_BYTES), "peer_write": (PEER_BYTES, None)}
    for name, (tx, rx) in wanted.items():
        got = found.get(name) or {}
        if any(want is not None and got.get(key) != want for key, want in (("tx_user", tx), ("rx_user", rx))):
            raise Failed(f"{name}: tx {got.get('tx_user')}, rx {got.get('rx_user')}, of {PEER_BYTES}")
    return {"bytes": PEER_BYTES, "counted": found}


def collectives(run: Run) -> dict[str, Any]:
    """Five collectives of known payload on every rank: sent bytes against the ring's, and a rank that is late once."""
    words = ["--mib", str(PAYLOAD_MIB), "--steps", str(STEPS_RUN), "--late-rank", "1", "--late-ms", str(LATE_MS)]
    folder = run.capture("collectives", *FROM_START, command=module("collectives", *words))
    if run.dry:
        return {}
    table: dict[str, dict[str, list[float]]] = {}
    worst: dict[str, float] = {}
    for rank in range(run.ranks):
        for launch in launches(folder / f"rank{rank:03d}" / "ncu" / "workload-link-cold.ncu-rep"):
            kind = collective(launch)
            if kind:
                table.setdefault(kind, {}).setdefault(str(rank), []).append(float(launch[TX]))
    for kind, truth in truths(run.ranks).items():
        by_rank = table.get(kind, {})
        if len(by_rank) != run.ranks:
            raise Failed(f"{kind} was counted on {len(by_rank)} of {run.ranks} ranks")
        # The last rank of a broadcast's ring hands nothing on.
        sent = sorted(value for values in by_rank.values() for value in values)
        sent = sent[len(sent) // run.ranks :] if kind == "Broadcast" else sent
        worst[kind] = max(abs(value / truth - 1) for value in sent)
    wrong = [f"{kind} {share:.2%}" for kind, share in worst.items() if share > TOLERANCE]
    result = {"truth": truths(run.ranks), "sent": table, "largest_error": worst, "nvls": nvls()}
    if wrong:
        raise Failed(f"sent bytes off the ring's: {', '.join(wrong)}", result)
    return result


def nvls() -> str | None:
    """NCCL_NVLS_ENABLE as it is."""
    return os.environ.get("NCCL_NVLS_ENABLE")


def late(run: Run) -> dict[str, Any]:
    """In the traces of the step before: the others wait for the late rank, which does not wait."""
    if run.dry:
        print("    (reads what collectives captured)")
        return {}
    folder = run.work / "collectives"
    calls = {
        rank: nccl_calls(next((folder / f"rank{rank:03d}" / "nsys").glob("*.sqlite")), "AllReduce")
        for rank in range(run.ranks)
    }
    result = {"all_reduce_ns": {str(rank): values for rank, values in calls.items()}}
    if len({len(values) for values in calls.values()}) != 1 or min(map(len, calls.values())) < STEPS_RUN:
        raise Failed(f"{STEPS_RUN} all-reduces a rank were expected", result)
    # Clean, late, clean; a trace may hold the warm-up's call before them.
    late_call = {rank: values[-STEPS_RUN:][1] for rank, values in calls.items()}
    others = [value for rank, value in late_call.items() if rank != 1]
    if min(others) - late_call[1] < 0.8e6 * LATE_MS:
        raise Failed(f"the others waited {(min(others) - late_call[1]) / 1e6:.2f} ms, not {LATE_MS}", result)
    return result


LAYER = ("--phase", "decode", "--batch", "64", "--recipe", "bf16", "--repeats", "3", "--no-graph")


def layer(run: Run) -> dict[str, Any]:
    """The decode layer over all GPUs by TP, against one rank's share on one GPU: FLOPs alike, and bytes read."""
    tp = ["--tp", str(run.ranks)]
    folder = run.capture("layer", *LAYER, *tp)
    one = run.work / "one"
    run.roofprof("capture", *LAYER, *tp, "--no-nsys", "--force", "-o", str(one))
    if run.dry:
        return {}
    alone = sums(launches(one / "ncu" / "decode-core-cold.ncu-rep"))
    result: dict[str, Any] = {"one_gpu": alone, "ranks": {}}
    wrong = []
    for rank in range(run.ranks):
        here = launches(folder / f"rank{rank:03d}" / "ncu" / "decode-core-cold.ncu-rep")
        found = sums([launch for launch in here if not is_nccl(launch)])
        result["ranks"][str(rank)] = {**found, "nccl_launches": sum(map(is_nccl, here))}
        if found["tensor_flop_count"] != alone["tensor_flop_count"]:
            wrong.append(
                f"rank {rank}: {found['tensor_flop_count']:.6g} FLOPs, one GPU {alone['tensor_flop_count']:.6g}"
            )
        share = found["dram_read_bytes"] / alone["dram_read_bytes"] - 1 if alone["dram_read_bytes"] else 1.0
        if abs(share) > 0.02:
            wrong.append(f"rank {rank}: {share:+.1%} bytes read")
        if not result["ranks"][str(rank)]["nccl_launches"]:
            wrong.append(f"rank {rank}: no kernel of NCCL in its report")
    if wrong:
        raise Failed("; ".join(wrong), result)
    return result


def kill(run: Run) -> dict[str, Any]:
    """`kill -9` of one rank's roofprof, then of one rank's workload: everything ends, nothing is left."""
    if run.dry:
        print("    roofprof capture --ranks N -- collectives --steps 2000, and kill -9 of rank 1 once it profiles")
        return {}
    result: dict[str, Any] = {}
    for what in ("roofprof", "workload"):
        folder = run.work / f"kill-{what}"
        shutil.rmtree(folder, ignore_errors=True)
        command = [
            sys.executable, "-m", "roofprof", "capture", "--ranks", str(run.ranks), "--no-nsys", "-o", str(folder),
            "--deadline", "60", *FROM_START, "--", *module("collectives", "--steps", "2000", "--mib", "1"),
        ]  # fmt: skip
        with open(run.out / f"kill-{what}.log", "w", encoding="utf-8") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                target = wait_for_target(folder, what, run.deadline)
                start = time.monotonic()
                os.kill(target, signal.SIGKILL)
                process.wait(max(1.0, run.deadline - start))
            except subprocess.TimeoutExpired:
                end_group(process)
                raise Failed(f"not ended after kill -9 of a rank's {what}", result) from None
            finally:
                end_group(process)
        seconds = time.monotonic() - start
        left = [pid for pid, words in processes() if str(folder) in words]
        result[what] = {"seconds_to_end": round(seconds, 1), "exit_code": process.returncode, "left": len(left)}
        if left or process.returncode == 0:
            raise Failed(f"kill -9 of a rank's {what}: {len(left)} left, exit {process.returncode}", result)
    return result


def wait_for_target(folder: Path, what: str, deadline: float) -> int:
    """The process to kill, once rank 1's profiler is at work."""
    rank = folder / "rank001" / ".partial"
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            log = (rank / "workload-core-cold.log").read_text(encoding="utf-8", errors="replace")
            pid = int((rank / "pid").read_text())
            if "Profiling" in log or DEVICE == "cpu":
                if what == "roofprof":
                    return pid
                below = [p for p, words in processes() if "parallel.collectives" in words and is_below(p, pid)]
                if below:
                    return max(below)  # started last: its profiler and guard have the same words
        time.sleep(0.2)
    raise Failed("rank 1 did not come to profile anything")


def ceilings(run: Run) -> dict[str, Any]:
    """The link's roofs: a peer's memory, and all-reduce by size."""
    if DEVICE == "cpu":
        return {"skipped": "no GPU"}
    target = run.work / "links.json"
    run.roofprof("ceilings", "--ranks", str(run.ranks), "-o", str(target))
    return {} if run.dry else json.loads(target.read_text())
