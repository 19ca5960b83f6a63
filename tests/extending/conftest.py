"""Fixtures from tests/support that these tests share."""

from stub_tools import alive, all_bytes, gpu_is, ncu, nsys, plant_in, sample, tools  # noqa: F401
