"""Fixtures from tests/support that these tests share."""

from nsys_export import export, new_export, nsys_stats  # noqa: F401
