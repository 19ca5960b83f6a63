"""Tables, links and keys of a page of 2,000 ops in headless Chromium."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from report_page import NEXT_FRAMES, needs_browser, press, rows
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from roofprof.document.cases import case_words, cases_of
from roofprof.findings import Finding, Severity
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

pytestmark = needs_browser
COUNT = 2000
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
CHOSEN = "return document.querySelector('#details h2')?.textContent"
FOCUSED = "return document.activeElement.getAttribute('aria-label')"
FILLED = """
const box = document.querySelector("#ops-table .scroll").getBoundingClientRect();
const drawn = [...document.querySelectorAll("#ops-table tbody tr:not(.spacer)")].map((r) => r.getBoundingClientRect());
return drawn[0].top <= box.top + drawn[0].height + 4 && drawn.at(-1).bottom >= box.bottom;
"""
"""Whether rows fill what is seen of the table."""
STICKY = """
const scroll = document.querySelector("#ops-table .scroll");
scroll.scrollIntoView({ block: "center" });
scroll.scrollTo(700, 9000);
const done = arguments[0];
setTimeout(() => {
  const box = scroll.getBoundingClientRect();
  const row = [...scroll.querySelectorAll("tbody tr:not(.spacer)")].find(
    (r) => r.getBoundingClientRect().top > box.top + 60);
  const at = (cell) => cell.getBoundingClientRect();
  const [op, second, third] = row.cells;
  const head = scroll.querySelector("thead").rows[0].cells;
  done({
    scrolled: scroll.scrollLeft, op: at(op).left - box.left, gap: at(second).left - at(op).right,
    head: at(head[0]).top - box.top, aligned: at(head[1]).left - at(second).left, third: at(third).left - box.left,
    seen: document.elementFromPoint(at(op).left + 12, at(op).top + 8).closest("th, td") === op,
  });
}, 500);
"""


MARKED = 200
"""Ops that the picture draws in full; the others are dots."""
PICTURE = """
const plot = document.getElementById("plot");
const drawn = (kind) => plot.data.filter((t) => t.meta?.[kind]).flatMap((t) => t.customdata);
return {
  marked: drawn("measured"), dots: drawn("dots"),
  points: document.querySelectorAll("#plot .scatterlayer .point").length,
  lines: [...plot.querySelectorAll(".shapelayer path")].filter((p) => p.style.strokeWidth === "6px")
    .reduce((sum, path) => sum + path.getAttribute("d").split("L").length - 1, 0),
  legend: [...plot.querySelectorAll(".legendtext")].map((t) => t.textContent).sort(),
};
"""
"""Ops by index that the picture has, and the elements it is drawn with."""

LONE_DOT = """
const plot = document.getElementById("plot");
const { xaxis, yaxis } = plot._fullLayout;
const box = plot.getBoundingClientRect();
const lowest = plot.data.filter((t) => t.meta?.dots).flatMap((t) => t.customdata.map((op, i) => [op, t.x[i], t.y[i]]))
  .reduce((a, b) => (b[2] < a[2] ? b : a));
