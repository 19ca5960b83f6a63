"""Fixtures from tests/support that these tests share."""

from nsys_export import export, new_export, nsys_stats  # noqa: F401
from stub_tools import alive, all_bytes, gpu_is, ncu, nsys, options, plant_in, sample, tools  # noqa: F401
