"""Which ncu metrics count which pipe on each chip: the tables in chips/, or a pattern for other chips.

Runs in the reading process beside ncu_report: standard library only.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

_TENSOR_PREFIX = "sm__ops_path_tensor_"
_SASS = "sass_thread_inst_executed_op_{}_pred_on"


@dataclass(frozen=True)
class PipeCounter:
    """How one pipe's FLOPs are counted."""

    alternatives: tuple[Mapping[str, int], ...]
    """Metric base name -> FLOPs each; the first alternative that a report holds whole is used."""
    peak: str | None
    """Base name whose .sum.peak_sustained is the dense rate per cycle."""
    peak_weight: int = 1
    flop_per_sm_cycle: float | None = None


@dataclass(frozen=True)
class Chip:
    """The counters of one chip."""

    name: str
    pipes: Mapping[str, PipeCounter]
    tensor_pipe_active: tuple[str, ...]
    dram_read: str
    dram_write: str
    has_table: bool = True


@cache
def chips() -> Mapping[str, Chip]:
    """The chips with a table, by compute capability."""
    found: dict[str, Chip] = {}
    for entry in (resources.files("roofprof.hardware") / "chips").iterdir():
        if entry.name.endswith(".toml"):
            table = tomllib.loads(entry.read_text(encoding="utf-8"))
            chip = _chip_from_table(table)
            found.update(dict.fromkeys(table["compute_capability"], chip))
    return found


def _chip_from_table(table: dict) -> Chip:  # type: ignore[type-arg]
    pipes = {
        f"tensor_{name}": PipeCounter(
            tuple(dict.fromkeys(metrics, 1) for metrics in row["work"]),
            row.get("dense_peak"),
            flop_per_sm_cycle=row.get("flop_per_sm_cycle"),
        )
        for name, row in table["tensor"].items()
    }
    for name, row in table["cuda"].items():
        pipes[name] = _cuda_core_pipe(row["weights"], row["peak_instruction"], row.get("flop_per_sm_cycle"))
    return Chip(table["chip"], pipes, tuple(table["tensor_pipe_active"]), table["dram_read"], table["dram_write"])


def _cuda_core_pipe(weights: Mapping[str, int], peak: str, per_cycle: float | None = None) -> PipeCounter:
    alternatives = tuple({f"{unit}__" + _SASS.format(i): w for i, w in weights.items()} for unit in ("sm", "smsp"))
    return PipeCounter(alternatives, "sm__" + _SASS.format(peak), weights[peak], per_cycle)


_SOURCE = re.compile(
    re.escape(_TENSOR_PREFIX) + r"(src_(?P<source>[a-z0-9_]+?)(_dst_[a-z0-9]+)?)(?P<sparsity>_sparsity_(off|on))?\.sum"
)
_PRECISION_OF = {"fp4_fp6": "fp6", "fp4_fp6_fp8": "fp8"}
_PRECISIONS = ("fp4", "fp6", "fp8", "fp16", "bf16", "tf32", "int8", "fp64")


def chip_by_pattern(names: Iterable[str], label: str) -> Chip:
    """Read an unknown chip's counters off the metric names in its report.

    Per precision: the unsuffixed src_* totals where there are any, else sparsity_off plus _on; never both.
    """
    totals: dict[str, set[str]] = {}
    halves: dict[str, set[str]] = {}
    sass: set[str] = set()
    for name in names:
        if match := _SOURCE.fullmatch(name):
            precision = _PRECISION_OF.get(match["source"], match["source"])
            if precision in _PRECISIONS:
                (halves if match["sparsity"] else totals).setdefault(precision, set()).add(name.removesuffix(".sum"))
        elif match := re.match(r"smsp?__" + _SASS.format(r"([fhd](?:add|mul|fma)2?)"), name):
            sass.add(match[1])
    pipes = {}
    for precision in totals.keys() | halves.keys():
        metrics = totals.get(precision) or halves[precision]
        dense = sorted(m for m in halves.get(precision, ()) if m.endswith("_off"))
        pipes[f"tensor_{precision}"] = PipeCounter((dict.fromkeys(sorted(metrics), 1),), dense[0] if dense else None)
    for pipe, letter, lanes in (("fp32", "f", 1), ("fp16", "h", 2), ("fp64", "d", 1)):
        weights = {f"{letter}{op}": lanes * weight for op, weight in (("add", 1), ("mul", 1), ("fma", 2))}
        weights |= {f"{i}2": 2 * w for i, w in weights.items() if f"{i}2" in sass}
        pipes[pipe] = _cuda_core_pipe(weights, f"{letter}fma")
    return Chip(label, pipes, ("sm__pipe_tensor_cycles_active",), "dram__bytes_read", "dram__bytes_write", False)
