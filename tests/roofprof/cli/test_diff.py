"""`roofprof diff` and `roofprof baseline` as a shell and a pipeline of continuous integration see them."""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import roofprof as rp
from roofprof.cli import run
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def cut(analyzed: Callable[[str], RooflineReport], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Save the own capture's decode ops at one batch, as they are or edited."""
    folder, whole = tmp_path_factory.mktemp("cut"), analyzed("h100-fp8")

    def save(name: str, batch: int = 64, edit: Callable[[OpResult], OpResult] = lambda op: op) -> Path:
        ops = [edit(op) for op in whole.ops if (op.phase, op.batch) == ("decode", batch)]
        path = folder / f"{name}.json"
        path.write_text(replace(whole, ops=ops).to_json())
        return path

    return save


def slower(name: str, factor: float) -> Callable[[OpResult], OpResult]:
    """One op's time times a factor."""

    def edit(op: OpResult) -> OpResult:
        return replace(op, nsys_union_ns=op.nsys_union_ns * factor) if op.op == name and op.nsys_union_ns else op

    return edit


def diffed(capsys: Capture, *words: str | Path) -> tuple[int, str]:
    code = run(["diff", *map(str, words)])
    return code, capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 120])
def test_the_table(
    cut: Callable[..., Path], golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch, capsys: Capture,
    width: int,
) -> None:  # fmt: skip
    monkeypatch.setenv("COLUMNS", str(width))
    a, b = cut("b64"), cut("b128", 128)
    monkeypatch.chdir(a.parent)
    _, text = diffed(capsys, a.name, b.name, "--gate", "3%", "--top", "0")
    assert max(map(len, text.splitlines())) <= width
    golden(f"diff-{width}.txt", text)


