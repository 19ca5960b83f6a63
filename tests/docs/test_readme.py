"""The README's Python and the commands of README and start run, and those of all pages parse, as they stand there."""

import re
import shlex
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from doc_blocks import code_blocks

from roofprof.cli import run
from roofprof.cli.commands import COMMANDS
from roofprof.results.report import RooflineReport

ROOT = Path(__file__).parents[2]
ELSEWHERE = ("CHANGELOG.md", "docs/screens.md", "docs/extending/command.md", "docs/extending/option.md")
"""Pages that tell of what was, or of a command or option that is to be added."""
PAGES = sorted(
    {p.relative_to(ROOT).as_posix() for p in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))} - {*ELSEWHERE}
)
WITHOUT_GPU = ("analyze", "baseline", "compare", "demo", "diff", "gpus", "ops", "report", "timeline")
"""Commands that read what others measured."""


def test_the_python_of_the_readme_runs(
    root: Path, tmp_path: Path, analyzed: Callable[[str], RooflineReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = code_blocks(root / "README.md", "python")
    (tmp_path / "capture-decode").symlink_to(root / "tests/data/h100-fp8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/report.json").write_text(analyzed("kinds/odd-names.ncu-rep").to_json())
    monkeypatch.chdir(tmp_path)
    exec(code, {})


def shell_lines(text: str) -> list[str]:
    """The lines of indented blocks and of fenced shell blocks, those that go on joined."""
    text = re.sub(r"\\\n *", "", text)
    fenced = re.findall(r"^```(?:sh|console|bash)\b[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [*re.findall(r"^ {4}(?:\$ )?(\S.*)$", text, re.MULTILINE), *"\n".join(fenced).splitlines()]


def commands(lines: list[str]) -> list[list[str]]:
    """What follows `roofprof`, word by word; comments and other programs' words left out."""
    parts = [part.strip() for line in lines for part in re.split(r";|&&", re.sub(r"\s#.*", "", line))]
    found = [re.search(r"(?:^|\$ |-- )roofprof ([a-z].*)$", part) for part in parts]
    return [shlex.split(match[1].split(" -- ")[0]) for match in found if match]


@pytest.mark.parametrize("name", PAGES)
def test_commands_of_the_pages_are_taken_by_their_parsers(root: Path, name: str) -> None:
    text = (root / name).read_text(encoding="utf-8")
    for words in commands([*shell_lines(text), *re.findall(r"`(roofprof [a-z][^`\n]*)`", text)]):
        command, *rest = [word for word in words if word not in ("...", "--help")]
        known: Any = COMMANDS[command].load(command)
        context = typer.Context(known, info_name=command)
        try:
            known.make_parser(context).parse_args(rest)
        except Exception as error:
            pytest.fail(f"roofprof {shlex.join(words)}: {error}")


@pytest.fixture
def workplace(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the reports that the pages speak of."""
    for name in ("capture", "capture-decode", "before", "after"):
        (tmp_path / name).symlink_to(root / "tests/data/h100-fp8")
    (tmp_path / "trace.ncu-rep").symlink_to(root / "tests/data/h100-decode-b64-s4096.ncu-rep")
    monkeypatch.chdir(tmp_path)
    assert run(["demo"]) == 0
    return tmp_path


def test_the_start_runs_as_it_stands(root: Path, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = code_blocks(root / "docs/start.md", "sh run")
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) >= 12
    for line in lines:
        capsys.readouterr()
        assert run(shlex.split(line, comments=True)[1:]) == 0, line
        assert any(capsys.readouterr()), line
    assert {"roofline.html", "roofline.md", "out", "roofprof-baselines"} <= {path.name for path in workplace.iterdir()}


def test_the_picture_of_the_gallery_is_drawn(root: Path, workplace: Path) -> None:
    (code,) = code_blocks(root / "docs/gallery.md", "python")
    exec(code, {})
    assert (workplace / "decode-b64.png").stat().st_size > 100_000


def test_the_readmes_commands_that_need_no_gpu_run(root: Path, workplace: Path) -> None:
    ran = 0
    for words in commands(shell_lines((root / "README.md").read_text(encoding="utf-8"))):
        if words[0] in WITHOUT_GPU:
            assert run(words) == 0, words
            ran += 1
    assert ran > 15
    assert (workplace / "out/report.json").exists()


def test_readme_and_first_screen_show_what_the_demo_prints(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    assert run(["demo"]) == 0
    said = capsys.readouterr()
    printed = said.out
    (shown,) = re.findall(
        r"^    decode, batch 64.*?(?=^\S)", (root / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert textwrap.dedent(shown).strip() in printed
    parts = code_blocks(root / "docs/first-screen.md", "text")
    assert len(parts) > 5
    assert not [part for part in parts if part not in printed + said.err]


def test_the_page_of_a_measurement_tells_what_was_measured(
    root: Path, analyzed: Callable[[str], RooflineReport]
) -> None:
    page = (root / "docs/measurement.md").read_text(encoding="utf-8")
    (op,) = (op for op in analyzed("h100-fp8").ops if (op.op, op.phase, op.batch) == ("moe_gate_up", "decode", 64))
    assert op.formula
    assert op.nvtx_path[-1] in page
    assert op.calls == 3
    for figure in (
        f"{(op.dram_bytes or 0) / 1e9:.2f} GB and {(op.flop_count or 0) / 1e9:.0f} GFLOP",
        f"{op.arithmetic_intensity:.1f} FLOP per byte",
        f"{op.formula.flop_count / 1e9:.1f} GFLOP",
        f"{op.formula.dram_bytes / 1e9:.2f} GB that",
        f"{op.formula.arithmetic_intensity:.2f} by formula",
        f"{op.work_ratio:.1f} times as many",
        f"{(op.time_ns or 0) / 1e3:,.0f} µs: {op.of_roof:.0%}".replace("%", " %"),
        f"{(op.time_ns or 0) * (op.of_roof or 0) / 1e3:,.0f} µs. It took",
        f"{(op.headroom_ns or 0) / 1e3:.0f} µs of headroom",
    ):
        assert figure in page, figure
