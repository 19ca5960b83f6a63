"""Fixtures from tests/support that these tests share."""

from machines import make_machine, recorded  # noqa: F401
