"""What the HTML page costs in a browser: CPU seconds of the first drawing, of typed letters, of a sorted column.

    python benchmarks/page.py [--ops N] [--rounds N] [--old CHECKOUT]

User and system time of every process of a headless Chromium and its driver; the row `nothing` is what measuring takes.
Each page is opened anew in each round, in turn with the other version's; figures are medians. Nothing is asserted.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import large_analysis
from measure import ROOT

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1500,1200")
WORD = "moe_down"
NARROWING = "q"
"""Other points are drawn after it; the first letter of the word leaves all that are drawn."""
TYPING_S = 0.15
QUIET_S = 1.0
"""What an input has set off has ended when the browser used next to nothing for so long."""
DRAWN = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 300)));"
ALL_ROWS = "[...document.querySelectorAll('#ops-table button')].find((b) => /^show all/.test(b.textContent))?.click()"
"""In versions that hold rows back."""
STEPS = ("first drawing", "a letter, alone", "a letter that redraws", "a letter of a word", "a sort", "nothing")
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(root: int) -> float:
    """User and system time of a process and all below it, those that have ended and were waited for too."""
    parents, times = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            times[int(entry.name)] = sum(map(int, fields[11:15])) / _TICKS
    below = {root}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(times.get(pid, 0.0) for pid in below)


def settled(driver: Any, root: int) -> float:
    """The CPU time once the page has answered, its frames are drawn, and the browser is quiet."""
    driver.execute_async_script(DRAWN)
    last = cpu_seconds(root)
    while True:
        time.sleep(QUIET_S)
        now = cpu_seconds(root)
        if now - last <= 0.05:
            return now
        last = now


@contextmanager
def browser(folder: Path) -> Iterator[tuple[Any, int]]:
    """A headless Chromium, and the process above all of its own."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver, service.process.pid
    finally:
        driver.quit()


def costs(driver: Any, root: int, page: Path) -> dict[str, float]:
    """CPU seconds of each step of one visit."""
    from selenium.webdriver.common.by import By

    def cost(step: Callable[[], None]) -> float:
        before = settled(driver, root)
        step()
        return settled(driver, root) - before

    def type_letters(word: str) -> None:
        box = driver.find_element(By.ID, "search")
        for letter in word:
            box.send_keys(letter)
            time.sleep(TYPING_S)

    def clear() -> None:
        driver.execute_script("document.getElementById('reset').click()")

    def sort() -> None:
        buttons = driver.find_elements(By.CSS_SELECTOR, "#ops-table thead button")
        button = next(b for b in buttons if b.get_attribute("textContent").strip() == "DRAM")
        driver.execute_script("arguments[0].click()", button)

    driver.get("about:blank")
    first = cost(lambda: driver.get(page.as_uri()))
    driver.execute_script(ALL_ROWS)
    sorting, alone = cost(sort), cost(lambda: type_letters(WORD[0]))
    clear()
    narrowing = cost(lambda: type_letters(NARROWING))
    clear()
    word = cost(lambda: type_letters(WORD)) / len(WORD)
    return dict(zip(STEPS, (first, alone, narrowing, word, sorting, cost(lambda: None)), strict=True))


def written(checkout: Path, report: Path, page: Path) -> Path:
    """The page of a report as a checkout writes it."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"}
    words = ("report", str(report), "-o", str(page))
    subprocess.run([sys.executable, "-m", "roofprof", *words], env=environment, check=True, stdout=subprocess.DEVNULL)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--old", type=Path, metavar="CHECKOUT", help="another version, in turn")
    options = parser.parse_args()
    checkouts = {"ours": ROOT} | ({"old": options.old.resolve()} if options.old else {})
    found: dict[str, list[dict[str, float]]] = {name: [] for name in checkouts}
    with tempfile.TemporaryDirectory(prefix="roofprof-") as temporary:
        folder = Path(temporary)
        report = large_analysis.make(options.ops, folder / "report.json", source=large_analysis.CAPTURE)
        pages = {name: written(path, report, folder / f"{name}.html") for name, path in checkouts.items()}
        with browser(folder / "profile") as (driver, root):
            for _ in range(options.rounds):
                for name, page in pages.items():
                    found[name].append(costs(driver, root, page))
        sizes = {name: page.stat().st_size for name, page in pages.items()}
    print(f"| page of {options.ops:,} ops | {' | '.join(f'{name}, CPU s' for name in found)} |")
    print(f"|---|{'---|' * len(found)}")
    for step in STEPS:
        cells = [f"{statistics.median(one[step] for one in rounds):.2f}" for rounds in found.values()]
        print(f"| {step} | {' | '.join(cells)} |")
    print(f"| MB of the file | {' | '.join(f'{size / 1e6:.1f}' for size in sizes.values())} |")


if __name__ == "__main__":
    main()
