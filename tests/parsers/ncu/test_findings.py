"""Findings about what a report leaves open, for every column that can be missing."""

import polars as pl
import pytest

from roofprof.launches.schema import LAUNCH_SCHEMA
from roofprof.parsers.ncu.findings import reading_findings
from roofprof.parsers.ncu.results import LeftOpen

LAUNCHES = pl.DataFrame([{"report": "r", "workload_type": "kernel"}], schema=LAUNCH_SCHEMA)
NOT_COUNTED = [c for c in LAUNCH_SCHEMA if not c.endswith("_flop_count")]


def messages(column: str) -> list[str]:
    reading: LeftOpen = {"missing": {column: {"some__metric.sum": 1}}, "unknown_chips": {}}
    return [finding.message for finding in reading_findings("r", LAUNCHES, reading)]


@pytest.mark.parametrize("column", NOT_COUNTED)
def test_only_counts_of_flops_are_called_flops(column: str) -> None:
    for message in messages(column):
        assert "FLOP" not in message
        assert "_" not in message.split(" unknown")[0]


@pytest.mark.parametrize(
    ("column", "words"),
    [("thread_count", "thread count unknown"), ("tensor_fp8_flop_count", "tensor_fp8 FLOPs unknown"),
     ("sm_count", "sm count unknown"), ("dram_read_bytes", "DRAM bytes read unknown")],
)  # fmt: skip
def test_what_is_missing_is_named(column: str, words: str) -> None:
    (message,) = messages(column)
    assert message.startswith(words)
