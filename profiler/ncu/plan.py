"""What each ncu run collects: groups of counters packed into passes by what was measured for the chip."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from roofprof.errors import RoofprofError, UsageError
from roofprof.formulas.layer import RECIPES
from roofprof.hardware.chip import Chip, chip_of_capability, chips
from roofprof.profiler.run.options import Cache, CaptureOptions

EXTRA_GROUPS = ("l1", "mufu", "tensor_pipe", "link", "pcie")
"""Groups by request, beside the tensor precisions."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One ncu run of the workload."""

    name: str
    cache: Cache
    groups: tuple[str, ...]
    metrics: tuple[str, ...]
    expected_passes: int | None
    """Passes per kernel, or None where it was not measured."""
    look: Literal["communication", "instructions", "precisions"] | None = None
    """Of a run that is made of some kernels alone: those that communicate; or those whose tensor work earlier runs
    leave unexplained, by which matrix instructions they ran, then in which precision."""


@dataclass(frozen=True, slots=True)
class MetricPlan:
    """The ncu runs that a capture makes of each phase, in order."""

    chip: str
    tested: str | None
    runs: tuple[PlannedRun, ...]
    notes: tuple[str, ...] = ()
    """What was left out, and why."""


def table_of_chip(name: str) -> Chip:
    """The chip of this name.

    Raises:
        UsageError: no file describes it.
    """
    if name not in chips():
        raise UsageError(f"unknown chip {name!r}", f"use one of {', '.join(chips())}")
    return chips()[name]


def table_of_capability(capability: str, device_name: str = "") -> Chip:
    """The chip of a GPU by compute capability, such as "9.0", and display name.

    Raises:
        RoofprofError: no file describes it.
    """
    chip = chip_of_capability(capability, device_name)
    if chip is None:
        known = ", ".join(c for each in chips().values() for c in each.compute_capability)
        raise RoofprofError(
            f"no plan for GPUs of compute capability {capability}",
            f"there are plans for {known}; run ncu yourself and give its report to roofprof analyze",
        )
    return chip


def chip_of_gpu(capability: str, device_name: str = "") -> str:
    """The name of the chip of a GPU by compute capability and display name, such as gh100 for "9.0".

    Raises:
        RoofprofError: no file describes it.
    """
    return table_of_capability(capability, device_name).name


def metric_plan(options: CaptureOptions, chip: Chip) -> MetricPlan:
    """The ncu runs of each phase of a capture.

    Raises:
        UsageError: --groups or --runs names what this chip does not have.
    """
    if options.command:
        plan = workload_plan(chip, options.caches, options.groups)
    else:
        plan = layer_plan(chip, options.recipe, options.caches, options.groups)
        if options.ranks > 1:
            # No other op of the layer sends anything, and three passes save and restore the weights of each.
            plan = replace(plan, runs=tuple(_of_collectives(run) for run in plan.runs))
    if not options.runs:
        return plan
    known = list(dict.fromkeys([*(run.name for run in plan.runs), "nsys"]))
    if unknown := [name for name in options.runs if name not in known]:
        hint = f"use {', '.join(known)}; --groups adds others"
        raise UsageError(f"unknown run {unknown[0]!r} in --runs", hint)
    return replace(plan, runs=tuple(run for run in plan.runs if run.name in options.runs))


def _of_collectives(run: PlannedRun) -> PlannedRun:
    return replace(run, look="communication") if run.name in ("link", "pcie") else run


def layer_plan(chip: Chip, recipe: str | None, caches: Sequence[Cache], groups: Sequence[str] = ()) -> MetricPlan:
    """The plan for the DeepSeek-R1 layer: the precisions that the recipe uses, `groups` beside them."""
    wanted, absent = _recipe_precisions(chip, recipe)
    return _plan(chip, wanted, absent, caches, groups)


def workload_plan(chip: Chip, caches: Sequence[Cache], groups: Sequence[str] = ()) -> MetricPlan:
    """The plan for any other workload: its usual precisions, and a look at kernels that they leave open."""
    plan = _plan(chip, chip.workload_precisions, (), caches, groups)
    counted = {group for run in plan.runs for group in run.groups}
    left = tuple(p for p in chip.precisions if f"tensor_{p}" not in counted)
    if not left:
        return plan
    if "cold" not in caches:
        note = f"with a warm cache nothing looks for tensor work in {', '.join(left)}: use --groups or --cache cold"
        return replace(plan, notes=(*plan.notes, note))
    looks = [precision_look(chip, left)]
    if "tensor_ops" in chip.groups:
        looks.insert(0, _run(chip, "tensor_ops", ("time", "tensor_ops"), "instructions"))
    return replace(plan, runs=(*plan.runs, *looks))


def precision_look(chip: Chip, precisions: Sequence[str]) -> PlannedRun:
    """The second look: some kernels again, with these tensor precisions."""
    return _run(chip, "second_look", ("time", *(f"tensor_{p}" for p in precisions)), "precisions")


def _run(chip: Chip, name: str, groups: tuple[str, ...], look: Literal["instructions", "precisions"]) -> PlannedRun:
    metrics = tuple(m for g in groups for m in chip.groups[g])
    return PlannedRun(name, "cold", groups, metrics, chip.passes(groups), look)


def _recipe_precisions(chip: Chip, recipe: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Precisions to count, the recipe's filled up to two with the chip's usual; and those that it does not count."""
    if recipe is None or recipe == "auto":
        return chip.layer_precisions, ()
    r = RECIPES[recipe]
    used = tuple(dict.fromkeys((r.experts, "bf16", r.attention_in, r.o_proj, r.bmm)))
    there = tuple(p for p in used if p in chip.precisions)
    filled = tuple(dict.fromkeys(there + chip.layer_precisions))
    return filled[: max(2, len(there))], tuple(p for p in used if p not in there)


def _plan(
    chip: Chip,
    precisions: Sequence[str],
    absent: Sequence[str],
    caches: Sequence[Cache],
    extra: Sequence[str],
) -> MetricPlan:
    tensor = [f"tensor_{p}" for p in precisions]
    core = ["time", "core", "occupancy", "l2", *tensor[:2]]
    further = dict.fromkeys([*tensor[2:], *(_group(chip, name) for name in extra)])
    sets = [
        ("core", core),
        ("cuda_core", ["cuda_core"]),
        *((g, ["time", g]) for g in further if g not in core),
    ]
    notes = [f"{p} is not counted: {chip.name} has no such tensor counter" for p in absent]
    runs: list[PlannedRun] = []
    for mode in caches:
        for name, groups in sets:
            passes = chip.passes(groups)
            # Replay leaves its own lines in L2: a second pass would not find the cache as the first did.
            if mode == "warm" and passes != 1 and name not in ("core", "cuda_core"):
                notes.append(f"{name} is not collected with a warm cache: {_how_many(passes)}")
                continue
            metrics = tuple(m for g in groups for m in chip.groups[g])
            runs.append(PlannedRun(name, mode, tuple(groups), metrics, passes))
    return MetricPlan(chip.name, chip.tested, tuple(runs), tuple(notes))


def _how_many(passes: int | None) -> str:
    return "its passes were never measured on this chip" if passes is None else f"it takes {passes} passes"


def _group(chip: Chip, name: str) -> str:
    """The group that a word of --groups means."""
    if name in EXTRA_GROUPS and name in chip.groups:
        return name
    if name in chip.precisions:
        return f"tensor_{name}"
    known = ", ".join((*(group for group in EXTRA_GROUPS if group in chip.groups), *chip.precisions))
    raise UsageError(f"unknown group of counters {name!r} on {chip.name}", f"use {known}")
