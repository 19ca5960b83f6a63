"""The process that opens one .ncu-rep with NVIDIA's ncu_report and prints what our columns need, in JSON.

A process of its own because ncu_report is native code that may crash on a damaged file, and because it keeps all
that it has parsed in memory. Standard library and ncu_report only; started by `ncu_report_reader.py`.
"""

import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypedDict

from roofprof.errors import ReportError
from roofprof.formats.ncu_rep_file import open_report, read_blocks
from roofprof.formats.ncu_rep_nvtx import OpenRanges
from roofprof.formats.protobuf import Data
from roofprof.hardware.opcodes import THREAD_OPCODES, WARP_OPCODES
from roofprof.parsers.ncu.columns import Plan
from roofprof.parsers.ncu.nvtx_ids import ResultIds, read_ids
from roofprof.parsers.ncu.results import DEVICE_INDEX, DEVICE_METRICS, UNKNOWN_DEVICE, Device, plan_for

_WORKLOADS = {0: "kernel", 1: "range", 2: "command_list", 3: "graph"}
_DURATION = "gpu__time_duration."
_TIME_UNITS = {
    "ns": 1.0, "nsecond": 1.0, "us": 1e3, "usecond": 1e3, "ms": 1e6, "msecond": 1e6, "s": 1e9, "second": 1e9,
}  # fmt: skip


class _Metric(Protocol):
    """IMetric of ncu_report, which has no stubs: what is asked of it."""

    def has_value(self) -> bool: ...
    def value(self, instance: int = ..., /) -> int | float | str: ...
    def unit(self) -> str: ...
    def num_instances(self) -> int: ...
    def has_correlation_ids(self) -> bool: ...
    def correlation_ids(self) -> "_Metric": ...


class _Domain(Protocol):
    """INvtxDomainInfo."""

    def name(self) -> str: ...
    def push_pop_ranges(self) -> Sequence[str]: ...
    def start_end_ranges(self) -> Sequence[str]: ...


class _NvtxState(Protocol):
    """INvtxState."""

    def domains(self) -> Sequence[int]: ...
    def domain_by_id(self, domain_id: int, /) -> _Domain: ...


class _Action(Protocol):
    """IAction: one result of the report."""

    NameBase_FUNCTION: int
    NameBase_DEMANGLED: int

    def metric_by_name(self, name: str, /) -> _Metric | None: ...
    def metric_names(self) -> Sequence[str]: ...
    def workload_type(self) -> int: ...
    def name(self, base: int, /) -> str: ...
    def nvtx_state(self) -> _NvtxState | None: ...


class GroupAnswer(TypedDict):
    """Launches of one device that hold the same metrics."""

    device: str
    names: list[str]
    metrics: list[str]
    launches: list[int]
    """Places in the file that was read."""
    values: list[list[float | None]]
    """Per launch, the values of `metrics`; times in ns."""
    opcodes: list[list[list[tuple[str, float]]]]
    """Per launch, its histograms of opcodes in warps and in threads; nothing where none are read."""


class Answer(TypedDict):
    """What the process prints."""

    workload: list[str]
    process_id: list[int | None]
    function: list[str]
    demangled: list[str]
    nvtx: list[list[OpenRanges]]
    groups: list[GroupAnswer]
    devices: dict[str, Device]


class Refusal(TypedDict):
    """What it prints of a file that is not a whole report."""

    error: str
    hint: str | None


class Printed(TypedDict):
    """One of both."""

    answer: Answer | None
    refusal: Refusal | None


