"""The first screen: it fits, it ranks, and it says what its figures stand on."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from roofprof.advice.answer import answers_of
from roofprof.advice.notes import notes_of
from roofprof.reports.tables.answer import ROWS, TARGET_ROWS, print_answers
from roofprof.reports.tables.findings import summary_lines
from roofprof.results.report import RooflineReport


def screen(report: RooflineReport, width: int, top: int | None = ROWS) -> list[str]:
    out = io.StringIO()
    print_answers(
        report, answers_of(report, top=top), Console(file=out, width=width, highlight=False, markup=False), width
    )
    return out.getvalue().splitlines()


def cases(lines: list[str]) -> list[list[str]]:
    """The lines of each case; the legend is the last part."""
    parts: list[list[str]] = []
    for line in lines:
        if line:
            parts[-1].append(line)
        else:
            parts.append([])
    return parts[:-1]


@pytest.mark.parametrize("width", [80, 100, 120, 160])
@pytest.mark.parametrize("fixture", ["decode", "layers"])
def test_a_case_fits_a_screen_at_any_width(request, fixture: str, width: int) -> None:  # type: ignore[no-untyped-def]
    report: RooflineReport = request.getfixturevalue(fixture)
    lines = screen(report, width)
    assert max(map(len, lines)) <= width
    found = cases(lines)
    assert len(found) == len(answers_of(report))
    for case in found:
        target = next(i for i, line in enumerate(case) if line.startswith("the same ops on"))
        assert target <= 25
        assert len(case) - target <= TARGET_ROWS + 2


def test_it_opens_with_the_case_its_time_and_what_can_be_won(decode: RooflineReport) -> None:
    (answer,) = answers_of(decode)
    head = " ".join(screen(decode, 160)[1].split())
    assert head.startswith("decode, batch 64, KV 4096, cold H100 SXM5 80 GB 2.67 ms a layer")
    assert answer.reachable is not None
    assert f"({100 * answer.reachable:.0f} %)" in head


def test_lm_head_is_starred_and_the_star_explained(layers: RooflineReport) -> None:
    lines = screen(layers, 120, top=None)
    assert sum("lm_head" in line and "*" in line for line in lines) >= 1
    assert any(line.startswith("*: in no sum of the layer") for line in lines)


def test_the_legend_says_whose_roofs(decode: RooflineReport) -> None:
    assert any("measured on another NVIDIA H100 80GB HBM3" in line for line in screen(decode, 160))
    sheet = [
        replace(op, measured_on=replace(op.measured_on, roof_fraction_measured=None, measured_roofs=None))
        for op in decode.ops
    ]
    lines = screen(replace(decode, ops=sheet, ceilings=None), 160)
    assert any("the datasheet, which nothing reaches" in line for line in lines)


def test_a_report_of_the_target_has_one_table(decode: RooflineReport) -> None:
    same = replace(decode, target=decode.gpu)
    assert not any("the same ops on" in line for line in screen(same, 120))


def test_findings_in_a_few_lines(decode: RooflineReport) -> None:
    notes = notes_of(decode, decode.ops)
    lines = list(summary_lines(notes))
    assert len(notes.act_on) + len(notes.doubtful) + len(notes.explain) == len(decode.findings)
    counts = f"{len(notes.act_on)} to act on, {len(notes.doubtful)} doubtful, {len(notes.explain)} notes"
    assert lines[0] == f"findings: {counts} (--explain)"
    kinds = {finding.kind for finding in notes.act_on}
    assert len(lines) <= 1 + 2 * len(kinds)
