"""The HTML page in headless Chromium, opened from file://."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from report_page import needs_browser, press, rows
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.by import By

from roofprof.results.rank_summary import RankSummary
from roofprof.results.report import RooflineReport

pytestmark = needs_browser

POSITION = """
const plot = document.getElementById("plot");
const trace = plot.data.find((t) => t.meta?.measured && t.customdata.includes(arguments[0]));
const at = trace.customdata.indexOf(arguments[0]);
const { xaxis, yaxis } = plot._fullLayout;
const box = plot.getBoundingClientRect();
return [box.left + xaxis._offset + xaxis.d2p(trace.x[at]), box.top + yaxis._offset + yaxis.d2p(trace.y[at])];
"""
DRAWN = """
return document.getElementById("plot").data.filter((t) => t.meta?.measured).flatMap((t) => t.customdata);
"""


def move_to(page: Any, index: int, click: bool = False) -> None:
    page.execute_script("document.getElementById('plot').scrollIntoView({ block: 'center' })")
    x, y = page.execute_script(POSITION, index)
    builder = ActionBuilder(page)
    builder.pointer_action.move_to_location(round(x) - 30, round(y) - 30).move_to_location(round(x), round(y))
    if click:
        builder.pointer_action.click()
    builder.perform()
    page.implicitly_wait(2)


def op_on_its_own(page: Any) -> int:
    """The drawn op that is farthest from its nearest neighbour."""
    places = {i: page.execute_script(POSITION, i) for i in page.execute_script(DRAWN)}

    def room(i: int) -> float:
        x, y = places[i]
        return min(abs(x - a) + abs(y - b) for j, (a, b) in places.items() if j != i)

    return max(places, key=room)


COLLECTIVES = (
    "return [...document.querySelectorAll('table.figures tr')].map((r) => [...r.cells].map((c) => c.innerText))"
)


def finding_lines(page: Any) -> list[tuple[str, int]]:
    """Kind and count of each line of findings."""
    lines = page.execute_script(
        "return [...document.querySelectorAll('#findings-list > .findings > *')]"
        ".map((e) => [e.querySelector('strong').textContent, (e.querySelector('summary') || e).textContent]);"
    )
    return [
        (head.split(": ")[1], int(text.rsplit("× ", 1)[1]) if text[len(head) :].startswith(" × ") else 1)
        for head, text in lines
    ]


def test_hover_shows_the_op_with_its_numbers(opened: Any, decode: RooflineReport) -> None:
    page = opened(decode)
    index = op_on_its_own(page)
    move_to(page, index)
    text = page.find_element(By.ID, "hover").text
    assert decode.ops[index].label in text
    assert "by ncu, sum of its kernels" in text
    assert "measured" in text
    assert "FLOP/s" in text


def test_click_opens_kernels_counters_findings_and_formula(opened: Any, decode: RooflineReport) -> None:
    page = opened(decode)
    index = op_on_its_own(page)
    move_to(page, index, click=True)
    op = decode.ops[index]
    details = page.find_element(By.ID, "details")
    assert f"{index + 1} {op.label}" in details.text
    assert "DRAM read, write" in details.text
    assert op.formula
    assert f"Formula: {op.formula.name}" in details.text
    assert all(f.kind in details.text for f in op.findings)
    assert len(rows(page, "op-kernels")) == len(op.kernels)


def test_filters_filter_picture_and_tables(opened: Any, decode: RooflineReport) -> None:
    page = opened(decode)
    everything = len(page.execute_script(DRAWN))
    press(page, "FP8", "#filters")
    left = page.execute_script(DRAWN)
    assert 0 < len(left) < everything
    assert all((decode.ops[i].flop_by_pipe["tensor_fp8"] or 0) > 0 for i in left)
    assert {row["precision"] for row in rows(page)} == {"FP8"}
    press(page, "memory", "#filters")
    assert all(row["bound"] == "memory" for row in rows(page))
    press(page, "All", "#filters")
    assert len(page.execute_script(DRAWN)) == everything
    page.find_element(By.ID, "search").send_keys("ROUTER_gemm")
    assert {row["op"].split()[0] for row in rows(page)} == {"router_gemm"}
    assert {row["op"].split()[0] for row in rows(page, "kernels-table")} == {"router_gemm"}
    findings = [f for op in decode.ops if op.op == "router_gemm" for f in op.findings]
    assert {kind for kind, _ in finding_lines(page)} == {f.kind for f in findings}
    assert {row["op"].split()[0] for row in rows(page, "case-0")} <= {"router_gemm"}


@pytest.mark.parametrize(("heading", "field"), [("time", "time_ns"), ("work ratio", "work_ratio")])
def test_tables_sort_with_unknown_last(opened: Any, decode: RooflineReport, heading: str, field: str) -> None:
    page = opened(decode)
    down = sorted((v for op in decode.ops if (v := getattr(op, field)) is not None), reverse=True)
    unknown = len(decode.ops) - len(down)
    press(page, heading, "#ops-table")
    first = [row["#"] for row in rows(page)]
    assert [getattr(decode.ops[int(n) - 1], field) for n in first][: len(down)] == down
    press(page, heading, "#ops-table")
    values = [getattr(decode.ops[int(row["#"]) - 1], field) for row in rows(page)]
    assert values == down[::-1] + [None] * unknown
    assert [row[heading] for row in rows(page)][len(down) :] == ["—"] * unknown


def test_dark_and_light(opened: Any, decode: RooflineReport) -> None:
    page = opened(decode)
    background = (
        "return getComputedStyle(document.body).backgroundColor + document.getElementById('plot').layout.font.color"
    )
    light = page.execute_script(background)
    press(page, "Dark")
    assert page.execute_script(background) != light
    press(page, "Light")
    assert page.execute_script(background) == light
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    page.refresh()
    assert page.execute_script(background) != light
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_drag_zooms_and_the_zoom_stays_when_a_filter_changes(opened: Any, decode: RooflineReport) -> None:
    page = opened(decode)
    ranges = "return document.getElementById('plot')._fullLayout.xaxis.range"
    before = page.execute_script(ranges)
    page.execute_script("document.getElementById('plot').scrollIntoView({ block: 'center' })")
    box = page.execute_script("return document.getElementById('plot').getBoundingClientRect().toJSON()")
    builder = ActionBuilder(page)
    mouse = builder.pointer_action
    mouse.move_to_location(round(box["x"] + 200), round(box["y"] + 200)).pointer_down()
    mouse.move_to_location(round(box["x"] + 300), round(box["y"] + 300))
    mouse.move_to_location(round(box["x"] + 400), round(box["y"] + 400)).pointer_up()
    builder.perform()
    zoomed = page.execute_script(ranges)
    assert before[0] < zoomed[0] < zoomed[1] < before[1]
    press(page, "FP8", "#filters")
    assert page.execute_script(ranges) == zoomed


HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "%{x} %{customdata} &lt;b&gt;",
    "<b>bold</b><br>'\"`${alert(1)}",
)


def test_hostile_names_are_text_everywhere(opened: Any, analyzed: Any) -> None:
    report = analyzed("kinds/odd-names.ncu-rep")
    ops = [
        replace(op, op=name, implementation=name, nvtx_path=[name])
        for op, name in zip(report.ops, HOSTILE, strict=False)
    ]
    page = opened(replace(report, ops=[*ops, *report.ops[len(ops) :]], notes=list(HOSTILE)))
    for index, op in enumerate(ops):
        page.execute_script(
            "document.getElementById('plot').emit('plotly_hover', { points: [{ customdata: arguments[0] }] })", index
        )
        hover = page.find_element(By.ID, "hover").get_attribute("textContent")
        assert op.op in hover
        page.execute_script("document.querySelectorAll('#ops-table button.link')[arguments[0]].click()", index)
        assert op.op in page.find_element(By.CSS_SELECTOR, "#details h2").get_attribute("textContent")
    with pytest.raises(NoAlertPresentException):
        _ = page.switch_to.alert.text
    assert page.execute_script("return document.scripts.length") == 3
    assert (
        page.execute_script("return document.querySelectorAll('img, iframe, [onerror], a[href^=javascript]').length")
        == 0
    )


def test_collectives_stand_below_the_ops_of_their_case(opened: Any, made: Callable[..., RooflineReport]) -> None:
    report = made([("decode", 1, 4096)])
    assert opened(report).execute_script(COLLECTIVES) == []
    sent = replace(report.ops[0], op="<b>all_reduce", link_tx_bytes=3e6, link_bytes_formula=3e6)
    page = opened(replace(report, ops=[sent, *report.ops[1:]], ranks=RankSummary(count=2)))
    heads, row = page.execute_script(COLLECTIVES)
    assert heads[:4] == ["collective", "sent", "formula", "ratio"]
    assert row[:4] == ["<b>all_reduce", "3.00 MB", "3.00 MB", "1.00"]
