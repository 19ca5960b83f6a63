"""What each ncu run collects: groups of counters packed into passes by what was measured for the chip."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from roofprof.errors import RoofprofError, UsageError
from roofprof.formulas.layer import RECIPES
from roofprof.profiler.capture.options import Cache, CaptureOptions

EXTRA_GROUPS = ("l1", "mufu", "tensor_pipe")
"""Groups by request, beside the tensor precisions."""


@dataclass(frozen=True, slots=True)
class PassTable:
    """The counters of one chip, and which sets of them were seen to share a pass."""

    chip: str
    compute_capability: tuple[str, ...]
    tested: str | None
    """Where the passes were measured, or None."""
    layer_precisions: tuple[str, ...]
    workload_precisions: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    measured: Mapping[frozenset[str], int]

    def passes(self, groups: Iterable[str]) -> int | None:
        """Passes that these groups take together, or None where nobody tried."""
        wanted = frozenset(groups)
        if any(wanted <= known and passes == 1 for known, passes in self.measured.items()):
            return 1
        return self.measured.get(wanted)

    @property
    def precisions(self) -> tuple[str, ...]:
        """Tensor precisions that the chip counts."""
        return tuple(g.removeprefix("tensor_") for g in self.groups if g.startswith("tensor_") and g != "tensor_pipe")


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One ncu run of the workload."""

    name: str
    cache: Cache
    groups: tuple[str, ...]
    metrics: tuple[str, ...]
    expected_passes: int | None
    """Passes per kernel, or None where nobody measured."""


@dataclass(frozen=True, slots=True)
class MetricPlan:
    """The ncu runs that a capture makes of each phase, in order."""

    chip: str
    tested: str | None
    runs: tuple[PlannedRun, ...]
    notes: tuple[str, ...] = ()
    """What was left out, and why."""


@cache
def pass_tables() -> Mapping[str, PassTable]:
    """The tables that ship, by chip."""
    found: dict[str, PassTable] = {}
    folder = resources.files("roofprof.hardware") / "passes"
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            table = tomllib.loads(entry.read_text(encoding="utf-8"))
            found[table["chip"]] = PassTable(
                table["chip"],
                tuple(table["compute_capability"]),
                table.get("tested"),
                tuple(table["layer_precisions"]),
                tuple(table["workload_precisions"]),
                {name: tuple(metrics) for name, metrics in table["groups"].items()},
                {frozenset(row["groups"]): row["passes"] for row in table.get("measured", ())},
            )
    return found


def table_of_chip(chip: str) -> PassTable:
    """The table of a chip by name.

    Raises:
        UsageError: no table.
    """
    if chip not in pass_tables():
        raise UsageError(f"no plan for chip {chip!r}", f"use one of {', '.join(pass_tables())}")
    return pass_tables()[chip]


def table_of_capability(capability: str) -> PassTable:
    """The table of a GPU by compute capability, such as "9.0".

    Raises:
        RoofprofError: no table.
    """
    for table in pass_tables().values():
        if capability in table.compute_capability:
            return table
    known = ", ".join(c for t in pass_tables().values() for c in t.compute_capability)
    raise RoofprofError(
        f"no plan for GPUs of compute capability {capability}",
        f"plans are there for {known}; run ncu yourself and give its report to roofprof analyze",
    )


def chip_of_gpu(capability: str) -> str:
    """The name of the chip of a GPU by compute capability, such as gh100 for "9.0".

    Raises:
        RoofprofError: no table.
    """
    return table_of_capability(capability).chip


def metric_plan(options: CaptureOptions, table: PassTable) -> MetricPlan:
    """The ncu runs of each phase of a capture."""
    if options.command:
        return workload_plan(table, options.caches, options.groups)
    return layer_plan(table, options.recipe, options.caches, options.groups)


def layer_plan(table: PassTable, recipe: str | None, caches: Sequence[Cache], groups: Sequence[str] = ()) -> MetricPlan:
    """The plan for the DeepSeek-R1 layer: the precisions that the recipe uses, `groups` beside them."""
    wanted, absent = _recipe_precisions(table, recipe)
    return _plan(table, wanted, absent, caches, groups)


def workload_plan(table: PassTable, caches: Sequence[Cache], groups: Sequence[str] = ()) -> MetricPlan:
    """The plan for any other workload, whose precisions nobody knows: as many runs as it takes."""
    return _plan(table, table.workload_precisions, (), caches, groups)


def _recipe_precisions(table: PassTable, recipe: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Precisions to count, the recipe's filled up to two with the chip's usual; and those not counted on the chip."""
    if recipe is None or recipe == "auto":
        return table.layer_precisions, ()
    r = RECIPES[recipe]
    used = tuple(dict.fromkeys((r.experts, "bf16", r.attention_in, r.o_proj, r.bmm)))
    there = tuple(p for p in used if p in table.precisions)
    filled = tuple(dict.fromkeys(there + table.layer_precisions))
    return filled[: max(2, len(there))], tuple(p for p in used if p not in there)


def _plan(
    table: PassTable,
    precisions: Sequence[str],
    absent: Sequence[str],
    caches: Sequence[Cache],
    extra: Sequence[str],
) -> MetricPlan:
    tensor = [f"tensor_{p}" for p in precisions]
    core = ["time", "core", "occupancy", "l2", *tensor[:2]]
    further = dict.fromkeys([*tensor[2:], *(_group(table, name) for name in extra)])
    sets = [
        ("core", core),
        ("cuda_core", ["cuda_core"]),
        *((g, ["time", g]) for g in further if g not in core),
    ]
    notes = [f"{p} is not counted: {table.chip} has no such tensor counter" for p in absent]
    runs: list[PlannedRun] = []
    for mode in caches:
        for name, groups in sets:
            passes = table.passes(groups)
            # Replay leaves its own lines in L2: a second pass would not find the cache as the first did.
            if mode == "warm" and passes != 1 and name not in ("core", "cuda_core"):
                notes.append(f"{name} is not collected with a warm cache: {_how_many(passes)}")
                continue
            metrics = tuple(m for g in groups for m in table.groups[g])
            runs.append(PlannedRun(name, mode, tuple(groups), metrics, passes))
    return MetricPlan(table.chip, table.tested, tuple(runs), tuple(notes))


def _how_many(passes: int | None) -> str:
    return "its passes were never measured on this chip" if passes is None else f"it takes {passes} passes"


def _group(table: PassTable, name: str) -> str:
    """The group that a word of --groups means."""
    if name in EXTRA_GROUPS:
        return name
    if name in table.precisions:
        return f"tensor_{name}"
    known = ", ".join((*EXTRA_GROUPS, *table.precisions))
    raise UsageError(f"unknown group of counters on {table.chip}: {name!r}", f"use {known}")
