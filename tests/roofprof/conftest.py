"""Fixtures from tests/support that these tests share."""

from made_reports import layers, made  # noqa: F401
from nsys_export import export, new_export, nsys_stats  # noqa: F401
from shared_data import shared_data  # noqa: F401
from stub_tools import alive, all_bytes, gpu_is, ncu, nsys, plant_in, sample, tools  # noqa: F401
