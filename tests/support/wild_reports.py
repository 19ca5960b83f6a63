"""Reports that others made, beside the checkout: in no release, and so skipped where they are not."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "wild"
REPORTS = sorted(FOLDER.glob("*.ncu-rep"))

_NONE = pytest.param(None, marks=pytest.mark.skip("no reports of others here"))
each_wild_report = pytest.mark.parametrize("wild", REPORTS or [_NONE], ids=lambda path: path and path.stem)
"""Runs a test with the path of each."""