class _Reader:
    """Reads actions, planning once per set of metric names and device."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, int, int], tuple[GroupAnswer, Plan]] = {}
        self.answer = Answer(workload=[], process_id=[], function=[], demangled=[], nvtx=[], groups=[], devices={})

    def read(self, action: _Action, ids: ResultIds | None) -> None:
        """Add one action."""
        group, plan = self._group(action)
        group["launches"].append(len(self.answer["function"]))
        group["values"].append([_number(metric, action.metric_by_name(metric)) for metric in plan.metrics])
        if plan.histograms:
            group["opcodes"].append(
                [_instances(action.metric_by_name(name)) for name in (WARP_OPCODES, THREAD_OPCODES)]
            )
        self.answer["workload"].append(_WORKLOADS.get(action.workload_type(), "kernel"))
        self.answer["process_id"].append(ids.process_id if ids else None)
        self.answer["function"].append(action.name(action.NameBase_FUNCTION))
        self.answer["demangled"].append(action.name(action.NameBase_DEMANGLED))
        self.answer["nvtx"].append(_nvtx(action, ids))

    def _group(self, action: _Action) -> tuple[GroupAnswer, Plan]:
        index = _number(DEVICE_INDEX, action.metric_by_name(DEVICE_INDEX))
        key = UNKNOWN_DEVICE if index is None else str(int(index))
        if key not in self.answer["devices"]:
            values: Device = {name: _value(action.metric_by_name(metric)) for name, metric in DEVICE_METRICS.items()}
            self.answer["devices"][key] = values
        names = action.metric_names()
        held = key, len(names), hash(names)
        if held not in self._groups:
            unique = frozenset(names)
            _, plan = plan_for(unique, self.answer["devices"][key])
            group = GroupAnswer(
                device=key, names=sorted(unique), metrics=list(plan.metrics), launches=[], values=[], opcodes=[]
            )
            self.answer["groups"].append(group)
            self._groups[held] = group, plan
        return self._groups[held]


def _value(metric: _Metric | None) -> int | float | str | None:
    return metric.value() if metric is not None and metric.has_value() else None


def _number(name: str, metric: _Metric | None) -> float | None:
    if metric is None or not metric.has_value():
        return None
    value = metric.value()
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if not name.startswith(_DURATION):
        return float(value)
    factor = _TIME_UNITS.get(metric.unit())
    return None if factor is None else value * factor


def _instances(metric: _Metric | None) -> list[tuple[str, float]]:
    """Keys and values of a metric's instances."""
    if metric is None or not metric.has_correlation_ids():
        return []
    keys = metric.correlation_ids()
    pairs = ((keys.value(place), metric.value(place)) for place in range(metric.num_instances()))
    return [(key, float(value)) for key, value in pairs if isinstance(key, str) and not isinstance(value, str)]


def _nvtx(action: _Action, ids: ResultIds | None) -> list[OpenRanges]:
    """The open ranges per domain, domains without any left out."""
    state = action.nvtx_state()
    if state is None:
        return []
    found: list[OpenRanges] = []
    for domain_id in state.domains():
        domain = state.domain_by_id(domain_id)
        push_pop, start_end = list(domain.push_pop_ranges()), list(domain.start_end_ranges())
        if push_pop or start_end:
            stacks = ids.push_pop if ids else []
            # The thread that launched is the one whose stack has these very names.
            opened = next((s.opened_at for s in stacks if s.domain_id == domain_id and s.names == push_pop), None)
            started = ids.started.get(domain_id) if ids else None
            instances = started.instances if started and started.names == start_end else None
            found.append(OpenRanges(domain.name(), push_pop, opened, start_end, instances))
    return found


def _ids_in_order(data: Data, path: Path) -> list[ResultIds | None]:
    """The ids of every result in file order; None for those of command lists."""
    return [read_ids(data, *result) for block in read_blocks(data, path) for result in block.results]


def read_launches(path: Path) -> Answer:
    """All launches of a report, with its devices.

    Raises:
        ReportError: the framing is damaged.
    """
    import ncu_report

    ids = _ids_in_order(open_report(path), path)
    context = ncu_report.load_report(str(path))  # pyright: ignore[reportCallIssue]  # wrapped
    actions = [context[r][a] for r in range(context.num_ranges()) for a in range(context[r].num_actions())]
    if len(actions) != len(ids):
        ids = [None] * len(actions)
    reader = _Reader()
    for action, result in zip(actions, ids, strict=True):
        reader.read(action, result)
    return reader.answer


def main() -> None:
    """Read the report named on the command line; JSON on the descriptor that the parent gave."""
    # ncu_report may print: what the parent reads goes to a descriptor of its own.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    printed = Printed(answer=None, refusal=None)
    try:
        printed["answer"] = read_launches(Path(sys.argv[1]))
    except ReportError as error:
        printed["refusal"] = Refusal(error=error.message, hint=error.hint)
    with out:
        json.dump(printed, out, ensure_ascii=True)


if __name__ == "__main__":
    main()
