"""A small choice of the cases of scripts/fuzz: each must end as its kind wants it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import browser
import pytest
from all_cases import all_cases
from cases import Case
from command_line import CommandLine
from known_faults import KNOWN_FAULTS
from sample import SAMPLE


@pytest.fixture(scope="session")
def by_label() -> Mapping[str, Case]:
    return {case.label: case for case in all_cases()}


@pytest.fixture(scope="session")
def roofprof() -> Iterator[CommandLine]:
    worker = CommandLine()
    yield worker
    worker.close()


def _parameter(label: str) -> Any:
    reason = KNOWN_FAULTS.get(label)
    marks = [pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError)] if reason else []
    return pytest.param(label, marks=marks, id=label.replace("::", ":"))


@pytest.mark.parametrize("label", [_parameter(label) for label in SAMPLE])
def test_it_ends_well(label: str, by_label: Mapping[str, Case], roofprof: CommandLine, tmp_path: Path) -> None:
    if "names, HTML" in label and not browser.there_is_one():
        pytest.skip("needs a browser: apt-get install chromium chromium-driver")
    verdict = by_label[label].run(tmp_path, roofprof)
    assert verdict.outcome in by_label[label].wanted, verdict


def test_the_known_faults_are_of_the_sample() -> None:
    assert set(KNOWN_FAULTS) <= set(SAMPLE)
    assert len(set(SAMPLE)) == len(SAMPLE)


def test_the_numbers_that_were_promised(by_label: Mapping[str, Case]) -> None:
    kinds = [case.kind for case in by_label.values()]
    assert kinds.count("nsys trace, damaged") == 400
    files = ("ops TOML", "GPU TOML", "all_kernels.csv")
    assert sum(kind.endswith(".json") or kind in files for kind in kinds) >= 400
    assert sum(kind.startswith("hostile names, ") for kind in kinds) == 41 * (8 if browser.there_is_one() else 7)
