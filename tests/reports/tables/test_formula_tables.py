"""`roofprof ops` in terminals of several widths."""

import pytest

from roofprof.cli import run
from roofprof.reports.tables.lines import width_of

OPTIONS = (
    ["--phase", "decode", "--batch", "64", "--tp", "8", "--ep", "32", "--gpu", "gb200-nvl72"],
    ["--phase", "prefill", "--batch", "4", "--recipe", "fp8"],
    ["--claims"],
)


@pytest.mark.parametrize("options", OPTIONS, ids=["ranks", "prefill", "claims"])
@pytest.mark.parametrize("width", [80, 93, 100, 200])
def test_every_line_fits_and_no_figure_is_cut(
    options: list[str], width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert run(["ops", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(width_of, lines)) <= width
    if "--claims" not in options:
        cut = [line for line in lines if "…" in line.partition(" ")[2]]
        assert cut == []
