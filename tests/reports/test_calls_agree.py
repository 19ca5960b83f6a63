"""Times of a workload whose kernels were launched several times: every output counts each call, and says the same."""

import io
from pathlib import Path

import pytest

import roofprof as rp
from roofprof.advice.answer import answers_of, least_time
from roofprof.document.cases import cases_of
from roofprof.formatting import format_si
from roofprof.reports.html.data import page_data
from roofprof.reports.markdown.report import render_markdown
from roofprof.reports.plots.roofline import draw_roofline
from roofprof.reports.tables.answer import print_answers
from roofprof.results.report import RooflineReport

CALLS = {"fma32": 3, "fma64": 3, "cupy_fill": 1}


@pytest.fixture(scope="module")
def report() -> RooflineReport:
    return rp.analyze(Path(__file__).parents[1] / "data" / "workloads" / "cupy-graph").data


def seconds(ns: float | None) -> str:
    assert ns is not None
    return format_si(ns / 1e9, "s")


def test_the_screen_the_document_the_picture_and_the_page_say_one_time(report: RooflineReport) -> None:
    time = sum(CALLS[op.op.split()[0]] * (op.time_ns or 0.0) for op in report.ops)
    (case,), (answer,) = cases_of([report]), answers_of(report)
    assert (case.time_ns, answer.time_ns) == (pytest.approx(time), pytest.approx(time))
    least = least_time(case).value
    out = io.StringIO()
    print_answers(report, [answer], out, 120)
    document = render_markdown([report])
    titles = [axes.get_title(loc="left") for axes in draw_roofline(report).axes]
    for text in (out.getvalue(), document, titles[0]):
        assert seconds(time) in text
    for text in (out.getvalue(), document, titles[1]):
        assert f"{seconds(least)}" in text
    (page,) = page_data([report])["cases"]
    assert page["target_least_ns"] == least
    (found,) = page_data([report])["sets"]
    assert "median call; sums and shares count every call" in str(found["legend"])
    assert rp.diff(rp.Report(report, "a"), rp.Report(report, "b")).data.cases[0].times_ns == (
        case.time_ns,
        case.time_ns,
    )


def test_rows_on_the_target_add_up_to_what_stands_over_them(report: RooflineReport) -> None:
    (answer,) = answers_of(report)
    out = io.StringIO()
    print_answers(report, [answer], out, 120)
    lines = out.getvalue().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("the same ops on"))
    rows = lines[start + 2 : start + 2 + len(report.ops)]
    assert lines[start + 1].endswith("least µs")
    assert sum(float(row.split()[-1]) for row in rows) == pytest.approx(
        (least_time(answer.case).value or 0) / 1e3, 0.01
    )


def test_the_document_names_calls_and_what_its_headroom_is_of(report: RooflineReport) -> None:
    fma = next(op for op in report.ops if op.op == "fma32")
    text = render_markdown([report])
    assert f"3 × {seconds(fma.time_ns)}, " in text
    assert f"| `fma32` | {seconds(3 * (fma.time_ns or 0))} |" in text
    assert "most headroom of all calls:" in text
    assert "per call" not in text


def test_a_diff_says_what_its_sums_are_of(report: RooflineReport) -> None:
    notes = rp.diff(rp.Report(report, "a"), rp.Report(report, "b")).notes
    assert "a row's times are of its median call, those of a case of all calls" in notes
    fewer = rp.Report(report, "b").filter("fma")
    assert any(
        note.endswith("of all calls: 8 before, 6 after") for note in rp.diff(rp.Report(report, "a"), fewer).notes
    )
