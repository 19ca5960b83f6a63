"""The command line as a user meets it: exit codes, streams, words."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from tiny_report import tiny_report

from roofprof.cli import run
from roofprof.results.schema import report_schema


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = run([str(a) for a in arguments])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_analyze_prints_a_table_and_findings_beside_it(capsys, data: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = call(capsys, "analyze", data / "kinds/set-roofline.ncu-rep")
    assert code == 0
    assert "scale_add" in out
    assert "the same ops on gb200, extrapolated" in out
    assert err.startswith("findings: ")


def test_plots_and_phases_are_written_on_demand(capsys, data: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    report = data / "kinds/set-roofline.ncu-rep"
    assert call(capsys, "analyze", report, "-o", tmp_path / "a", "--by-phase")[0] == 0
    assert {p.stem for p in (tmp_path / "a").glob("*.png")} == {"roofline", "roofline-other"}
    assert call(capsys, "analyze", report, "-o", tmp_path / "b", "--plots")[0] == 0
    assert {"roofline", "time-share"} <= {p.stem for p in (tmp_path / "b").glob("*.png")}


def test_json_on_stdout_is_one_document_and_nothing_else(capsys, data: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = call(capsys, "analyze", data / "kinds/set-roofline.ncu-rep", "--json")
    assert code == 0
    assert json.loads(out)["schema_version"] == 1


def test_outputs_are_made_again_from_report_json_alone(capsys, data: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    first, second = tmp_path / "a", tmp_path / "b"
    report = data / "h100-decode-b64-s4096.ncu-rep"
    code, table, _ = call(capsys, "analyze", report, "--ops", "h100-decode-b64-s4096", "-o", first)
    assert code == 0
    code, again, _ = call(capsys, "analyze", first / "report.json", "-o", second)
    assert code == 0
    assert again == table
    names = sorted(p.name for p in first.iterdir())
    assert names == ["kernels.csv", "ops.csv", "ops.parquet", "report.json", "roofline.png", "roofline.svg"]
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_several_reports_and_equal_names(capsys, data: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "r.ncu-rep").write_bytes((data / "kinds/no-nvtx.ncu-rep").read_bytes())
    code, out, _ = call(capsys, "analyze", tmp_path / "x/r.ncu-rep", tmp_path / "y/r.ncu-rep", "--json")
    assert code == 0
    assert [r["name"] for r in json.loads(out)["reports"]] == ["x/r.ncu-rep", "y/r.ncu-rep"]
    assert call(capsys, "analyze", tmp_path / "x/r.ncu-rep", tmp_path / "x/r.ncu-rep")[0] == 2


def test_choosing_rows(capsys, data: Path) -> None:  # type: ignore[no-untyped-def]
    report = data / "h100-decode-b64-s4096.ncu-rep"
    options = ("--ops", "h100-decode-b64-s4096", "--only", "moe_(gate|down)", "--sort", "time", "--top", "2")
    code, out, _ = call(capsys, "analyze", report, *options)
    assert code == 0
    rows = [line.split()[:2] for line in out.splitlines() if line[:2] in ("1 ", "2 ", "3 ")]
    assert rows == [["1", "moe_gate_up"], ["2", "moe_down"]]


def test_a_domain_by_name(capsys, data: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = call(capsys, "analyze", data / "kinds/odd-names.ncu-rep", "--domain", "CCCL", "--json")
    assert code == 0
    assert [op["op"] for op in json.loads(out)["ops"] if op["kind"] == "op"] == ["other_domain_inner"]


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["analyze", "nowhere.ncu-rep"], 1, "no such file: nowhere.ncu-rep"),
        (["analyze", "."], 1, "is a directory"),
        (["analyze", "pyproject.toml"], 1, "not an ncu report"),
        (["analyze", "tests/data/kinds/no-nvtx.ncu-rep", "--gpu", "gb2000"], 2, "unknown GPU 'gb2000'"),
        (["analyze", "tests/data/kinds/no-nvtx.ncu-rep", "--ops", "nowhere"], 2, "no ops file nowhere"),
        (
            ["analyze", "tests/data/kinds/no-nvtx.ncu-rep", "--only", "("],
            2,
            "invalid regular expression in --only: '('",
        ),
        (["analyze", "tests/data/kinds/no-nvtx.ncu-rep", "--sort", "luck"], 2, "unknown sort key 'luck'"),
        (["analyze", "tests/data/kinds/no-nvtx.ncu-rep", "-o", "LICENSE"], 1, "cannot write to LICENSE"),
        (["analyze", "tests/data/kinds/no-nvtx.ncu-rep", "--plots"], 2, "--plots and --by-phase write files"),
        (["analyze", "README.json"], 1, "cannot read README.json"),
        (["report", "nowhere"], 1, "no such file: nowhere"),
        (["report", "README.md", "-o", "x.doc"], 2, "unknown output format: 'x.doc'"),
        (["report", "README.md", "-o", "x.md", "--by-phase"], 2, "--by-phase is for pictures"),
        (["report", "tests/data/kinds/no-nvtx.ncu-rep", "-o", "LICENSE/x.md"], 1, "cannot write LICENSE/x.md"),
        (["report", "tests/data/truth.csv", "-o", "/dev/null/x.md"], 1, "missing columns"),
        (["compare", "nowhere.json"], 1, "cannot read nowhere.json"),
        (["compare", "nowhere.json", "--against", "x"], 2, "unknown reference 'x' in --against"),
        (["ops", "--phase", "x"], 2, "unknown phase 'x'"),
        (["ops", "--recipe", "x"], 2, "unknown recipe 'x'"),
        (["ops", "--layer", "x"], 2, "unknown layer 'x'"),
        (["ops", "--sort", "luck"], 2, "unknown sort key 'luck'"),
        (["ops", "--only", "("], 2, "invalid regular expression in --only: '('"),
        (["ops", "--phase", "prefill", "--batch", "x"], 2, "--batch 'x'"),
        (["ops", "--batch", "x"], 2, "--batch 'x'"),
        (["ops", "--batch", "0"], 2, "batch 0 is out of range"),
        (["ops", "--tp", "3"], 2, "--tp 3 does not divide"),
        (["ops", "--gpu", "same"], 2, "needs a report"),
    ],
)
def test_errors_are_two_lines(capsys, root: Path, monkeypatch, arguments: list[str], code: int, error: str) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(root)
    got, out, err = call(capsys, *arguments)
    assert got == code
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith("error: ")
    assert error in lines[0]
    assert len(lines) == 1 or lines[1].startswith("hint: ")
    assert "Traceback" not in err


@pytest.mark.parametrize("given", ["seed", "doc", ""])
def test_another_reference_than_the_document_is_a_usage_error(capsys, given: str) -> None:  # type: ignore[no-untyped-def]
    code, _, err = call(capsys, "compare", "nowhere.json", "--against", given)
    assert code == 2
    assert err.splitlines() == [f"error: unknown reference {given!r} in --against", "hint: use --against document"]


def test_usage_errors_are_typers_own(capsys) -> None:  # type: ignore[no-untyped-def]
    assert call(capsys, "analyze")[0] == 2
    assert call(capsys, "nonsense")[0] == 2
    assert call(capsys, "analyze", "x", "--nonsense")[0] == 2


def test_debug_shows_the_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "roofprof", "analyze", "nowhere", "--debug"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    done = subprocess.run([sys.executable, "-m", "roofprof", "analyze", "nowhere"], capture_output=True, text=True)
    assert "Traceback" not in done.stderr


def test_debug_after_two_dashes_is_the_workloads() -> None:
    words = [sys.executable, "-m", "roofprof", "capture", "--only", "no_such_op", "--repeats", "0"]
    done = subprocess.run([*words, "--", "python", "serve.py", "--debug"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --repeats 0 is out of range\n")
    assert "Traceback" not in done.stderr
    done = subprocess.run([*words, "--debug", "--", "python", "serve.py"], capture_output=True, text=True)
    assert "Traceback" in done.stderr


def test_ops_json(capsys) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = call(capsys, "ops", "--recipe", "nvfp4", "--batch", "128", "--json")
    assert code == 0
    document = json.loads(out)
    (q_b,) = [op for op in document["ops"] if op["op"] == "q_b_proj"]
    assert q_b["shape"] == {"m": 128, "n": 24576, "k": 1536, "precision": "fp4", "output": "bf16"}
    assert (q_b["flop_count"], q_b["dram_bytes"]) == (9663676416, 27635712)
    assert (q_b["bound"], q_b["source"]) == ("memory", "formula")
    assert q_b["attainable_flop_per_s"] == pytest.approx(9663676416 / 27635712 * 8e12)
    layer = [op for op in document["ops"] if op["per"] == "layer"]
    assert document["total"]["flop_count"] == sum(op["flop_count"] for op in layer)
    assert document["total"]["arithmetic_intensity"] == pytest.approx(
        sum(op["flop_count"] for op in layer) / sum(op["dram_bytes"] for op in layer)
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["ops"],
        ["ops", "--phase", "all", "--batch", "1,128"],
        ["ops", "--claims"],
        ["ops", "--tp", "8", "--ep", "32", "--all-reduce", "one-shot", "--dispatch", "dedup"],
        ["gpus"],
    ],
)
def test_formula_tables_fit_100_columns(capsys, arguments: list[str]) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = call(capsys, *arguments)
    assert code == 0
    assert max(len(line) for line in out.splitlines()) <= 100
    assert "…" not in out


@pytest.mark.parametrize("arguments", [["gpus", "--json"], ["ops", "--claims", "--json"]])
def test_other_json(capsys, arguments: list[str]) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = call(capsys, *arguments)
    assert code == 0
    assert json.loads(out)["schema_version"] == 1


def test_version(capsys) -> None:  # type: ignore[no-untyped-def]
    from roofprof import __version__

    assert call(capsys, "--version") == (0, f"roofprof {__version__}\n", "")


def test_ranks_are_a_flag_and_their_traces_repeat(capsys, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    metrics = {"gpu__time_duration.sum": 5e4, "nvltx__bytes_data_user.sum": 1e6}
    files = [tmp_path / f"r{rank}.ncu-rep" for rank in range(2)]
    for file in files:
        file.write_bytes(tiny_report([("gemm", metrics), ("ncclDevKernel_AllReduce_Sum_bf16_RING_LL", metrics)]))
    code, out, _ = call(capsys, "analyze", "--ranks", *files, "--json")
    assert code == 0
    document = json.loads(out)
    assert (document["ranks"]["count"], document["ranks"]["missing"]) == (2, [])
    assert [len(op["ranks"]) for op in document["ops"]] == [2, 2]
    validator = jsonschema.Draft202012Validator(report_schema())
    assert not list(validator.iter_errors(document))
    code, out, _ = call(capsys, "analyze", "--ranks", *files)
    assert code == 0
    assert "2 ranks   time of a rank unknown: collectives need traces of every rank" in out
    code, _, err = call(capsys, "analyze", "--ranks", files[0])
    assert (code, err.splitlines()[0]) == (2, "error: --ranks needs the reports of two ranks or more")
    code, _, err = call(capsys, "analyze", files[0], "--timeline", "a.sqlite", "--timeline", "b.sqlite")
    assert (code, err.splitlines()[0]) == (2, "error: --timeline was given several times")