return [lowest[0], box.left + xaxis._offset + xaxis.d2p(lowest[1]), box.top + yaxis._offset + yaxis.d2p(lowest[2])];
"""
"""The lowest dot: its op, and where it is drawn."""

DOWNLOADED = """
const done = arguments[0];
Plotly.downloadImage = async (picture, options) => {
  const svg = decodeURIComponent((await Plotly.toImage(picture, { ...options, format: "svg" })).split(",", 2)[1]);
  const drawn = new DOMParser().parseFromString(svg, "image/svg+xml");
  done([drawn.querySelectorAll(".scatterlayer .point").length, options.width]);
};
document.querySelector('.modebar-btn[data-title="Download picture"]').click();
"""
"""Marks in the picture that the button saves, and its width."""


def picture(page: Any) -> dict[str, Any]:
    page.execute_async_script(NEXT_FRAMES)
    found: dict[str, Any] = page.execute_script(PICTURE)
    return found


@pytest.fixture(scope="module")
def large(made: Callable[..., RooflineReport]) -> RooflineReport:
    """2,000 ops of three cases, no two of one name in a case."""
    report = made([("decode", 1, 4096), ("decode", 64, 4096), ("prefill", 1, 1024)])
    per_turn = len(report.ops)
    ops = [
        replace(
            op,
            op=f"{op.op}_{turn}",
            duration_ns=(op.duration_ns or 1.0) * (1 + turn / 100),
            findings=[Finding("re-reads", Severity.INFO, f"turn {turn}", op=f"{op.op}_{turn}")] if turn % 3 else [],
        )
        for turn in range(COUNT // per_turn + 1)
        for op in report.ops
    ][:COUNT]
    whole = Finding("report-joined", Severity.DOUBTFUL, "about no op")
    return replace(report, ops=ops, findings=[*(f for op in ops for f in op.findings), whole])


@pytest.fixture
def phone(chromium: Any) -> Iterator[None]:
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    yield
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def link(op: OpResult) -> str:
    """As encodeURIComponent writes it."""
    title = case_words(op.phase, op.batch, op.seq_len, op.cache)
    name, case = (quote(text, safe="()!*'~") for text in (op.label, title[0].upper() + title[1:]))
    return f"#op={name}&case={case}"


def test_only_rows_in_view_are_drawn_and_all_can_be_scrolled_to(opened: Any, large: RooflineReport) -> None:
    page = opened(large)
    assert page.execute_script(FILLED)
    assert [row["#"] for row in rows(page)][:3] == ["1", "2", "3"]
    assert len(rows(page)) < 100
    page.execute_script("document.querySelector('#ops-table .scroll').scrollTop = 1e7")
    assert rows(page)[-1]["#"] == f"{COUNT:,}"
    page.execute_script("document.querySelector('#ops-table .scroll').scrollTop = 9000")
    assert len(rows(page)) < 100
    assert page.execute_script(FILLED)
    assert page.execute_script("return document.querySelector('#ops-table table').ariaRowCount") == str(COUNT + 1)


@pytest.mark.parametrize("word", ["Q_A_layernorm_1", "kernel_of_topk", "new tokens 1024", "no such op"])
def test_a_typed_word_filters_every_table(opened: Any, large: RooflineReport, word: str) -> None:
    page = opened(large)
    page.find_element(By.ID, "search").send_keys(word)
    page.execute_async_script(NEXT_FRAMES)
    kernels = {row["launch_id"]: row["kernel_name"] for row in large.kernels.to_dicts()}

    def texts(op: OpResult) -> list[str]:
        case = case_words(op.phase, op.batch, op.seq_len, op.cache)
        return [op.label, case, *(kernels[launch] for launch in op.kernels)]

    wanted = [n for n, op in enumerate(large.ops, 1) if any(word.lower() in text.lower() for text in texts(op))]
    shown = [int(row["#"].replace(",", "")) for row in rows(page)]
    assert shown == wanted[: len(shown)]
    assert len(shown) >= min(20, len(wanted))
    assert page.find_element(By.ID, "count").text == f"{len(wanted)} of {COUNT} ops"


def test_the_picture_draws_what_a_typed_letter_lets_through(opened: Any, large: RooflineReport) -> None:
    page = opened(large)
    page.execute_script("document.getElementById('show-formula').click()")
    everything = picture(page)
    placed = {*everything["marked"], *everything["dots"]}
    assert len(everything["marked"]) == everything["points"] == MARKED
    assert len(everything["dots"]) == everything["lines"] == len(placed) - MARKED > 0
    box = page.find_element(By.ID, "search")
    for letters in ("topk_1", "q_a_", "router_gemm_2", "no such op"):
        box.clear()
        box.send_keys(letters)
        left = picture(page)
        count = int(page.find_element(By.ID, "count").text.split()[0])
        wanted = {i for i in placed if letters in large.ops[i].label}
        assert {*left["marked"], *left["dots"]} == wanted, letters
        assert left["points"] == min(len(wanted), MARKED)
        assert left["lines"] == max(len(wanted) - MARKED, 0)
        assert len(wanted) <= count
        assert bool(left["legend"]) == bool(wanted)
    page.find_element(By.ID, "reset").click()
    assert picture(page) == everything


def test_the_pointer_finds_an_op_that_is_a_dot(opened: Any, large: RooflineReport) -> None:
    page = opened(large)
    page.execute_script("document.getElementById('plot').scrollIntoView({ block: 'center' })")
    index, x, y = page.execute_script(LONE_DOT)
    builder = ActionBuilder(page)
    builder.pointer_action.move_to_location(round(x) - 30, round(y) - 30).move_to_location(round(x), round(y))
    builder.perform()
    page.execute_async_script(NEXT_FRAMES)
    kind = large.ops[index].op.rsplit("_", 1)[0]
    assert kind in page.find_element(By.ID, "hover").text


def test_the_saved_picture_has_the_dots_too(opened: Any, large: RooflineReport) -> None:
    page = opened(large)
    drawn = picture(page)
    marks, width = page.execute_async_script(DOWNLOADED)
    assert marks == drawn["points"] + len(drawn["dots"])
    assert width == page.execute_script("return document.getElementById('plot').clientWidth")


def test_a_click_in_the_legend_hides_points_and_dots_of_a_pipe(opened: Any, large: RooflineReport) -> None:
    page = opened(large)
    everything = picture(page)
    name = everything["legend"][0]
    toggle = (
        "const item = [...document.querySelectorAll('#plot .traces')].find((t) => t.textContent === arguments[0]);"
        "const at = item.querySelector('.legendtoggle');"
        "for (const kind of ['mousedown', 'mouseup']) at.dispatchEvent(new MouseEvent(kind, { bubbles: true }));"
    )
    page.execute_script(toggle, name)
    page.execute_async_script(NEXT_FRAMES)
    hidden = picture(page)
    assert len(hidden["dots"]) < len(everything["dots"])
    assert hidden["lines"] == len(hidden["dots"])
    assert hidden["points"] < everything["points"]
    page.find_element(By.ID, "search").send_keys("topk")
    assert picture(page)["legend"]
    page.find_element(By.ID, "reset").click()
    assert picture(page) == hidden
    page.execute_script(toggle, name)
    page.execute_async_script(NEXT_FRAMES)
    assert picture(page) == everything


@pytest.mark.parametrize(
    ("heading", "field"), [("DRAM", "dram_bytes"), ("time", "time_ns"), ("headroom", "headroom_ns")]
)
def test_a_sort_orders_all_rows(opened: Any, large: RooflineReport, heading: str, field: str) -> None:
    page = opened(large)
    press(page, heading, "#ops-table")
    down = sorted((getattr(op, field) for op in large.ops), reverse=True)
    shown = [getattr(large.ops[int(row["#"].replace(",", "")) - 1], field) for row in rows(page)]
    assert shown == down[: len(shown)]
    page.execute_script("document.querySelector('#ops-table .scroll').scrollTop = 1e7")
    shown = [getattr(large.ops[int(row["#"].replace(",", "")) - 1], field) for row in rows(page)]
    assert shown == down[-len(shown) :]
    assert page.execute_script("return document.activeElement.textContent").startswith(heading)


def test_a_link_opens_its_op_and_the_op_makes_its_link(opened: Any, large: RooflineReport) -> None:
    page = opened(large)
    address = page.current_url
    op = large.ops[1500]
    page.get("about:blank")
    page.get(address + link(op))
    assert page.execute_script(CHOSEN) == f"1501 {op.label}"
    assert any(row["#"] == "1,501" for row in rows(page))
    other = next(o for o in large.ops if o.batch == 64)
    page.execute_script("location.hash = arguments[0]", link(other))
    page.execute_async_script(NEXT_FRAMES)
    assert page.execute_script(CHOSEN) == f"{large.ops.index(other) + 1} {other.label}"
    page.execute_script("document.querySelector('#case-0 tbody button').click()")
    name = page.execute_script(CHOSEN).split(" ", 1)[1]
    first = next(o for o in cases_of([large])[0].ops if o.label == name)
    assert page.current_url == address + link(first)


def test_a_link_to_a_case_shows_it_alone(opened: Any, large: RooflineReport) -> None:
    page = opened(large)
    page.execute_script("location.hash = 'case=' + encodeURIComponent('Prefill, batch 1, new tokens 1024, cold cache')")
    page.execute_async_script(NEXT_FRAMES)
    assert {row["phase"] for row in rows(page)} == {"prefill"}
    press(page, "only this case", "[data-case='2']")
    assert page.find_element(By.ID, "count").text == f"{COUNT} of {COUNT} ops"
    assert "#" not in page.current_url


def becomes_selected(page: Any, row: str) -> bool:
    """A row that was out of sight is laid out when the browser has scrolled to it."""
    script = "return document.getElementById(arguments[0])?.ariaSelected"
    return bool(WebDriverWait(page, 20).until(lambda driver: driver.execute_script(script, row) == "true"))


def test_keys_move_the_chosen_row_and_keep_the_focus(opened: Any, large: RooflineReport) -> None:
    page = opened(large)
    grid = page.find_element(By.CSS_SELECTOR, "#ops-table table")
    page.execute_script("arguments[0].focus()", grid)
    numbers = []
    for key in (Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ENTER, Keys.END, Keys.HOME):
        grid.send_keys(key)
        numbers.append(page.execute_script(CHOSEN).split()[0])
        assert page.execute_script(FOCUSED) == "Ops, measured"
        active = page.execute_script("return arguments[0].getAttribute('aria-activedescendant')", grid)
        assert becomes_selected(page, active)
    assert numbers == ["1", "2", "1", "1", str(COUNT), "1"]
    grid.send_keys(Keys.ESCAPE)
    assert page.execute_script(CHOSEN) is None


def test_the_details_of_an_op_that_is_filtered_out_are_not_shown(opened: Any, large: RooflineReport) -> None:
    page = opened(large)
    page.execute_script("document.querySelector('#ops-table tbody button').click()")
    assert page.execute_script(CHOSEN) == f"1 {large.ops[0].label}"
    press(page, "prefill", "#filters")
    assert page.execute_script(CHOSEN) is None
    assert "not among" in page.find_element(By.ID, "details").text


@pytest.mark.parametrize("narrow", [False, True])
def test_op_and_case_stay_in_view_under_their_headings(
    opened: Any, large: RooflineReport, narrow: bool, request: pytest.FixtureRequest
) -> None:
    if narrow:
        request.getfixturevalue("phone")
    found = opened(large).execute_async_script(STICKY)
    assert found["scrolled"] > 300
    assert found["seen"]
    assert found["third"] < 0
    for name in ("op", "gap", "head", "aligned"):
        assert found[name] == pytest.approx(0, abs=2), name


@pytest.mark.usefixtures("phone")
def test_a_phone_shows_the_page_without_scrolling_sideways(opened: Any, large: RooflineReport) -> None:
    page = opened(large)
    width = "return document.documentElement.scrollWidth"
    assert page.execute_script(width) <= PHONE["width"]
    page.execute_script("document.querySelector('#ops-table tbody button').click()")
    assert page.find_element(By.ID, "details").is_displayed()
    page.execute_script("document.getElementById('tab-there').click()")
    assert page.execute_script(width) <= PHONE["width"]


@pytest.mark.parametrize("by_key", [True, False])
def test_a_row_is_copied_as_text(opened: Any, layers: RooflineReport, by_key: bool) -> None:
    page = opened(layers)
    page.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    page.execute_script("document.querySelector('#ops-table tbody button').click()")
    if by_key:
        page.find_element(By.CSS_SELECTOR, "#ops-table table").send_keys("c")
    else:
        press(page, "Copy row")
    page.execute_async_script(NEXT_FRAMES)
    text = page.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    row = rows(page)[0]
    assert text.startswith(f"{layers.ops[0].label}; Decode, batch 1, KV length 4096, cold cache; ")
    assert f"; time {row['time']}; " in text
    assert "; why: " in text
    assert page.find_element(By.ID, "said").get_attribute("textContent") == f"copied: {text}"


def test_findings_of_one_kind_are_one_line_that_opens(opened: Any, large: RooflineReport) -> None:
    page = opened(large)
    count = sum(bool(op.findings) for op in large.ops)
    lines = page.find_element(By.ID, "findings-list")
    assert lines.text.splitlines() == ["doubtful: report-joined about no op", f"info: re-reads × {count}"]
    box = lines.find_element(By.TAG_NAME, "details")
    assert not box.find_elements(By.TAG_NAME, "li")
    page.execute_script("arguments[0].open = true", box)
    page.execute_async_script(NEXT_FRAMES)
    assert 0 < len(box.find_elements(By.TAG_NAME, "li")) <= 50
    page.find_element(By.ID, "search").send_keys("topk_1")
    page.execute_async_script(NEXT_FRAMES)
    kept = sum("topk_1" in op.label and bool(op.findings) for op in large.ops)
    assert lines.find_element(By.TAG_NAME, "summary").text == f"info: re-reads × {kept}"


def test_the_target_stands_in_a_tab_of_its_own(opened: Any, large: RooflineReport) -> None:
    page = opened(large)
    assert "gb200" not in " ".join(rows(page)[0])
    assert not page.find_element(By.ID, "target").is_displayed()
    press(page, "The same ops on gb200 (extrapolated)", "#tabs")
    assert {"AI useful", "attainable", "least time"} <= set(rows(page, "target-table")[0])
    assert not {"time", "of roof", "headroom", "achieved"} & set(rows(page, "target-table")[0])
    assert "measured" not in page.find_element(By.ID, "plot").get_attribute("aria-label")
