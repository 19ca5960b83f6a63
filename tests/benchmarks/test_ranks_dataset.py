"""The generated dataset of many ranks: its layout, and that a merge of it finds who was late."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest


@pytest.fixture(scope="module")
def made(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("ranks_dataset", root / "benchmarks" / "ranks_dataset.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["ranks_dataset"] = module
    spec.loader.exec_module(module)
    return module


def test_any_reader_of_parquet_finds_the_ranks(made: ModuleType, tmp_path: Path) -> None:
    made.write_dataset(tmp_path, 5, 43)
    frame = pl.read_parquet(tmp_path / "launches", hive_partitioning=True)
    assert frame.height == 5 * 43
    assert frame["rank"].unique().sort().to_list() == [0, 1, 2, 3, 4]
    assert pl.read_parquet(tmp_path / "launches" / "rank=003" / "part-0.parquet").schema == made.SCHEMA


@pytest.mark.parametrize("ranks", [6, 8])
def test_a_merge_finds_who_was_late(made: ModuleType, tmp_path: Path, ranks: int) -> None:
    made.write_dataset(tmp_path, ranks, 200)
    late = json.loads((tmp_path / "truth.json").read_text())["late"]
    found = made.merged(tmp_path).filter(pl.col("op") == "all_reduce_attn").sort("call")
    assert [row["fastest_rank"] for row in found.iter_rows(named=True)] == [late[str(c)] for c in range(20)]
    assert found["ranks"].unique().to_list() == [ranks]
