"""Fixtures from tests/support that these tests share."""

from rank_tools import gpus_here, rank_stubs  # noqa: F401
