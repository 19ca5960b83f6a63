"""Config files as commands meet them, and `roofprof config`."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from roofprof.cli import run
from roofprof.results.report import RooflineReport, load_report

Capture = pytest.CaptureFixture[str]
REPORT = "kinds/odd-names.ncu-rep"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder below the root of a repository, in which the command stands."""
    monkeypatch.delenv("ROOFPROF_CONFIG", raising=False)
    (tmp_path / ".git").mkdir()
    (folder := tmp_path / "work").mkdir()
    monkeypatch.chdir(folder)
    return folder


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def analysis(capsys: Capture, *words: str | Path) -> tuple[RooflineReport, str]:
    """What `roofprof analyze` finds, and what it says on stderr."""
    assert run(["analyze", *map(str, words), "--json"]) == 0
    out, err = capsys.readouterr()
    (path := Path("analysis.json")).write_text(out)
    return load_report(path), err


def test_a_setting_stands_in_for_an_option(project: Path, data: Path, capsys: Capture) -> None:
    report = data / REPORT
    (project.parent / "gpus").mkdir()
    written(project.parent / "gpus/mine.toml", '[mine]\nsku = "mine"\nsource = "test"\ninherits = "h200"\n')
    written(project.parent / "roofprof.toml", 'gpu = "gpus/mine.toml"\n')
    found, err = analysis(capsys, report)
    assert found.target.name == "mine"
    assert err.splitlines()[0] == "note: ../roofprof.toml: gpu gpus/mine.toml"
    assert found.notes[-1] == "roofprof.toml: gpu gpus/mine.toml"

    found, err = analysis(capsys, report, "--gpu", "b200")
    assert found.target.name == "b200"
    assert "roofprof.toml" not in err + str(found.notes)
    for words in (["--no-config"], ["--no-config", "--config", "gone.toml"]):
        assert analysis(capsys, report, *words)[0].target.name == "gb200"
    assert run(["ops", "--json", "--top", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["gpu"]["name"] == "mine"


def test_a_saved_analysis_keeps_what_it_was_made_with(project: Path, data: Path, capsys: Capture) -> None:
    saved, _ = analysis(capsys, data / REPORT, "--gpu", "b200")
    path = written(project / "saved.json", saved.to_json())
    written(project / "roofprof.toml", 'gpu = "h200"\nops = "h100-decode-b64-s4096"\n')
    found, err = analysis(capsys, path)
    assert found.target.name == "b200"
    assert "roofprof.toml" not in err + str(found.notes)


def test_ceilings_of_a_capture_come_before_the_files(project: Path, data: Path, root: Path, capsys: Capture) -> None:
    roofs = json.loads((root / "docs/h100/ceilings.json").read_text())
    written(project / "roofs.json", json.dumps(roofs | {"created": "2026-01-02T00:00:00Z"}))
    written(project / "roofprof.toml", 'ceilings = "roofs.json"\n')
    found, err = analysis(capsys, data / "h100-decode-b64-s4096.ncu-rep")
    assert found.ceilings is not None
    assert found.ceilings.created.startswith("2026-01-02")
    assert "note: roofprof.toml: ceilings roofs.json" in err

    capture = shutil.copytree(data / "h100-fp8", project / "capture")
    written(capture / "ceilings.json", json.dumps(roofs | {"created": "2026-03-04T00:00:00Z"}))
    found, err = analysis(capsys, capture)
    assert found.ceilings is not None
    assert found.ceilings.created.startswith("2026-03-04")
    assert "roofprof.toml" not in err


def test_a_trace_takes_the_ops_file(project: Path, data: Path, capsys: Capture) -> None:
    written(project / "mine.toml", '[[op]]\nmatch = "^q_b_proj"\nop = "renamed"\n')
    written(project / "roofprof.toml", 'ops = "mine.toml"\ngpu = "no such GPU"\n')
    assert run(["timeline", str(data / "h100-fp8/nsys/prefill-eager.sqlite")]) == 0
    out, err = capsys.readouterr()
    assert "renamed" in out
    assert err.splitlines()[0] == "note: roofprof.toml: ops mine.toml"


class TestGate:
    """The table [gate]: `threshold` gates, `on` and `only` say what a gate is on."""

    @pytest.fixture
    def sides(self, project: Path, analyzed: Callable[[str], RooflineReport]) -> tuple[str, str]:
        """Decode at batch 64 and at batch 128, which is slower."""
        whole = analyzed("h100-fp8")
        for batch in (64, 128):
            ops = [op for op in whole.ops if (op.phase, op.batch) == ("decode", batch)]
            written(project / f"{batch}.json", replace(whole, ops=ops).to_json())
        return "64.json", "128.json"

    def gated(self, capsys: Capture, *words: str) -> tuple[int, dict[str, object] | None, str]:
        code = run([*words, "--json"])
        out, err = capsys.readouterr()
        found: dict[str, object] | None = json.loads(out)["gate"]
        return code, found, err

    def test_a_threshold_gates(self, project: Path, sides: tuple[str, str], capsys: Capture) -> None:
        written(project / "roofprof.toml", '[gate]\nthreshold = "5%"\non = "bytes"\nonly = "^o_proj$"\n')
        code, found, err = self.gated(capsys, "diff", *sides)
        assert found is not None
        assert (found["threshold"], found["metric"], found["only"]) == (0.05, "dram_bytes", "^o_proj$")
        assert (code, found["compared"]) == (0, 1)
        assert err == "note: roofprof.toml: gate threshold 5%, gate on bytes, gate only ^o_proj$\n"

        assert run(["diff", *sides]) == 0
        assert "gate 5 % on bytes of ops matching ^o_proj$: passed" in " ".join(capsys.readouterr().out.split())
        assert run(["baseline", "save", "main", sides[0]]) == 0
        assert run(["baseline", "diff", "main", sides[1], "--only", "^attn_mqa$"]) == 1
        assert run(["baseline", "diff", "main", sides[1], "--only", "^attn_mqa$", "--no-gate"]) == 0

    def test_the_command_line_comes_first(self, project: Path, sides: tuple[str, str], capsys: Capture) -> None:
        written(project / "roofprof.toml", '[gate]\nthreshold = 0.05\non = "bytes"\nonly = "^o_proj$"\n')
        code, found, _ = self.gated(capsys, "diff", *sides, "--gate", "3%", "--on", "time", "--only", "attn_mqa")
        assert found is not None
        assert (code, found["threshold"], found["metric"], found["only"]) == (1, 0.03, "time", None)
        for words in (["--no-gate"], ["--threshold", "1%"], ["--no-config"]):
            assert self.gated(capsys, "diff", *sides, *words)[:2] == (0, None)

    def test_without_a_threshold_it_says_what_a_gate_is_on(
        self, project: Path, sides: tuple[str, str], capsys: Capture
    ) -> None:
        written(project / "roofprof.toml", '[gate]\non = "bytes"\n')
        assert self.gated(capsys, "diff", *sides)[:2] == (0, None)
        found = self.gated(capsys, "diff", *sides, "--gate", "3%")[1]
        assert found is not None
        assert (found["metric"], found["only"]) == ("dram_bytes", None)

    def test_a_broken_file_is_no_regression(self, project: Path, sides: tuple[str, str], capsys: Capture) -> None:
        written(project / "roofprof.toml", "[gate]\nthreshold = 5\n")
        assert run(["diff", *sides]) == 2
        assert run(["diff", *sides, "--no-config", "--gate", "3%", "--no-gate"]) == 2
        assert "--gate and --no-gate exclude each other" in capsys.readouterr().err


class TestShown:
    """`roofprof config`."""

    def test_each_value_with_where_it_is_from(self, project: Path, capsys: Capture) -> None:
        written(project / "roofprof.toml", 'gpu = "h200"\n[gate]\nthreshold = "3%"\n')
        assert run(["config"]) == 0
        out, err = capsys.readouterr()
        assert [line.split() for line in out.splitlines()] == [
            ["key", "value", "from"],
            ["gpu", "h200", "roofprof.toml"],
            ["ops", "none", "default"],
            ["ceilings", "none", "default"],
            ["gate.threshold", "3%", "roofprof.toml"],
            ["gate.on", "verdict", "default"],
            ["gate.only", "none", "default"],
        ]
        assert err == ""
        assert run(["config", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert (document["file"], document["settings"]["gpu"]) == (
            "roofprof.toml", {"value": "h200", "from": "roofprof.toml"},
        )  # fmt: skip

    def test_without_a_file(self, project: Path, capsys: Capture) -> None:
        assert run(["config", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["file"] is None
        assert document["settings"]["gpu"] == {"value": "gb200", "from": "default"}
        assert run(["config"]) == 0
        assert f"from here up to {project.parent}" in capsys.readouterr().err
        written(project / "roofprof.toml", 'gpu = "h200"\n')
        assert run(["--no-config", "config"]) == 0
        assert "--no-config: no file is read" in capsys.readouterr().err

    def test_the_one_of_two_that_is_not_read_is_named(self, project: Path, capsys: Capture) -> None:
        written(project / "roofprof.toml", 'gpu = "h200"\n')
        written(project / "pyproject.toml", '[tool.roofprof]\ngpu = "h100"\n')
        assert run(["config", "--json"]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["not_read"] == "pyproject.toml"
        assert "note: pyproject.toml: [tool.roofprof] is not read, for roofprof.toml comes first" in err

    def test_the_command_line_and_the_environment_name_a_file(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        written(project / "roofprof.toml", 'gpu = "h200"\n')
        for name in ("b200", "b300"):
            written(project / f"{name}.toml", f'gpu = "{name}"\n')
        monkeypatch.setenv("ROOFPROF_CONFIG", "b300.toml")
        for words, gpu in (
            (["config"], "b300"),
            (["config", "--config", "b200.toml"], "b200"),
            (["--config=b200.toml", "config"], "b200"),
            (["config", "--no-config"], "gb200"),
        ):
            assert run([*words, "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["settings"]["gpu"]["value"] == gpu
        assert run(["config", "--config"]) == 2


BAD = {
    'gup = "h100"': "roofprof.toml: unknown key 'gup'; did you mean 'gpu'?",
    '[gates]\nthreshold = "3%"': "roofprof.toml: unknown key 'gates'; did you mean 'gate'?",
    "[gate]\ntreshold = 3": "roofprof.toml: gate: unknown key 'treshold'; did you mean 'threshold'?",
    "colour = 1": "unknown key 'colour'; expected gpu, ops, ceilings, gate",
    "gpu = 3": "roofprof.toml: gpu = 3: expected a text",
    'ops = ["a"]': "roofprof.toml: ops = an array: expected a text",
    'gate = "3%"': "roofprof.toml: gate = '3%': expected a table",
    "[gate]\nthreshold = 3": "gate.threshold = 3: expected a percentage below 100, such as '3%'",
    '[gate]\nthreshold = "3"': "gate.threshold = '3': expected a percentage below 100",
    "[gate]\nthreshold = nan": "gate.threshold = nan: expected",
    "[gate]\nthreshold = true": "gate.threshold = true: expected",
    '[gate]\non = "speed"': "gate.on = 'speed': expected one of verdict, time, bytes, flops, roof, any",
    '[gate]\nonly = "("': "gate.only = '(': invalid regular expression",
    'gpu = "h10"': "roofprof.toml: gpu: unknown GPU 'h10'",
    'gpu = ""': "roofprof.toml: gpu: unknown GPU ''",
    'gpu = "mine.toml"': "roofprof.toml: gpu: cannot read mine.toml",
    'ops = "mine.toml"': "roofprof.toml: ops: no ops file mine.toml",
    'ceilings = "roofs.json"': "roofprof.toml: ceilings: cannot read roofs.json",
    'ceilings = "roofprof.toml"': "ceilings: roofprof.toml does not hold ceilings",
    'gpu = "h100"\nops = \n': "roofprof.toml is not valid TOML: Invalid value (at line 2, column 7)",
    'gpu = "h100"\ngpu = "h200"\n': "Cannot overwrite a value (at line 2",
    '[tool.roofprof]\ngpu = "h100"': "unknown key 'tool'",
}
"""Every mistake, and what is said of it."""


@pytest.mark.parametrize("text", BAD)
def test_mistakes_are_named(project: Path, capsys: Capture, text: str) -> None:
    written(project / "roofprof.toml", text)
    assert run(["config"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert BAD[text] in err
    assert "\nhint: " in err


def test_hints(project: Path, capsys: Capture) -> None:
    for text, hint in {
        'gpu = "h10"': "did you mean h100",
        '[tool.roofprof]\ngpu = "h100"': "its keys stand alone there, without [tool.roofprof]",
        "gpu = 3": "docs/configuration.md lists the keys; --no-config reads no file",
    }.items():
        written(project / "roofprof.toml", text)
        assert run(["config"]) == 1
        assert hint in capsys.readouterr().err


def test_what_is_no_file(project: Path, capsys: Capture) -> None:
    path = project / "roofprof.toml"
    for make, said in {
        path.mkdir: "cannot read roofprof.toml: it is a folder",
        lambda: os.mkfifo(path): "cannot read roofprof.toml: it is a FIFO",
        lambda: path.symlink_to("gone"): "cannot read roofprof.toml: No such file",
        lambda: path.write_bytes(b"\xff"): "roofprof.toml is not UTF-8",
    }.items():
        make()
        assert run(["config"]) == 1
        assert said in capsys.readouterr().err
        path.rmdir() if path.is_dir() else path.unlink()
    assert run(["config", "--config", "gone.toml"]) == 1
    assert "cannot read gone.toml" in capsys.readouterr().err


def test_a_sweep_refuses_an_unknown_gpu_before_it_captures(project: Path, capsys: Capture) -> None:
    written(project / "roofprof.toml", 'gpu = "h10"\n')
    assert run(["sweep", "-o", "out"]) == 1
    assert "roofprof.toml: gpu: unknown GPU 'h10'" in capsys.readouterr().err
    assert not (project / "out").exists()


def test_commands_that_take_none_of_it_read_none(project: Path, capsys: Capture) -> None:
    written(project / "roofprof.toml", "this is not TOML")
    assert run(["gpus", "h100"]) == 0
    assert run(["baseline", "list"]) == 0
    assert run(["analyze", "gone.ncu-rep"]) == 1
    assert "not valid TOML" in capsys.readouterr().err
