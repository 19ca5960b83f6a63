"""Which ncu metrics count what on each chip: chips/NAME.toml, one file per chip, what they share in common.toml.

Runs in the reading process beside ncu_report too: standard library only.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NotRequired, TypedDict, cast

from roofprof.errors import RoofprofError

FOLDER = Path(__file__).parent / "chips"
"""Where the chips' files are."""

_SASS = "sass_thread_inst_executed_op_{}_pred_on"


@dataclass(frozen=True)
class PipeCounter:
    """How one pipe's FLOPs are counted."""

    alternatives: tuple[Mapping[str, int], ...]
    """Metric base name -> FLOPs each; the first alternative that a report holds whole is used. () where the chip has
    the pipe and no counter of it is known."""
    peak: str | None
    """Base name whose .sum.peak_sustained is the dense rate per cycle."""
    peak_weight: int = 1
    """FLOPs that one count of `peak` stands for."""
    flop_per_sm_cycle: float | None = None
    """Dense FLOPs per SM and cycle, where a source gives it."""


@dataclass(frozen=True)
class Chip:
    """The counters of one chip, and which sets of them share a replay pass."""

    name: str
    pipes: Mapping[str, PipeCounter]
    """By pipe: tensor_bf16, ..., fp32, fp16, fp64."""
    counters: Mapping[str, str]
    """Base name by column, for columns that one counter fills."""
    tensor_pipe_active: tuple[str, ...] = ("sm__pipe_tensor_cycles_active",)
    compute_capability: tuple[str, ...] = ()
    device_names: tuple[str, ...] = ()
    """Parts of display names, where it is not the only chip of its compute capability."""
    dram_percent_exact: bool = False
    """Whether gpu__dram_throughput in percent gives the DRAM bytes."""
    half_on_tensor_pipe: str | None = None
    """Base name of a counter of the warp instructions HFMA2.MMA."""
    tested: str | None = None
    """Where and when the passes were measured, or None."""
    tensor_families: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Base name of a counter of matrix instructions -> precisions that they may be in."""
    tensor_moves: Mapping[str, str] = field(default_factory=dict)
    """Base name of such a counter -> that of instructions in it which are no matrix instructions."""
    layer_precisions: tuple[str, ...] = ()
    workload_precisions: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Metrics, with their suffix, that are collected together."""
    measured: Mapping[frozenset[str], int] = field(default_factory=dict)
    """Passes that a set of groups took."""

    @property
    def has_table(self) -> bool:
        """Whether a file describes it; else its counters were guessed from the metric names of a report."""
        return bool(self.compute_capability)

    def passes(self, groups: Iterable[str]) -> int | None:
        """Passes that these groups take together, or None where it was not measured."""
        wanted = frozenset(groups)
        if any(wanted <= known and passes == 1 for known, passes in self.measured.items()):
            return 1
        return self.measured.get(wanted)

    @property
    def precisions(self) -> tuple[str, ...]:
        """Tensor precisions that the chip counts."""
        return tuple(
            pipe.removeprefix("tensor_")
            for pipe, c in self.pipes.items()
            if pipe.startswith("tensor_") and c.alternatives
        )


@cache
def chips() -> Mapping[str, Chip]:
    """The chips with a file, by name."""
    return load_chips(FOLDER)


def chip_of_capability(capability: str, device_name: str = "") -> Chip | None:
    """The chip with a file that has this compute capability, such as "9.0"; of several the one of the device's name."""
    fitting = [chip for chip in chips().values() if capability in chip.compute_capability]
    named = [chip for chip in fitting if any(part in device_name for part in chip.device_names)]
    return next(iter(named or [chip for chip in fitting if not chip.device_names]), None)


@cache
def common_counters() -> Mapping[str, str]:
    """What `Chip.counters` is on a chip that says nothing else."""
    return cast(Mapping[str, str], _tables(FOLDER)["common"]["counters"])


class _TensorRow(TypedDict):
    work: list[list[str]]
    dense_peak: NotRequired[str]
    flop_per_sm_cycle: NotRequired[float]


class _CudaRow(TypedDict):
    weights: dict[str, int]
    peak_instruction: str
    flop_per_sm_cycle: NotRequired[float]


class _InstructionRow(TypedDict):
    precisions: list[str]
    moves: NotRequired[str]


class _MeasuredRow(TypedDict):
    passes: int
    groups: list[str]


class _ChipTable(TypedDict):
    chip: str
    compute_capability: list[str]
    device_names: list[str]
    dram_percent_exact: bool
    half_on_tensor_pipe: NotRequired[str]
    tested: NotRequired[str]
    layer_precisions: list[str]
    workload_precisions: list[str]
    counters: dict[str, str]
    tensor_pipes: list[str]
    groups: dict[str, list[str]]
    tensor: dict[str, _TensorRow]
    cuda: dict[str, _CudaRow]
    tensor_instructions: NotRequired[dict[str, _InstructionRow]]
    measured: NotRequired[list[_MeasuredRow]]


Table = Mapping[str, object]


