"""The reading process: opens one .ncu-rep with ncu_report and prints its launches as columns, in JSON.

A process of its own because ncu_report is native code that may crash on a damaged file, and because it
keeps all that it has parsed in memory. Standard library and ncu_report only; started by `ncu_report.py`.
"""

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

from roofprof.errors import ReportError
from roofprof.formats.ncu_rep_file import open_report, read_blocks
from roofprof.formats.protobuf import Data
from roofprof.hardware.chip import Chip, chip_of_capability
from roofprof.parsers.ncu.columns import Plan, plan_columns
from roofprof.parsers.ncu.nvtx_ids import ResultIds, read_ids
from roofprof.parsers.ncu.unknown_chip import chip_by_pattern

_WORKLOADS = {0: "kernel", 1: "range", 2: "command_list", 3: "graph"}
_TIME_UNITS = {
    "ns": 1.0,
    "nsecond": 1.0,
    "us": 1e3,
    "usecond": 1e3,
    "ms": 1e6,
    "msecond": 1e6,
    "s": 1e9,
    "second": 1e9,
}
_OF_ONE_KERNEL = (
    "grid", "block", "thread_count", "registers_per_thread", "waves_per_sm", "shared_memory_per_block_bytes",
    "cluster_size", "theoretical_occupancy",
)  # fmt: skip
_DEVICE = {
    "device_name": "device__attribute_display_name",
    "sm_count": "device__attribute_multiprocessor_count",
    "compute_capability_major": "device__attribute_compute_capability_major",
    "compute_capability_minor": "device__attribute_compute_capability_minor",
    "max_sm_clock_khz": "device__attribute_max_gpu_frequency_khz",
    "max_dram_clock_khz": "device__attribute_max_mem_frequency_khz",
    "dram_bus_width_bits": "device__attribute_fb_bus_width",
    "l2_cache_bytes": "device__attribute_l2_cache_size",
    "total_memory_bytes": "device__attribute_total_memory",
    "ecc_enabled": "device__attribute_ecc_enabled",
}


class _Reader:
    """Reads launches, planning once per set of metric names."""

    def __init__(self) -> None:
        self.plans: dict[tuple[str, int, int], tuple[Chip, Plan]] = {}
        self.devices: dict[str, dict[str, Any]] = {}
        self.missing: dict[str, dict[str, int]] = {}
        self.dram_from: list[str | None] = []
        self.unknown_chips: dict[str, int] = {}
        self.columns: dict[str, list[Any]] = {}

    def read(self, action: Any, ids: ResultIds | None) -> None:
        """Add one launch to the columns."""
        names = action.metric_names()
        device_id, device = self._device(action)
        chip, plan = self._plan(names, device)
        values = {metric: _number(action.metric_by_name(metric)) for metric in plan.metrics}
        row: dict[str, Any] = plan.columns(values)
        row["duration_ns"] = _in_ns(action, row["duration_ns"])
        workload = _WORKLOADS.get(action.workload_type(), "kernel")
        row |= {
            "workload_type": workload,
            "kernel_name": action.name(action.NameBase_FUNCTION),
            "kernel_demangled_name": action.name(action.NameBase_DEMANGLED),
            "grid": [row.pop("grid_x"), row.pop("grid_y"), row.pop("grid_z")],
            "block": [row.pop("block_x"), row.pop("block_y"), row.pop("block_z")],
            "dram_bytes_from": plan.dram_bytes_from,
            "sm_count": device["sm_count"],
            "device_id": device_id,
            "device_name": device["device_name"],
            "chip": chip.name,
            "process_id": ids.process_id if ids else None,
            "nvtx": _nvtx(action, ids),
        }
        if workload != "kernel":  # ncu repeats some launch of the range here, which is not the range's own
            row |= dict.fromkeys(_OF_ONE_KERNEL)
        self._append(row)
        for column, metric in plan.missing.items():
            counts = self.missing.setdefault(column, {})
            counts[metric] = counts.get(metric, 0) + 1

    def _append(self, row: dict[str, Any]) -> None:
        length = len(self.dram_from)
        self.dram_from.append(row["dram_bytes_from"])
        for column, value in row.items():
            column_values = self.columns.setdefault(column, [None] * length)
            column_values.append(value)
        for column_values in self.columns.values():
            if len(column_values) == length:
                column_values.append(None)

    def _device(self, action: Any) -> tuple[int | None, dict[str, Any]]:
        index = _number(action.metric_by_name("device__attribute_device_index"))
        key = "unknown" if index is None else str(int(index))
        if key not in self.devices:
            values = {name: _value(action.metric_by_name(metric)) for name, metric in _DEVICE.items()}
            self.devices[key] = values
        return None if index is None else int(index), self.devices[key]

    def _plan(self, names: Any, device: dict[str, Any]) -> tuple[Chip, Plan]:
        major, minor = device["compute_capability_major"], device["compute_capability_minor"]
        capability = f"{major}.{minor}"
        key = (capability, len(names), hash(names))
        if key not in self.plans:
            unique = frozenset(names)
            chip = chip_of_capability(capability)
            if chip is None:
                chip = chip_by_pattern(unique, f"cc{capability}" if major is not None else "unknown")
            self.plans[key] = chip, plan_columns(chip, unique)
        chip, plan = self.plans[key]
        device.setdefault("flop_per_sm_cycle", _per_cycle(chip))
        if not chip.has_table:
            self.unknown_chips[chip.name] = self.unknown_chips.get(chip.name, 0) + 1
        return chip, plan


