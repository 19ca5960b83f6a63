"""The layer over 2, 4 and 8 processes with gloo on the CPU, against one process's result in float32."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from roofprof.formulas.range_names import parse_range_name
from roofprof.own_python import module_command

pytest.importorskip("torch")
SMALL = ["--device", "cpu", "--tokens", "6", "--hidden", "64", "--attention", "128", "--inter", "32", "--experts", "16"]


def launch(ranks: int, module: str, *words: str) -> "subprocess.CompletedProcess[str]":
    launcher = module_command(
        "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks), "--no-python", "--"
    )
    command = [*launcher, *module_command(module, *words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


@pytest.mark.parametrize(("tp", "ep"), [(2, 1), (4, 1), (1, 4), (2, 4), (8, 8)])
def test_every_part_is_what_one_process_computes(tp: int, ep: int) -> None:
    """Of 6 tokens two of eight processes have none to send."""
    done = launch(max(tp, ep), "roofprof.harness.parallel", *SMALL, "--tp", str(tp), "--ep", str(ep))
    assert done.returncode == 0, done.stderr
    results = {row["op"]: row for row in json.loads(done.stdout)["results"]}
    assert results.keys() == {"all_reduce_attn", "all_reduce_mlp", "moe", *(["ep_dispatch"] if ep > 1 else [])}
    assert {row["verdict"] for row in results.values()} == {"ok"}
    assert all(row["error"] <= 1e-5 for row in results.values())


def test_a_wrong_result_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A tolerance that float32 cannot meet stands for an exchange that loses a row."""
    code = (
        "import sys; from roofprof.harness.parallel import __main__ as m; "
        "m.TOLERANCE['float32'] = 0.0; sys.exit(m.main(sys.argv[1:]))"
    )
    launcher = module_command("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python", "--")
    command = [*launcher, sys.executable, "-c", code, *SMALL, "--tp", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert '"WRONG"' in done.stdout


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What each of four processes said of the layer, TP 2 and EP 4."""
    folder = tmp_path_factory.mktemp("parallel")
    code = (
        "import os, sys; from roofprof.harness.run.__main__ import main; "
        f"sys.exit(main([*sys.argv[1:], '--json-out', {str(folder)!r} + '/' + os.environ['RANK'] + '.json']))"
    )
    launcher = module_command("torch.distributed.run", "--standalone", "--nproc-per-node", "4", "--no-python", "--")
    words = ["--device", "cpu", "--experts", "16", "--tp", "2", "--ep", "4", "--ranks", "4", "--batch", "6"]
    words += ["--repeats", "2", "--only", "^ep_|^all_reduce|^moe_(align|permute|combine|add)|^topk$"]
    done = subprocess.run(
        [*launcher, sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(4)]


def test_the_profiled_layer_runs_its_collectives_in_ranges_of_their_own(ran: list[Any]) -> None:
    for rank, manifest in enumerate(ran):
        assert (manifest["rank"], manifest["ranks"]) == (rank, 4)
        ops = {op["op"]: op for op in manifest["cases"][0]["ops"]}
        assert [op for op in ops if op.startswith(("ep_", "all_"))] == [
            "all_reduce_attn", "ep_dispatch", "ep_combine", "all_reduce_mlp",
        ]  # fmt: skip
        assert not any(op["not_run"] for op in ops.values())
        assert ops["all_reduce_attn"]["range_name"] == "all_reduce_attn:all_reduce:m6:d7168:t2"
        assert ops["moe_combine"]["shape"]["m"] == 3


def test_what_ranks_say_of_the_exchange_agrees(ran: list[Any]) -> None:
    names = [{op["op"]: op["range_name"] for op in m["cases"][0]["ops"]} for m in ran]
    sent = [parse_range_name(name["ep_dispatch"]).shape["r"] for name in names]
    returned = [parse_range_name(name["ep_combine"]).shape["r"] for name in names]
    assert sum(map(int, sent)) == sum(map(int, returned))
    rows = [manifest["cases"][0]["routing"]["row_count"] for manifest in ran]
    assert sum(rows) == 2 * 6 * 8  # two groups of 6 tokens, 8 experts each


def test_without_a_launcher_it_says_so() -> None:
    words = ["--device", "cpu", "--tp", "2", "--ranks", "2"]
    environment = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE")}
    done = subprocess.run(
        module_command("roofprof.harness.run", *words), capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.returncode == 2
    assert "error: --ranks 2 without a launcher: RANK" in done.stderr
