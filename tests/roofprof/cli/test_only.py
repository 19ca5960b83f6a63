"""--only that leaves nothing: every command says so, on stderr."""

from pathlib import Path

import pytest

from roofprof.cli import run

Capture = pytest.CaptureFixture[str]
REPORT, TRACE = "kinds/no-nvtx.ncu-rep", "h100-decode-b64-s4096.sqlite"


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        (["analyze", REPORT], "."),
        (["analyze", REPORT, "--json"], "."),
        (["report", REPORT, "-o", "out.md"], "."),
        (["compare", REPORT], "."),
        (["diff", REPORT, REPORT], "."),
        (["timeline", TRACE], "gemm"),
        (["ops"], "lm_head"),
        (["ops", "--model", "qwen3-8b"], "o_proj"),
    ],
)
def test_a_choice_of_nothing_is_told(
    words: list[str], taken: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [str(data / word) if (data / word).is_file() else word for word in words]
    assert run([*words, "--only", "no-such-op"]) == 0
    assert "note: no op matches --only 'no-such-op'" in capsys.readouterr().err
    assert run([*words, "--only", taken]) == 0
    assert "no op matches" not in capsys.readouterr().err
