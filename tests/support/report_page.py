"""A headless Chromium that opens a report's page from file://."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from roofprof.reports.html.report import write_html
from roofprof.results.report import RooflineReport

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=1500,1200",
)  # fmt: skip
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs a browser: apt-get install chromium chromium-driver"
)

NEXT_FRAMES = """
const done = arguments[0];
requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 400)));
"""
"""Input that waits for the next letter has been taken in, too."""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    def page(report: RooflineReport) -> Any:
        write_html([report], tmp_path / "roofline.html")
        chromium.get((tmp_path / "roofline.html").as_uri())
        return chromium

    yield page
    assert chromium.get_log("browser") == []
    asked = [entry["message"] for entry in chromium.get_log("performance")]
    assert not [m for m in asked if "Network.requestWillBeSent" in m and '"url":"http' in m]


def rows(page: Any, table: str = "ops-table") -> list[dict[str, str]]:
    """Cells of the rows that are drawn, by heading, without the mark of the order."""
    page.execute_script("document.getElementById(arguments[0]).scrollIntoView({ block: 'center' })", table)
    page.execute_async_script(NEXT_FRAMES)
    script = "return [...document.querySelectorAll(arguments[0])].map((r) => [...r.cells].map((c) => c.textContent));"
    heading, *cells = page.execute_script(script, f"#{table} tr:not(.spacer)")
    return [dict(zip([h.rstrip(" ▲▼") for h in heading], row, strict=True)) for row in cells]


def press(page: Any, text: str, within: str = "body") -> None:
    button = next(b for b in page.find_elements(By.CSS_SELECTOR, f"{within} button") if b.text.rstrip(" ▲▼") == text)
    page.execute_script("arguments[0].scrollIntoView({ block: 'center' })", button)
    button.click()