def load_chips(folder: Path) -> dict[str, Chip]:
    """Every chip of a folder, by name; a file without `chip` is there to be inherited.

    Raises:
        RoofprofError: a key is missing from a chip's file and from those that it inherits.
    """
    tables = _tables(folder)
    found: dict[str, Chip] = {}
    for name, table in tables.items():
        if "chip" in table:
            try:
                chip = _chip(cast(_ChipTable, _inherited(tables, name)))
            except KeyError as error:
                raise RoofprofError(f"{name}.toml: missing {error}", "docs/extending/chip.md lists the keys") from None
            found[chip.name] = chip
    return found


def _tables(folder: Path) -> dict[str, Table]:
    files = {entry.name.removesuffix(".toml"): entry for entry in folder.iterdir() if entry.name.endswith(".toml")}
    return {name: tomllib.loads(files[name].read_text(encoding="utf-8")) for name in sorted(files)}


def _inherited(tables: Mapping[str, Table], name: str, heirs: tuple[str, ...] = ()) -> Table:
    """A file's table with what it inherits.

    Raises:
        RoofprofError: the file that it names is not there, or inherits from this one.
    """
    table, base = tables[name], tables[name].get("inherits")
    if base is None:
        return table
    heirs = (*heirs, name)
    if base not in tables or base in heirs:
        why = f"a circle, {' -> '.join(heirs)}" if base in heirs else "no such file"
        raise RoofprofError(f"{name}.toml: inherits = {base!r}: {why}", "docs/extending/chip.md lists the keys")
    return _merged(_inherited(tables, str(base), heirs), table)


def _merged(base: Table, own: Table) -> Table:
    """Both, table by table and key by key; `own` wins."""
    merged = dict(base)
    for key, value in own.items():
        held = merged.get(key)
        merged[key] = _merged(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return merged


def _chip(table: _ChipTable) -> Chip:
    pipes = {
        f"tensor_{name}": PipeCounter(
            tuple(dict.fromkeys(metrics, 1) for metrics in row["work"]),
            row.get("dense_peak"),
            flop_per_sm_cycle=row.get("flop_per_sm_cycle"),
        )
        for name, row in table["tensor"].items()
    }
    for name, cuda in table["cuda"].items():
        pipes[name] = cuda_core_pipe(cuda["weights"], cuda["peak_instruction"], cuda.get("flop_per_sm_cycle"))
    families = table.get("tensor_instructions", {})
    return Chip(
        name=table["chip"],
        pipes=pipes,
        counters=table["counters"],
        tensor_pipe_active=tuple(f"sm__pipe_{pipe}_cycles_active" for pipe in table["tensor_pipes"]),
        compute_capability=tuple(table["compute_capability"]),
        device_names=tuple(table["device_names"]),
        dram_percent_exact=table["dram_percent_exact"],
        half_on_tensor_pipe=table.get("half_on_tensor_pipe"),
        tested=table.get("tested"),
        tensor_families={base: tuple(row["precisions"]) for base, row in families.items()},
        tensor_moves={base: row["moves"] for base, row in families.items() if "moves" in row},
        layer_precisions=tuple(table["layer_precisions"]),
        workload_precisions=tuple(table["workload_precisions"]),
        groups=_groups(table, pipes),
        measured={frozenset(row["groups"]): row["passes"] for row in table.get("measured", ())},
    )


def _groups(table: _ChipTable, pipes: Mapping[str, PipeCounter]) -> dict[str, tuple[str, ...]]:
    """The groups as they stand in the table, and those that follow from the counters of the pipes."""
    groups = {name: tuple(m.format(**table["counters"]) for m in metrics) for name, metrics in table["groups"].items()}
    groups["cuda_core"] = ()
    groups["tensor_pipe"] = (
        *(f"sm__inst_executed_pipe_{pipe}.sum" for pipe in table["tensor_pipes"]),
        *(f"sm__pipe_{pipe}_cycles_active.avg.pct_of_peak_sustained_elapsed" for pipe in table["tensor_pipes"]),
    )
    families = table.get("tensor_instructions", {})
    instructions = [*families, *(row["moves"] for row in families.values() if "moves" in row)]
    if instructions:
        groups["tensor_ops"] = tuple(f"{base}.sum" for base in instructions)
    for name, counter in pipes.items():
        if not counter.alternatives:
            continue
        counts = tuple(f"{base}.sum" for base in counter.alternatives[0])
        if name.startswith("tensor_"):
            peak = (f"{counter.peak}.sum.peak_sustained",) if counter.peak else ()
            groups[name] = (*counts, *peak)
        else:
            groups["cuda_core"] += counts
    return groups


def cuda_core_pipe(weights: Mapping[str, int], peak: str, per_cycle: float | None = None) -> PipeCounter:
    """A pipe that is counted by thread instructions, such as {"fadd": 1, "fmul": 1, "ffma": 2}.

    Args:
        weights: FLOPs per thread instruction.
        peak: the instruction whose rate is the peak.
        per_cycle: dense FLOPs per SM and cycle.
    """
    alternatives = tuple({f"{unit}__" + _SASS.format(i): w for i, w in weights.items()} for unit in ("sm", "smsp"))
    return PipeCounter(alternatives, "sm__" + _SASS.format(peak), weights[peak], per_cycle)
