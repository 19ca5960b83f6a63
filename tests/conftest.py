"""Fixtures shared by all tests."""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from doc_blocks import table_at

os.environ["COLUMNS"] = "100"

with contextlib.suppress(ImportError):  # the GPU machine needs no more than pytest
    from hypothesis import settings

    # How long an example takes says how busy the machine is.
    settings.register_profile("timeless", deadline=None)
    settings.load_profile("timeless")

ROOT = Path(__file__).parent.parent
DATA_FOLDER = ROOT / "tests" / "data"


SLOW = (
    "benchmarks/", "docs/", "extending/", "fuzz/", "harness/ops/test_adding_an_op.py", "harness/ops/test_calls.py",
    "harness/parallel/", "harness/run/", "harness/test_imports.py", "harness/verify/", "parsers/ncu/test_equality.py",
    "profiler/capture/", "profiler/ncu/test_slim.py", "profiler/nsys/", "profiler/ranks/test_launch.py",
    "profiler/run/", "profiler/sweep/", "reports/html/test_browser.py", "reports/html/test_tables_browser.py",
    "reports/markdown/test_numbers.py", "reports/outputs/", "reports/plots/", "reports/test_pandas_frame.py",
    "reports/test_unknown_gpu.py", "roofprof/cli/test_capture.py", "roofprof/cli/test_cli.py",
    "roofprof/cli/test_odd_names.py", "roofprof/pipeline/test_names.py", "roofprof/pipeline/test_saved_analyses.py",
    "roofprof/results/test_columns.py", "scripts/",
)  # fmt: skip
"""Below tests/: what takes seconds, drives a browser, or waits for processes; `scripts/test --fast` leaves it out."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden tables anew: look at the diff")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(ROOT / "tests").as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)
    if shutil.which("nvidia-smi") is None:
        for item in items:
            if "gpu" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real reports."""
    return DATA_FOLDER


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The capture that an archive of tests/data holds, such as `ranks/h100-tp2` or `workloads/hf-emit`."""
    from functools import cache
    from tarfile import open as open_archive

    @cache
    def folder(name: str) -> Path:
        into = tmp_path_factory.mktemp("unpacked")
        with open_archive(DATA_FOLDER / f"{name}.tar.xz") as archive:
            archive.extractall(into, filter="data")
        (found,) = into.iterdir()
        return found

    return folder


@pytest.fixture(scope="session")
def analyzed() -> Callable:
    """Analyse a file of tests/data by name, once a session for each set of options."""
    from functools import cache

    from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files

    @cache
    def run(name: str, gpu: str = "gb200", ops: str | None = None, domain: str | None = None):
        return analyze_files(AnalyzeRequest([DATA_FOLDER / name], gpu, domain, ops))

    return run


@pytest.fixture(scope="session")
def decode(analyzed: Callable):
    """The bundled decode layer, analysed with its ops file."""
    return analyzed("h100-decode-b64-s4096.ncu-rep", ops="h100-decode-b64-s4096")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare text with a golden file; --update-golden writes it."""

    def compare(name: str, text: str) -> None:
        path = DATA_FOLDER / "golden" / name
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def page_table(root: Path, request: pytest.FixtureRequest) -> Callable[[str, str, list[str]], None]:
    """Hold the table of a page of docs that begins with some words against the lines wanted; or write it anew."""

    def compare(name: str, start: str, wanted: list[str]) -> None:
        path = root / "docs" / name
        text = path.read_text(encoding="utf-8")
        before, found, rest = text.partition(start)
        assert found, f"{name} has no table {start!r}"
        end = len(before) + len("\n".join(table_at(found + rest)))
        if request.config.getoption("--update-golden"):
            path.write_text(before + "\n".join(wanted) + text[end:], encoding="utf-8")
            return
        assert "\n".join(wanted) == text[len(before) : end]

    return compare