def _per_cycle(chip: Chip) -> dict[str, float]:
    """Dense FLOPs that an SM does in a cycle, by the chip's table."""
    return {pipe: c.flop_per_sm_cycle for pipe, c in chip.pipes.items() if c.flop_per_sm_cycle}


def _value(metric: Any) -> Any:
    return metric.value() if metric is not None and metric.has_value() else None


def _number(metric: Any) -> float | None:
    if metric is None:
        return None
    value = metric.value()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return float(value) if isinstance(value, int) else None


def _in_ns(action: Any, duration: float | None) -> float | None:
    if duration is None:
        return None
    metric = action.metric_by_name("gpu__time_duration.sum") or action.metric_by_name("gpu__time_duration.avg")
    factor = _TIME_UNITS.get(metric.unit())
    return None if factor is None else duration * factor


def _nvtx(action: Any, ids: ResultIds | None) -> list[dict[str, Any]]:
    """The open ranges per domain, domains without any left out."""
    state = action.nvtx_state()
    if state is None:
        return []
    found: list[dict[str, Any]] = []
    for domain_id in state.domains():
        domain = state.domain_by_id(domain_id)
        push_pop, start_end = list(domain.push_pop_ranges()), list(domain.start_end_ranges())
        if push_pop or start_end:
            stacks = ids.push_pop if ids else []
            # The thread that launched is the one whose stack has these very names.
            opened = next((at for d, names, at in stacks if d == domain_id and names == push_pop), None)
            found.append({"domain": domain.name(), "push_pop": push_pop, "push_pop_id": opened, "start_end": start_end})
    return found


def _ids_in_order(data: Data, path: Path) -> list[ResultIds | None]:
    """The ids of every result in file order; None for those of ranges and graphs."""
    found: list[ResultIds | None] = []
    for block in read_blocks(data, path):
        found += [read_ids(data, start, end) if kind == "kernel" else None for kind, start, end in block.results]
    return found


def read_launches(path: Path) -> dict[str, Any]:
    """All launches of a report as columns, with its devices and what its metrics leave open."""
    import ncu_report

    ids = _ids_in_order(open_report(path), path)
    context = ncu_report.load_report(str(path))  # pyright: ignore[reportCallIssue]  # wrapped
    actions = [context[r][a] for r in range(context.num_ranges()) for a in range(context[r].num_actions())]
    if len(actions) != len(ids):
        ids = [None] * len(actions)
    reader = _Reader()
    for action, result in zip(actions, ids, strict=True):
        reader.read(action, result)
    return {
        "launch_count": len(actions),
        "columns": reader.columns,
        "devices": reader.devices,
        "missing": reader.missing,
        "unknown_chips": reader.unknown_chips,
    }


def main() -> None:
    """Read the report named on the command line; JSON on the descriptor that the parent gave."""
    # ncu_report may print: what the parent reads goes to a descriptor of its own.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        answer = read_launches(Path(sys.argv[1]))
    except ReportError as error:
        answer = {"error": error.message, "hint": error.hint}
    with out:
        json.dump(answer, out, ensure_ascii=True)


if __name__ == "__main__":
    main()
