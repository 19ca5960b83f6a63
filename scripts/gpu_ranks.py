"""What only 2 or 4 GPUs can show, in steps with a time limit each; a table last, whatever happens before.

    scripts/gpu-ranks [--ranks N] [--out DIR] [--work DIR] [--limit SECONDS] [STEP...]

Steps that are done (OUT/STEP.json says ok) are not done again unless they are named. Needs no installation: the Python
that has torch, ncu and nsys. Results are small JSON files without names of machines or paths; reports and captures stay
in the work folder, where a later call finds them. --dry-run prints each step's commands and limit.
"""

import argparse
import contextlib
import csv
import io
import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAYLOAD_MIB = 64
STEPS_RUN = 3
LATE_MS = 2.0
PEER_BYTES = 256 << 20
FROM_START = ("--ncu-args", "--profile-from-start off")
"""The workload says itself when its start-up is over."""
TOLERANCE = 1e-3
"""Of link bytes against the ring's."""
LINK_METRICS = (
    "gpu__time_duration.sum", "nvltx__bytes_data_user.sum", "nvlrx__bytes_data_user.sum", "nvltx__bytes.sum",
    "nvlrx__bytes.sum",
)  # fmt: skip
TX, RX = "nvltx__bytes_data_user.sum", "nvlrx__bytes_data_user.sum"
DEVICE = os.environ.get("GPU_RANKS_DEVICE", "cuda")
"""cpu: with stub profilers, to try the script itself."""


class Failed(Exception):  # noqa: N818 - a verdict
    """What a step found wrong."""


@dataclass
class Run:
    """What the steps share."""

    ranks: int
    out: Path
    work: Path
    """Reports and captures."""
    dry: bool = False
    deadline: float = 0.0
    """Of the step at hand, by the monotonic clock."""
    logs: list[str] = field(default_factory=list)

    def call(self, *words: str, check: bool = True) -> str:
        """Run a command within the step's time; its output.

        Raises:
            Failed: it ended with another code than 0, or ran out of time.
        """
        if self.dry:
            print("   ", shlex.join(words))
            return ""
        left = max(1.0, self.deadline - time.monotonic())
        # The output goes to a file: a pipe would be held open by whatever outlives the command.
        with open(self.out / "last.log", "w+", encoding="utf-8", errors="replace") as log:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                code = process.wait(left)
            except subprocess.TimeoutExpired:
                end_group(process)
                raise Failed(f"over its limit: {Path(words[0]).name} {' '.join(words[1:4])}") from None
            finally:
                log.flush()
                log.seek(0)
                text = log.read()
                self.logs.append(f"$ {shlex.join(words)}\n{text}")
        if check and code != 0:
            told = [line for line in text.splitlines() if line.strip()]
            errors = [line for line in told if line.startswith("error: ")] or told[-1:] or ["nothing said"]
            raise Failed(f"exit code {code}: {errors[-1][:300]}")
        return text

    def roofprof(self, *words: str, check: bool = True) -> str:
        """Run roofprof."""
        return self.call(sys.executable, "-m", "roofprof", *words, check=check)

    def capture(self, name: str, *words: str, command: Sequence[str] = (), check: bool = True) -> Path:
        """`roofprof capture --ranks N` into a folder of its own."""
        folder = self.work / name
        left = max(30, int(self.deadline - time.monotonic()) - 20) if not self.dry else 240
        self.roofprof(
            "capture", "--ranks", str(self.ranks), "--force", "-o", str(folder), "--deadline", str(left), *words,
            *(["--", *command] if command else []), check=check,
        )  # fmt: skip
        return folder


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """End a command and what it started: first so that it can end its own."""
    for number, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return


def module(name: str, *words: str) -> list[str]:
    """A module of the harness, on the device that is tried."""
    return [sys.executable, "-m", f"roofprof.harness.parallel.{name}", "--device", DEVICE, *words]


# -- reading reports, with ncu's and Python's own means: polars may not be here


