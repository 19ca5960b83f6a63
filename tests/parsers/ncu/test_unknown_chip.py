"""Chips without a file, read by the pattern of their metric names."""

from pathlib import Path

import pytest

from roofprof.hardware.chip import chips
from roofprof.parsers.ncu.unknown_chip import chip_by_pattern


def all_metrics(data: Path, name: str) -> frozenset[str]:
    suffixes = (".sum", ".avg", ".sum.peak_sustained", ".sum.per_second", ".avg.per_second")
    bases = (data / "metrics" / f"{name}.txt").read_text().split()
    return frozenset(base + suffix for base in bases for suffix in suffixes)


@pytest.mark.parametrize("name", ["gh100", "gb100", "gb110"])
def test_by_pattern_the_known_chips_come_out_the_same(data: Path, name: str) -> None:
    """What an unknown chip is read by gives, on known chips, the totals of their tables."""
    table = chips()[name]
    guessed = chip_by_pattern(all_metrics(data, name), "unknown")
    assert not guessed.has_table
    for pipe, counter in table.pipes.items():
        if pipe.startswith("tensor_"):
            assert set(guessed.pipes[pipe].alternatives[0]) == set(counter.alternatives[0]), pipe
        else:
            assert guessed.pipes[pipe].alternatives[0] == counter.alternatives[0], pipe


def test_by_pattern_suffixed_names_alone_are_added() -> None:
    names = {f"sm__ops_path_tensor_src_fp8_sparsity_{s}.sum" for s in ("on", "off")}
    guessed = chip_by_pattern(names, "x").pipes["tensor_fp8"]
    assert set(guessed.alternatives[0]) == {n.removesuffix(".sum") for n in names}
