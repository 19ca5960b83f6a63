"""Traces and reports that lie beside the checkout and are no part of it: tests of them are skipped elsewhere."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs the data beside the checkout")
    return SHARED