def test_exit_codes(cut: Callable[..., Path], capsys: Capture) -> None:
    before, after = cut("before"), cut("after", edit=slower("moe_down", 1.1))
    gate = ("--gate", "3%")
    assert diffed(capsys, before, after)[0] == 0
    code, text = diffed(capsys, before, after, *gate)
    assert code == 1
    assert text.splitlines()[-1].endswith("gate 3 % on verdicts: failed: moe_down regressed")
    assert diffed(capsys, before, after, *gate, "--only", "^o_proj")[0] == 0
    assert diffed(capsys, before, after, "--gate", "25%", "--on", "bytes", "--only", "moe_")[0] == 0
    assert diffed(capsys, before, before, *gate)[0] == 0
    code, text = diffed(capsys, before, after, *gate, "--only", "no such op")
    assert (code, text.splitlines()[-1]) == (
        3, "nothing compared; gate 3 % on verdicts: inconclusive: nothing was compared",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--gate", "3"), "write --gate 3%"),
        (("--gate", "3%", "--threshold", "3%"), "say the same twice"),
        (("--gate", "3%", "--on", "speed"), "use one of verdict, time, bytes, flops, roof, any"),
        (("--only", "("), "invalid regular expression"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_wrong_usage_is_2(cut: Callable[..., Path], capsys: Capture, words: Sequence[str], said: str) -> None:
    path = str(cut("before"))
    assert run(["diff", path, path, *words]) == 2
    assert said in capsys.readouterr().err


def test_its_own_errors_are_2_for_1_is_a_regression(
    cut: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    path, gone, broken = str(cut("before")), str(tmp_path / "gone.json"), tmp_path / "broken.json"
    broken.write_text("{")
    for wrong in (gone, str(broken)):
        assert run(["diff", path, wrong, "--gate", "3%"]) == 2
        assert "error: " in capsys.readouterr().err

    def fails(*_: object) -> None:
        raise ZeroDivisionError("of our own")

    monkeypatch.setattr("roofprof.changes.diff.match_cases", fails)
    assert run(["diff", path, path, "--gate", "3%"]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_every_format(cut: Callable[..., Path], tmp_path: Path, capsys: Capture) -> None:
    a, b = cut("b64"), cut("b128", 128)
    code, text = diffed(capsys, a, b, "-o", tmp_path / "out", "--json", "--gate", "3%")
    document = json.loads(text)
    names = {"diff.json", "diff.csv", "diff.md", "diff.html", "diff.png"}
    assert (code, {path.name for path in (tmp_path / "out").iterdir()}) == (1, names)
    assert json.loads((tmp_path / "out/diff.json").read_text()) == document

    assert document["gate"]["ok"] is False
    assert document["gate"]["threshold"] == 0.03
    row = next(row for row in document["ops"] if row["op"] == "attn_mqa")
    assert row["case"] == "Decode, batch 64 → 128, KV length 4096, cold cache"
    assert row["verdict"] == "regressed"
    assert row["ratio"]["duration"] == row["b"]["time_ns"] / row["a"]["time_ns"]
    assert row["ratio"]["dram_bytes"] == row["b"]["dram_bytes"] / row["a"]["dram_bytes"]
    factors = row["factors"]
    assert factors["work"] * factors["bytes"] * factors["efficiency"] == pytest.approx(row["ratio"]["duration"])

    with (tmp_path / "out/diff.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["op"] for r in rows] == [r["op"] for r in document["ops"]]
    assert float(rows[0]["a_time_ns"]) == document["ops"][0]["a"]["time_ns"]
    markdown = (tmp_path / "out/diff.md").read_text()
    assert "**4 within" in markdown
    assert "| `attn_mqa` |" in markdown
    assert "<details>" in markdown
    page = (tmp_path / "out/diff.html").read_text()
    assert "<script" not in page
    assert page.count("<svg") == 1
    assert page.count("<tr>") == len(rows) + 1


def test_hostile_names_stay_text(cut: Callable[..., Path], tmp_path: Path, capsys: Capture) -> None:
    def named(op: OpResult) -> OpResult:
        return replace(op, op="<script>alert(1)</script>|=1+1") if op.op == "rope" else op

    path = cut("hostile", edit=named)
    assert diffed(capsys, path, path, "-o", tmp_path / "out")[0] == 0
    assert "<script" not in (tmp_path / "out/diff.html").read_text()
    assert all(
        line.count(" | ") == 10 for line in (tmp_path / "out/diff.md").read_text().splitlines() if "rope" in line
    )


def test_a_folder_of_an_analysis_is_a_side(data: Path, tmp_path: Path, capsys: Capture) -> None:
    # Its tables are Parquet, as an export of nsys may be.
    report, out = str(data / "kinds" / "no-nvtx.ncu-rep"), str(tmp_path / "out")
    assert run(["analyze", report, "-o", out]) == 0
    assert (tmp_path / "out" / "ops.parquet").exists()
    capsys.readouterr()
    assert run(["diff", out, report, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cases"]
    assert run(["baseline", "save", "main", out, "--in", str(tmp_path)]) == 0
    assert rp.diff(out, report).verdicts
    assert run(["timeline", out]) == 1
    assert "holds no nsys trace" in capsys.readouterr().err


def test_names_of_the_sides_and_times_are_whole(
    data: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    names = [f"{word}-of-a-name-that-is-long-enough-for-its-line.ncu-rep" for word in ("before", "after")]
    for name in names:
        (tmp_path / name).write_bytes((data / "kinds" / "no-nvtx.ncu-rep").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert run(["diff", *names]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"{names[0]} →", f"{names[1]}, threshold 3 %"]
    assert lines[3].endswith(": 1.60 ms → 1.60 ms (1.00x)")
    assert max(map(len, lines)) <= 80


def test_timelines_compare_times_alone(data: Path, capsys: Capture) -> None:
    eager, graph = data / "h100-fp8/nsys/decode-eager.sqlite", data / "h100-fp8/nsys/decode-graph.sqlite"
    code, text = diffed(capsys, eager, graph, "--json", "--gate", "3%")
    document = json.loads(text)
    assert code == 3
    row = next(row for row in document["ops"] if (row["op"], row["case"][:17]) == ("moe_gate_up", "Decode, batch 64,"))
    assert row["a"]["time_ns"] == 2196726  # the median of 10 calls, as `roofprof timeline` shows it
    assert row["a"]["calls"] == 10
    assert row["a"]["spread"]["duration_ns"] == {"min": 2184838, "max": 2230118}
    assert row["a"]["dram_bytes"] is row["b"]["flop_count"] is row["factors"] is None
    assert row["verdicts"] == {"time": row["verdict"], "dram_bytes": None, "flop_count": None, "roof": None}
    assert diffed(capsys, eager, graph, "--gate", "3%", "--on", "bytes")[1].splitlines()[-1].endswith("unknown bytes")
    assert run(["diff", str(eager), str(graph), "--ceilings", "x.json"]) == 2


def test_a_trace_compares_with_a_capture(cut: Callable[..., Path], data: Path, capsys: Capture) -> None:
    code, text = diffed(capsys, data / "h100-fp8/nsys/decode-eager.sqlite", cut("b64"), "--json")
    rows = [row for row in json.loads(text)["ops"] if row["a"] and row["b"]]
    assert code == 0
    assert len(rows) == 34
    assert all(row["verdicts"]["dram_bytes"] is None for row in rows)


class TestBaseline:
    """Analyses kept by name."""

    def test_save_list_and_diff(
        self, cut: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        before, after = str(cut("before")), str(cut("after", edit=slower("moe_down", 1.1)))
        monkeypatch.chdir(tmp_path)
        assert run(["baseline", "save", "main", before]) == 0
        assert run(["baseline", "list", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["baselines"] == [
            {"name": "main", "gpu": "h100", "date": "2026-11-22", "op_count": 34}
        ]
        assert run(["baseline", "diff", "main", before, "--gate", "3%"]) == 0
        assert run(["baseline", "diff", "main", after, "--gate", "3%", "-o", "diff.md"]) == 1
        assert "moe_down regressed" in (tmp_path / "diff.md").read_text()

    def test_a_damaged_one_is_named_and_the_others_are_listed(
        self, cut: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert run(["baseline", "save", "main", str(cut("before"))]) == 0
        (tmp_path / "roofprof-baselines" / "bad.json").write_text("{")
        capsys.readouterr()
        assert run(["baseline", "list"]) == 1
        listed = capsys.readouterr()
        assert listed.out.startswith("main  h100, ")
        assert listed.err.startswith("error: roofprof-baselines/bad.json is not JSON")

    def test_what_is_not_there_is_said(
        self, cut: Callable[..., Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        monkeypatch.chdir(tmp_path)
        path = str(cut("before"))
        assert run(["baseline", "list"]) == 0
        assert "no baseline" in capsys.readouterr().err
        assert run(["baseline", "diff", "main", path, "--gate", "3%"]) == 2
        assert "roofprof baseline save" in capsys.readouterr().err
        assert run(["baseline", "save", "other", path]) == 0
        assert run(["baseline", "diff", "main", path, "--gate", "3%"]) == 2
        assert "there are other" in capsys.readouterr().err
        report = str(data / "kinds/odd-names.ncu-rep")
        assert run(["baseline", "diff", "other", report, "--ops", "gone.toml"]) == 2
        assert "no ops file gone.toml" in capsys.readouterr().err
        for words in (["rename", "a"], ["save", "../up", path], ["save", "main"]):
            assert run(["baseline", *words]) == 2
        assert run(["baseline", "save", "trace", str(data / "h100-decode-b64-s4096.sqlite")]) == 2
        assert "roofprof diff" in capsys.readouterr().err