def launches(report: Path) -> list[dict[str, Any]]:
    """Kernel name and metrics in base units of each launch, in order."""
    command = [ncu(), "--import", str(report), "--csv", "--page", "raw", "--print-units", "base", "--print-fp"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120, check=False)
    found = parse_csv(done.stdout)
    if not found:
        raise Failed(f"ncu shows nothing of {report.name}: {done.stderr.strip()[:200]}")
    return found


def ncu() -> str:
    """ncu from PATH or from where NVIDIA installs it."""
    from roofprof.profiler.run.tools import find_ncu

    found = find_ncu()
    return found.path if found else "ncu"


def parse_csv(text: str) -> list[dict[str, Any]]:
    """The rows of ncu's raw page: a header, a row of units, then one row a launch."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith('"ID"')), None)
    if start is None:
        return []
    header, _, *rows = csv.reader(io.StringIO("\n".join(lines[start:])))
    return [{key: number(value) for key, value in zip(header, row, strict=False)} for row in rows if row]


def number(text: str) -> Any:
    """A number of a CSV, or the text."""
    plain = text.replace(",", "")
    try:
        return float(plain)
    except ValueError:
        return text


def is_nccl(launch: Mapping[str, Any]) -> bool:
    """Whether it is a collective's kernel."""
    return "nccl" in str(launch.get("Kernel Name", "")).lower()


COLLECTIVES = ("AllReduce", "AllGather", "ReduceScatter", "SendRecv", "Broadcast")


def collective(launch: Mapping[str, Any]) -> str | None:
    """Which collective a kernel of NCCL does."""
    return next((kind for kind in COLLECTIVES if kind in str(launch.get("Kernel Name", ""))), None)


def truths(n: int) -> dict[str, float]:
    """Bytes that each rank sends by a ring, the broadcast's last rank aside."""
    size = PAYLOAD_MIB << 20
    return {
        "AllReduce": 2 * (n - 1) / n * size, "AllGather": (n - 1) * size, "ReduceScatter": (n - 1) / n * size,
        "SendRecv": (n - 1) / n * size, "Broadcast": size,
    }  # fmt: skip


