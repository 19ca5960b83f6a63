"""Fixtures from tests/support that drive a browser."""

from browser import chromium, opened  # noqa: F401
