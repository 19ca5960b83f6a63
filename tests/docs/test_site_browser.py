"""The site in headless Chromium: a phone, the search, light and dark; nothing is asked of other machines."""

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_page import needs_browser
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

pytest.importorskip("zensical")
pytestmark = needs_browser

WIDTH = "return [document.documentElement.scrollWidth, window.innerWidth]"


SHADOWS = """
const hosts = [...document.querySelectorAll("*")].filter((element) => element.shadowRoot);
return hosts.map((element) => element.shadowRoot.textContent).join(" ");
"""
"""The results of a search stand in a tree of their own."""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Prints nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def browser(chromium: Any, site: Path) -> Iterator[Any]:
    """Chromium on the home page, which a server of this process hands out."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        home = f"http://127.0.0.1:{server.server_port}/"
        chromium.get_log("performance")
        chromium.get(home)
        yield chromium
        asked = [json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"]
        assert [url for url in urls if url.startswith(home)]
        assert not [url for url in urls if url.startswith("http") and not url.startswith(home)]
        chromium.get("about:blank")
        server.shutdown()


def test_no_page_is_wider_than_a_phone(browser: Any, site: Path) -> None:
    screen = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        home = browser.current_url
        for path in sorted(site.rglob("index.html")):
            browser.get(home + path.relative_to(site).as_posix())
            scroll, inner = browser.execute_script(WIDTH)
            assert scroll <= inner == 390, path
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_word_is_found(browser: Any) -> None:
    WebDriverWait(browser, 10).until(lambda page: page.execute_script("return document.readyState") == "complete")
    ActionChains(browser).key_down(Keys.CONTROL).send_keys("k").key_up(Keys.CONTROL).pause(0.5).perform()
    ActionChains(browser).send_keys("headroom").perform()
    WebDriverWait(browser, 15).until(lambda page: "The ops, most headroom first" in page.execute_script(SHADOWS))


def test_the_button_makes_it_dark(browser: Any) -> None:
    background = "return getComputedStyle(document.body).backgroundColor"
    before = browser.execute_script(background)
    button = next(b for b in browser.find_elements(By.CSS_SELECTOR, "label[for^=__palette]") if b.is_displayed())
    button.click()
    WebDriverWait(browser, 10).until(lambda page: page.execute_script(background) != before)
