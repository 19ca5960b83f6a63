"""`roofprof timeline`: output, exit codes, and names that would steer a terminal."""

import json
from pathlib import Path

import pytest

from roofprof import cli


def run(*arguments: str | Path) -> int:
    return cli.run(["timeline", *map(str, arguments)])


def test_json_is_one_document(data: Path, capsys: pytest.CaptureFixture[str]):
    assert run(data / "h100-decode-b64-s4096.sqlite", "--json", "--only", "moe.*bf16", "--top", "3") == 0
    document = json.loads(capsys.readouterr().out)
    assert [op["op"] for op in document["ops"]] == [
        "op.moe_gate_up_bf16_grouped",
        "warmup.moe_gate_up_bf16_grouped",
        "warmup.moe_down_bf16_grouped",
    ]
    needed = {
        "op", "nvtx_path", "calls", "nsys_duration_ns", "nsys_union_ns", "nsys_projected_ns", "share", "kernels",
        "memory_operations",
    }  # fmt: skip
    assert needed <= set(document["ops"][0])
    assert {"unattributed", "findings"} <= set(document)


@pytest.mark.parametrize("columns", [80, 100, 140])
def test_the_table_fits_the_terminal(data: Path, columns: int, monkeypatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run(data / "h100-decode-b64-s4096.sqlite", "--top", "40") == 0
    lines = capsys.readouterr().out.splitlines()
    lines = lines[: lines.index("177 more rows not shown")]
    assert len([line for line in lines if " % " in line]) >= 40
    assert max(map(len, lines)) <= columns
    heading = next(line for line in lines if line.startswith("op "))
    assert heading.split()[1:4] == ["calls", "total", "share"]
    assert heading.split()[-1] == "kernels"
    assert "…" not in heading


def test_layers_are_rows_of_their_own_where_asked(export, capsys: pytest.CaptureFixture[str]):
    for layer in range(3):
        export.range(100 * layer, 100 * layer + 50, f"layers.{layer}.mlp")
        export.launch(100 * layer + 10, 1000 + layer * 100, 1050 + layer * 100, layer + 1)
    counts = []
    for choice in ("folded", "each"):
        assert run(export.write(), "--json", "--layers", choice) == 0
        counts.append([op["calls"] for op in json.loads(capsys.readouterr().out)["ops"]])
    assert counts == [[3], [1, 1, 1]]


def test_names_are_data(export, capsys: pytest.CaptureFixture[str]):
    export.range(0, 100, "[red]op[/red]\x1b[31m\x07")
    export.launch(10, 1000, 1100, 1, "k[bold]\x1b]0;title\x07")
    assert run(export.write()) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "[red]op[/red]" in out


def test_a_capture_directory_shows_each_of_its_traces(export, new_export, tmp_path: Path, capsys):
    folder = tmp_path / "capture" / "nsys"
    folder.mkdir(parents=True)
    for name in ("eager", "graph"):
        export = new_export(f"capture/nsys/{name}.sqlite")
        export.range(0, 100, "op")
        export.launch(10, 1000, 1100, 1)
        export.write()
    assert run(folder.parent, "--json") == 0
    assert [op["report"] for op in json.loads(capsys.readouterr().out)["ops"]] == ["eager.sqlite", "graph.sqlite"]


def test_output_writes_the_document(export, tmp_path: Path, capsys):
    export.range(0, 100, "op")
    export.launch(10, 1000, 1100, 1)
    assert run(export.write(), "-o", tmp_path / "timeline.json") == 0
    assert json.loads((tmp_path / "timeline.json").read_text())["ops"][0]["op"] == "op"
    assert run(export.path, "-o", tmp_path / "timeline.json" / "below.json") == 1
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["absent.sqlite"], 1, "no such file"),
        (["trace.sqlite", "--sort", "colour"], 2, "unknown sort key 'colour'"),
        (["trace.sqlite", "--domain", "other"], 2, "no range is in NVTX domain 'other'"),
        (["trace.sqlite", "--top", "-1"], 2, "--top"),
        (["empty"], 1, "holds no nsys trace"),
        (["text.sqlite"], 1, "not a SQLite database"),
    ],
)
def test_wrong_input(export, tmp_path: Path, monkeypatch, capsys, arguments: list[str], code: int, message: str):
    monkeypatch.chdir(tmp_path)
    export.range(0, 100, "op")
    export.launch(10, 1000, 1100, 1)
    export.write()
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.sqlite").write_text("no database")
    assert run(*arguments) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


POINTER = (
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1\nsize 12345\n"
)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("timeline", "trace.sqlite"),
        ("timeline", "trace.nsys-rep"),
        ("timeline", "parquet/StringIds.parquet"),
        ("analyze", "report.ncu-rep"),
        ("analyze", "report.json"),
        ("analyze", "all_kernels.csv"),
        ("analyze", "capture/manifest.json"),
    ],
)
def test_a_pointer_of_git_lfs_is_named(tmp_path: Path, capsys, command: str, name: str):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(POINTER)
    assert cli.run([command, str(path if path.parent == tmp_path else path.parent)]) == 1
    error = capsys.readouterr().err
    assert "is a pointer of Git LFS, not the file itself" in error
    assert "hint: run: git lfs pull" in error


def test_rows_by_kernel_and_by_launch(export, capsys):
    export.range(0, 50, "op")
    export.launch(10, 1000, 1100, 1, "inside")
    export.launch(80, 1200, 1500, 2, "outside")
    path = export.write()
    assert run(path) == 0
    out = capsys.readouterr().out
    assert out.index("\n* outside<int>") < out.rindex("\nop  ")
    assert "in ranges: 25 % of the busy time" in out
    for by in ("kernel", "launch"):
        assert run(path, "--by", by, "--json") == 0
        rows = json.loads(capsys.readouterr().out)["ops"]
        assert [(row["kind"], row["op"], row["calls_in_ranges"]) for row in rows] == [
            ("kernel", "outside<int>", 0), ("kernel", "inside<int>", 1)
        ]  # fmt: skip
    assert run(path, "--only", "(") == 2
    assert "invalid regular expression in --only" in capsys.readouterr().err


def test_an_ops_file_names_ops(export, tmp_path: Path, capsys):
    rules = tmp_path / "ops.toml"
    rules.write_text('[[op]]\nmatch = "^mm$"\nop = "q_b_proj"\nimplementation = "cutlass"\n')
    export.range(0, 50, "mm")
    export.launch(10, 1000, 1100, 1)
    path = export.write()
    assert run(path, "--ops", rules) == 0
    assert "q_b_proj (cutlass)" in capsys.readouterr().out
    assert run(path, "--ops", rules, "--only", "q_b.*cutlass", "--json") == 0
    assert [(r["op"], r["nvtx_path"]) for r in json.loads(capsys.readouterr().out)["ops"]] == [("q_b_proj", ["mm"])]
    rules.write_text('[[op]]\nmatch = "^absent$"\nop = "q_b_proj"\n')
    assert run(path, "--ops", rules) == 0
    assert "ops-file-unused" in capsys.readouterr().out
