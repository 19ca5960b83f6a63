import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from roofprof.cli import app
from roofprof.errors import RoofprofError, UsageError

Install = Callable[..., Path]


@pytest.fixture
def run() -> Callable[..., Result]:
    def call(*words: str) -> Result:
        return CliRunner().invoke(app, list(words))

    return call


def test_a_dry_run_needs_nothing(run: Callable[..., Result], tools: Path, tmp_path: Path) -> None:
    (tools / "nvidia-smi").unlink()
    result = run("capture", "--dry-run", "--phase", "all", "--batch", "1,64", "-o", str(tmp_path / "out"))
    assert result.exit_code == 0
    assert "decode, cold cache, core: 1 pass per kernel" in result.output
    assert "4 ncu runs, 2 passes per kernel in all" in result.output
    assert "--batch 1,64 --seq-len 4096" in result.output
    assert "-m roofprof.harness.run --phase prefill" in result.output
    assert "decode, nsys, graph: 10 repeats" in result.output
    assert "--trace=cuda,nvtx" in result.output
    assert "3 nsys runs" in result.output
    assert "nsys" not in run("capture", "--dry-run", "--no-nsys").output
    assert not (tmp_path / "out").exists()


def test_a_dry_run_as_json(run: Callable[..., Result], tools: Path) -> None:
    result = run("capture", "--dry-run", "--json", "--chip", "gb100", "--recipe", "nvfp4-v2", "--groups", "mufu,fp8")
    plan = json.loads(result.output)
    assert (plan["chip"], plan["tested"]) == ("gb100", None)
    assert [r["name"] for r in plan["runs"]] == ["core", "cuda_core", "mufu", "tensor_fp8"]
    assert "tensor_fp4" in plan["runs"][0]["groups"]
    assert plan["runs"][0]["expected_passes"] is None
    assert plan["runs"][0]["command"][0].endswith("ncu")
    assert [(t["name"], t["phase"], t["repeats"]) for t in plan["nsys"]] == [
        ("eager", "decode", 10), ("graph", "decode", 10),
    ]  # fmt: skip
    assert plan["nsys"][0]["command"][:2] == ["nsys", "profile"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--ncu-args", "-k regex:gemm -c 5"], ["-k", "regex:gemm", "-c", "5"]),
        (["--ncu-args=--kill yes"], ["--kill", "yes"]),
        (["--ncu-args", "-c", "5", "--kill", "yes"], ["-c", "5", "--kill", "yes"]),
    ],
)
def test_extra_arguments_reach_ncu(
    run: Callable[..., Result], tools: Path, words: list[str], wanted: list[str]
) -> None:
    result = run("capture", "--dry-run", "--json", *words, "--", "python", "serve.py", "-c", "x")
    command = json.loads(result.output)["runs"][0]["command"]
    end = command.index("-f")
    assert command[end - len(wanted) : end] == wanted
    assert command[-4:] == ["python", "serve.py", "-c", "x"]


def test_a_capture_prints_its_runs(run: Callable[..., Result], ncu: Install, tmp_path: Path) -> None:
    ncu()
    result = run("capture", "-o", str(tmp_path / "out"))
    assert result.exit_code == 0
    assert "decode core cold: 9 launches, 1 pass, " in result.output
    result = run("capture", "-o", str(tmp_path / "out"), "--force", "--json")
    assert json.loads(result.output)["state"] == "complete"


def test_a_capture_prints_its_traces(run: Callable[..., Result], ncu: Install, nsys: Install, tmp_path: Path) -> None:
    ncu()
    nsys()
    result = run("capture", "-o", str(tmp_path / "out"), "--no-graph")
    assert result.exit_code == 0
    assert "complete  decode nsys eager: 2 GPU operations, " in result.output
    nsys("importer")
    result = run("capture", "-o", str(tmp_path / "out"), "--force")
    assert result.exit_code == 1
    assert "failed    decode nsys eager: no trace, " in result.output
    assert "libdw1" in result.output


def test_a_partial_capture_exits_1(run: Callable[..., Result], ncu: Install, tmp_path: Path) -> None:
    ncu("crash")
    result = run("capture", "-o", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "partial" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ["--batch", "many"], ["--only", "no_such_op"], ["--recipe", "int3"], ["--phase", "encode"],
        ["--ncu-args"], ["--ncu-args", "-k 'open"], ["--chip", "gh100"], ["--no-nsys", "--keep-nsys-rep"],
    ],
)  # fmt: skip
def test_wrong_usage(run: Callable[..., Result], ncu: Install, words: list[str], tmp_path: Path) -> None:
    ncu("hang")
    result = run("capture", "-o", str(tmp_path / "out"), *words)
    assert isinstance(result.exception, UsageError)
    assert not (tmp_path / "out").exists()


def test_no_gpu_is_an_error(run: Callable[..., Result], tools: Path, tmp_path: Path) -> None:
    (tools / "nvidia-smi").unlink()
    assert isinstance(run("capture", "-o", str(tmp_path / "out")).exception, RoofprofError)


def test_doctor_exits_1_when_capture_cannot_work(run: Callable[..., Result], tools: Path, ncu: Install) -> None:
    result = run("doctor", "--no-ops", "--json")
    assert result.exit_code == 1
    assert json.loads(result.output)["ok"] is False
    ncu()
    result = run("doctor", "--no-ops")
    assert result.exit_code == 0
    assert "ok    ncu" in result.output


@pytest.mark.parametrize("command", ["capture", "sweep"])
def test_help_shows_choices_and_imports_nothing_heavy(command: str) -> None:
    code = (
        "import sys\n"
        "from roofprof.cli import run\n"
        f"assert run([{command!r}, '--help']) == 0\n"
        "heavy = {'polars', 'numpy', 'torch', 'rich', 'argparse', 'roofprof.profiler.ncu'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")
    for choices in ("decode|prefill|all", "moe|dense", "auto|nvfp4|nvfp4-v2|fp8|bf16", "cold|warm|both"):
        assert f"[{choices}]" in done.stdout
    assert "Random seed for inputs and routing." in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--batch", "8"), "--batch is for the layer"),
        (("--prefill-len", "2048"), "--prefill-len is for the layer"),
        (("--ncu-args", "-o mine"), "capture itself says where"),
        (("--ncu-args", "--export=mine"), "capture itself says where"),
        (("--ncu-args", "python other.py"), "begins with 'python'"),
    ],
)
def test_options_that_would_be_ignored_or_lead_astray_are_refused(
    run: Callable[..., Result], tools: Path, words: tuple[str, ...], said: str
) -> None:
    error = run("capture", "--dry-run", *words, "--", "python", "app.py").exception
    assert isinstance(error, UsageError)
    assert said in str(error)


def test_how_ranks_are_cut_may_be_said_of_any_workload(run: Callable[..., Result], tools: Path) -> None:
    assert (
        run("capture", "--dry-run", "--ranks", "4", "--tp", "2", "--ep", "4", "--", "python", "app.py").exit_code == 0
    )


def test_a_capture_says_what_reads_it(run: Callable[..., Result], ncu: Install, nsys: Install, tmp_path: Path) -> None:
    ncu()
    nsys()
    result = run("capture", "-o", str(tmp_path / "my run"), "--", "python", "app.py")
    assert result.output.endswith(f"next: roofprof analyze '{tmp_path}/my run'\n")
