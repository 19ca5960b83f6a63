"""One headless Chromium for all pages."""

import atexit
import shutil
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=1500,1200",
)  # fmt: skip
_COUNT = """
const found = {};
for (const e of document.querySelectorAll("*")) {
    const tag = e.tagName.toLowerCase();
    found[tag] = (found[tag] || 0) + 1;
    for (const a of e.attributes)
        if (a.name.startsWith("on") || (/href|src/.test(a.name) && /^\\s*javascript:/i.test(a.value)))
            found["attribute " + a.name] = (found["attribute " + a.name] || 0) + 1;
}
return [found, window.pwned === undefined ? null : String(window.pwned)];
"""
_lock = threading.Lock()
_open: list[Any] = []


def there_is_one() -> bool:
    """Whether this machine has a browser to drive."""
    return bool(CHROMIUM and DRIVER)


def look(path: Path) -> tuple[Counter[str], list[str]]:
    """Open a page; its elements by tag with attributes that run, and what it did that no page of ours does."""
    with _lock:
        driver = _driver()
        driver.get_log("browser")
        driver.get_log("performance")
        driver.get(path.as_uri())
        counts, pwned = driver.execute_script(_COUNT)
        deeds = ["a script of the name ran"] if pwned is not None else []
        deeds += [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        asked = [entry["message"] for entry in driver.get_log("performance")]
        deeds += [m[:200] for m in asked if "Network.requestWillBeSent" in m and '"url":"http' in m]
        return Counter(counts), deeds


def _driver() -> Any:
    if not _open:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM or ""
        folder = tempfile.mkdtemp(prefix="roofprof-chromium-")
        for flag in (*FLAGS, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        _open.append(webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER)))
        atexit.register(_close, folder)
    return _open[0]


def _close(folder: str) -> None:
    _open.pop().quit()
    shutil.rmtree(folder, ignore_errors=True)
