"""The captures that come with roofprof, as `roofprof demo` shows them."""

from pathlib import Path

import pytest

from roofprof.cli import run
from roofprof.errors import RoofprofError, UsageError
from roofprof.formats.capture import load_capture
from roofprof.samples import FOLDER, SAMPLES, unpack


@pytest.mark.parametrize("name", SAMPLES)
def test_the_demo_runs_anywhere_and_says_what_to_do_next(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # again over its own files
        assert run(["demo", name]) == 0
    out = capsys.readouterr().out
    assert SAMPLES[name].title in out
    assert "reachable" in out
    assert f"roofprof analyze roofprof-demo/{name}" in out
    written = tmp_path / "roofprof-demo" / f"{name}-out"
    assert {"roofline.png", "ops.csv", "report.json"} <= {path.name for path in written.iterdir()}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_a_capture_and_is_small(name: str, tmp_path: Path) -> None:
    assert load_capture(unpack(name, tmp_path), name).groups
    assert (FOLDER / f"{name}.tar.xz").stat().st_size < 500_000


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown sample"):
        unpack("nonsense", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(RoofprofError, match="cannot write"):
        unpack("sglang", tmp_path / "file")
