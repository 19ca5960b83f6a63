"""Fixtures from tests/support that drive a browser."""

from report_page import chromium, opened  # noqa: F401
