"""Fixtures from tests/support that these tests share."""

from made_reports import layers, made  # noqa: F401