def nccl_calls(trace: Path, kind: str) -> list[float]:
    """Durations of a collective's kernels in an nsys trace, ns, in order."""
    with contextlib.closing(sqlite3.connect(f"file:{trace}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT k.end - k.start FROM CUPTI_ACTIVITY_KIND_KERNEL AS k JOIN StringIds AS s ON s.id = k.demangledName "
            "WHERE s.value LIKE '%nccl%' AND s.value LIKE ? ORDER BY k.start",
            (f"%{kind}%",),
        )
        return [float(row[0]) for row in rows]


# -- the steps


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
    if {len(values) for values in calls.values()} != {STEPS_RUN + 1}:
        raise Failed(f"{STEPS_RUN + 1} all-reduces a rank were expected", result)
    late_call = {rank: values[2] for rank, values in calls.items()}  # warm-up, clean, late, clean
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


def sums(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Launches, tensor FLOPs and bytes read of a report."""
    flops = re.compile(r"sm__ops_path_tensor_src_\w+\.sum$")
    return {
        "launches": len(rows),
        "tensor_flop_count": sum(v for row in rows for k, v in row.items() if flops.match(k) and isinstance(v, float)),
        "dram_read_bytes": sum(float(row.get("dram__bytes_read.sum") or 0) for row in rows),
    }


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


def processes() -> list[tuple[int, str]]:
    """Live processes of this machine with their words."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                found.append(
                    (int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
                )
    return found


def is_below(pid: int, ancestor: int) -> bool:
    """Whether a process descends from another."""
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            return False
        if pid == ancestor:
            return True
    return False


def ceilings(run: Run) -> dict[str, Any]:
    """The link's roofs: a peer's memory, and all-reduce by size."""
    if DEVICE == "cpu":
        return {"skipped": "no GPU"}
    target = run.work / "links.json"
    run.roofprof("ceilings", "--ranks", str(run.ranks), "-o", str(target))
    return {} if run.dry else json.loads(target.read_text())


@dataclass(frozen=True)
class Step:
    """One step and the seconds that it may take."""

    run: Callable[[Run], dict[str, Any]]
    limit_s: int


STEPS = {
    "doctor": Step(doctor, 120),
    "numerics": Step(numerics, 180),
    "peer": Step(peer, 90),
    "collectives": Step(collectives, 280),
    "late": Step(late, 20),
    "kill": Step(kill, 200),
    "ceilings": Step(ceilings, 150),
    "layer": Step(layer, 480),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the steps and print the table; 1 when one failed or was not started."""
    parser = argparse.ArgumentParser(
        prog="scripts/gpu-ranks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("steps", nargs="*", metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--ranks", type=int, help="GPUs; all that nvidia-smi shows by default")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "out/gpu-ranks")))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "gpu-ranks")
    parser.add_argument("--limit", type=int, default=570, metavar="SECONDS", help="for all steps together")
    parser.add_argument("--dry-run", action="store_true")
    args = parser.parse_args(argv)
    if unknown := [name for name in args.steps if name not in STEPS]:
        parser.error(f"unknown step {unknown[0]}; there are {', '.join(STEPS)}")
    run = Run(args.ranks or count_gpus(), args.out.absolute(), args.work.absolute(), args.dry_run)
    if run.ranks < 2:
        parser.error("fewer than 2 GPUs are here; --ranks says how many to use")
    for folder in (run.out, run.work):
        folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + args.limit
    rows = [do(run, name, end, named=bool(args.steps)) for name in args.steps or STEPS]
    if run.dry:
        return 0
    table = "\n".join(f"{name:<12} {verdict:<10} {seconds:>6.0f} s  {words}" for name, verdict, seconds, words in rows)
    print(f"\n{table}")
    (run.out / "table.txt").write_text(table + "\n", encoding="utf-8")
    return int(any(verdict in ("FAILED", "not begun") for _, verdict, _, _ in rows))


def do(run: Run, name: str, end: float, named: bool) -> tuple[str, str, float, str]:
    """One step: its name, verdict, seconds and words."""
    step, target, start = STEPS[name], run.out / f"{name}.json", time.monotonic()
    if not named and not run.dry and target.is_file() and json.loads(target.read_text()).get("verdict") == "ok":
        return name, "done", 0.0, "before"
    if run.dry:
        print(f"{name}, at most {step.limit_s} s: {(step.run.__doc__ or '').splitlines()[0]}")
        step.run(run)
        return name, "dry", 0.0, ""
    if end - start < 15:
        return name, "not begun", 0.0, "no time left: call again"
    print(f"{name} ...", flush=True)
    run.deadline, run.logs = min(start + step.limit_s, end), []
    verdict, words, result = "ok", "", {}
    try:
        result = step.run(run)
    except Failed as failure:
        verdict, words = "FAILED", str(failure.args[0])
        result = failure.args[1] if len(failure.args) > 1 else {}
    except Exception as error:  # one step's fault must not hide the others'
        verdict, words = "FAILED", f"{type(error).__name__}: {error}"
    words = scrubbed(run, words)
    seconds = time.monotonic() - start
    data = {
        "step": name,
        "ranks": run.ranks,
        "verdict": verdict,
        "seconds": round(seconds, 1),
        "words": words,
        **result,
    }
    target.write_text(scrubbed(run, json.dumps(data, indent=1)) + "\n", encoding="utf-8")
    if verdict != "ok":
        tail = scrubbed(run, "\n".join(run.logs))[-6000:]
        (run.out / f"{name}.log").write_text(tail, encoding="utf-8")
        print(f"    {words}\n" + "\n".join(f"    {line}" for line in tail.splitlines()[-12:]), flush=True)
    (run.out / "last.log").unlink(missing_ok=True)
    return name, verdict, seconds, words[:100]


def scrubbed(run: Run, text: str) -> str:
    """A text without this machine's name and folders."""
    for word in (str(run.out), str(run.work), sys.prefix, str(Path.cwd()), os.uname().nodename, str(Path.home())):
        if len(word) > 2:
            text = text.replace(word, "…")
    return text


def count_gpus() -> int:
    """GPUs that nvidia-smi shows."""
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines())


if __name__ == "__main__":
    sys.exit(main())
