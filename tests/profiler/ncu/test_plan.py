from pathlib import Path

import pytest

from roofprof.errors import RoofprofError, UsageError
from roofprof.formulas.layer import RECIPES
from roofprof.hardware.chip import chips
from roofprof.parsers.ncu.columns import plan_columns
from roofprof.profiler.ncu.plan import layer_plan, table_of_capability, table_of_chip, workload_plan

ROOT = Path(__file__).parents[3]
LISTS = sorted((ROOT / "tests" / "data" / "metrics").glob("*.txt"))


def names(chip: str) -> set[str]:
    lines = (ROOT / "tests" / "data" / "metrics" / f"{chip}.txt").read_text().split()
    return {line.rpartition(".")[2] for line in lines}


@pytest.mark.parametrize("chip", [p.stem for p in LISTS])
def test_every_metric_exists_on_its_chip(chip: str) -> None:
    wanted = {m.partition(".")[0] for group in table_of_chip(chip).groups.values() for m in group}
    assert wanted - names(chip) == set()


@pytest.mark.parametrize("chip", chips())
def test_the_reader_finds_what_is_captured(chip: str) -> None:
    captured = frozenset(m for group in chips()[chip].groups.values() for m in group)
    columns = plan_columns(chips()[chip], captured)
    pipes = [f"{pipe}_flop_count" for pipe, counter in chips()[chip].pipes.items() if counter.alternatives]
    wanted = {*pipes, "duration_ns", "dram_read_bytes", "dram_write_bytes", "l2_read_bytes", "l1_fill_bytes"}
    assert wanted & set(columns.missing) == set()
    assert columns.dram_bytes_from == "sum"


def test_two_runs_of_one_pass_on_hopper() -> None:
    plan = layer_plan(table_of_chip("gh100"), "fp8", ["cold"])
    assert [(r.name, r.expected_passes) for r in plan.runs] == [("core", 1), ("cuda_core", 1)]
    assert {"tensor_bf16", "tensor_fp8", "l2", "time"} < set(plan.runs[0].groups)
    assert len(plan.runs[1].metrics) == 9
    assert plan.tested


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_counts_its_own_precisions(recipe: str) -> None:
    r = RECIPES[recipe]
    plan = layer_plan(table_of_chip("gb100"), recipe, ["cold"])
    counted = {g.removeprefix("tensor_") for run in plan.runs for g in run.groups if g.startswith("tensor_")}
    assert {r.experts, r.attention_in, r.o_proj, r.bmm, "bf16"} <= counted
    assert [run.name for run in plan.runs][:2] == ["core", "cuda_core"]
    assert plan.tested is None
    assert all(run.expected_passes is None for run in plan.runs)
    assert len(plan.runs[1].metrics) == 12


def test_a_precision_that_the_chip_does_not_count_is_noted() -> None:
    plan = layer_plan(table_of_chip("gh100"), "nvfp4", ["cold"])
    assert plan.notes == ("fp4 is not counted: gh100 has no such tensor counter",)
    assert plan.runs[0].expected_passes == 1


def test_warm_takes_single_passes_only() -> None:
    plan = layer_plan(table_of_chip("gh100"), None, ["cold", "warm"], ["tf32", "fp16", "mufu", "l1"])
    warm = [r for r in plan.runs if r.cache == "warm"]
    assert [r.name for r in warm] == ["core", "cuda_core", "tensor_tf32", "l1"]
    assert all(r.expected_passes == 1 for r in warm)
    assert [r.expected_passes for r in plan.runs if r.cache == "cold"] == [1, 1, 1, 3, None, 1]
    assert len(plan.notes) == 2


def test_another_workload_is_run_in_single_passes_and_looked_at_again_where_needed() -> None:
    plan = workload_plan(table_of_chip("gh100"), ["cold"])
    assert [(r.name, r.expected_passes, r.look) for r in plan.runs] == [
        ("core", 1, None),
        ("cuda_core", 1, None),
        ("tensor_ops", 1, "instructions"),
        ("second_look", None, "precisions"),
    ]
    assert set(plan.runs[-1].groups) == {"time", "tensor_fp16", "tensor_tf32", "tensor_int8", "tensor_fp64"}


def test_nothing_is_looked_at_again_where_all_is_counted_or_the_cache_is_warm() -> None:
    chip = table_of_chip("gh100")
    assert not [r for r in workload_plan(chip, ["cold"], chip.precisions).runs if r.look]
    warm = workload_plan(chip, ["warm"])
    assert [r.name for r in warm.runs] == ["core", "cuda_core"]
    assert "fp16" in warm.notes[0]
    assert [r.name for r in workload_plan(chip, ["cold", "warm"]).runs].count("second_look") == 1


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="fp4"):
        layer_plan(table_of_chip("gh100"), None, ["cold"], ["fp4"])
    with pytest.raises(UsageError, match="gx100"):
        table_of_chip("gx100")
    with pytest.raises(RoofprofError, match=r"8\.7"):
        table_of_capability("8.7")
    assert table_of_capability("10.3").name == "gb110"


def test_a_group_asked_for_twice_comes_once() -> None:
    plan = layer_plan(table_of_chip("gh100"), None, ["cold"], ["bf16", "l1", "l1"])
    assert [r.name for r in plan.runs] == ["core", "cuda_core", "l1"]
