"""Sorts launches by device and by the metrics that they hold, and keeps the values that their columns need."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from roofprof.formats.ncu_rep_layouts import Ints
from roofprof.formats.ncu_rep_metrics import MetricError, MetricReader, Metrics
from roofprof.formats.ncu_rep_results import Head, Texts, metric_value, read_metrics
from roofprof.formats.ncu_rep_session import Attributes
from roofprof.formats.protobuf import Data, FramingError
from roofprof.hardware.chip import Chip
from roofprof.hardware.opcodes import THREAD_OPCODES, WARP_OPCODES, OpcodeWork
from roofprof.parsers.ncu.columns import Plan
from roofprof.parsers.ncu.histograms import Histograms
from roofprof.parsers.ncu.results import (
    DEVICE_INDEX,
    DEVICE_METRICS,
    UNKNOWN_DEVICE,
    Device,
    MetricGroup,
    flop_per_sm_cycle,
    plan_for,
)


@dataclass(slots=True)
class Chunk:
    """Results that are read together."""

    kind: str
    start: int
    """Place of the first in the report, from 0."""
    heads: list[Head]
    metrics: Metrics


@dataclass(slots=True)
class _Group:
    """A `MetricGroup` as it grows."""

    device: str
    chip: Chip
    plan: Plan
    columns: NDArray[np.int32]
    """Of each name id, the place of its value, or -1 if it is not needed."""
    launches: list[Ints] = field(default_factory=list)
    values: list[NDArray[np.float64]] = field(default_factory=list)
    opcodes: list[OpcodeWork | None] = field(default_factory=list)

    def finish(self) -> MetricGroup:
        values = np.concatenate(self.values)
        columns = {metric: values[:, place] for place, metric in enumerate(self.plan.metrics)}
        launches = np.concatenate(self.launches)
        return MetricGroup(launches, self.device, self.chip, self.plan, columns, self.opcodes)


class Groups:
    """The groups of one report.

    Args:
        data: the report's bytes.
        names: its strings; a metric's name id is a place among them.
        texts: decodes strings.
        session: index of each device that the report lists to its attributes.
    """

    def __init__(self, data: Data, names: list[str], texts: Texts, session: dict[int, Attributes]) -> None:
        self.devices: dict[str, Device] = {}
        self._data, self._names, self._texts, self._session = data, names, texts, session
        self._metrics = MetricReader(data, len(names))
        self._ids: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            self._ids.setdefault(name, []).append(place)
        self._device_index = self._columns((DEVICE_INDEX,))
        self._groups: dict[tuple[int, str], _Group] = {}
        histograms = {metric: self._ids.get(metric, []) for metric in (WARP_OPCODES, THREAD_OPCODES)}
        self._histograms = Histograms(data, texts, histograms, len(names))

    def walk(self, heads: list[Head], ends: Ints, tag: int) -> Metrics:
        """Find the metrics of some results.

        Raises:
            MetricError: one is damaged.
        """
        return self._metrics.walk(np.array([head.metrics for head in heads], np.int64), ends, tag)

    def add(self, chunk: Chunk) -> None:
        """Keep the values of a chunk's launches.

        Raises:
            MetricError: a launch whose metrics cannot be read, or contradict its grid or block.
        """
        rows = len(chunk.heads)
        devices = self._metrics.numbers(chunk.metrics, self._device_index, rows, 1)[:, 0]
        alike: dict[tuple[int, int], list[int]] = {}
        for row, key in enumerate(
            zip(chunk.metrics.fingerprint.tolist(), devices.view(np.int64).tolist(), strict=True)
        ):
            alike.setdefault(key, []).append(row)
        for found in alike.values():
            sample, chosen = found[0], np.array(found)
            device = _device_key(float(devices[sample]), sample)
            group = self._group(chunk, sample, device)
            values = self._metrics.numbers(chunk.metrics, group.columns, rows, len(group.plan.metrics))[chosen]
            _check_dimensions(group.plan.metrics, values, [chunk.heads[i] for i in chosen.tolist()], chosen)
            group.launches.append(chosen + chunk.start)
            group.values.append(values)
            if group.plan.histograms:
                group.opcodes += self._histograms.read(chunk.metrics, chosen)

    def finish(self) -> list[MetricGroup]:
        """All groups, in the order of their first launches."""
        return [group.finish() for group in self._groups.values()]

    def _group(self, chunk: Chunk, sample: int, device: str) -> _Group:
        """The group of a launch, made from it if it is the first."""
        key = int(chunk.metrics.fingerprint[sample]), device
        if key in self._groups:
            return self._groups[key]
        try:
            found = read_metrics(self._data, chunk.kind, chunk.heads[sample], int(chunk.metrics.stops[sample]))
            held = {self._names[name]: metric for name, metric in found}
            values = {m: metric_value(self._data, held[m], self._texts) for m in DEVICE_METRICS.values() if m in held}
        except FramingError as error:
            raise MetricError(sample, str(error)) from None
        own = {metric: value for metric, value in values.items() if value is not None}
        listed = {} if device == UNKNOWN_DEVICE else self._session.get(int(device), {})
        attributes: Device = {name: own.get(metric, listed.get(metric)) for name, metric in DEVICE_METRICS.items()}
        for name, value in attributes.items():
            if value is not None and isinstance(value, str) != (name == "device_name"):
                raise MetricError(sample, f"{DEVICE_METRICS[name]} is {value!r}")
        chip, plan = plan_for(frozenset(held), self.devices.setdefault(device, attributes))
        self.devices[device].setdefault("flop_per_sm_cycle", flop_per_sm_cycle(chip))
        group = self._groups[key] = _Group(device, chip, plan, self._columns(plan.metrics))
        return group

    def _columns(self, wanted: tuple[str, ...]) -> NDArray[np.int32]:
        columns = np.full(max(len(self._names), 1), -1, np.int32)
        for place, metric in enumerate(wanted):
            columns[self._ids.get(metric, [])] = place
        return columns


def _device_key(index: float, result: int) -> str:
    if np.isnan(index):
        return UNKNOWN_DEVICE
    if not 0 <= index < 1 << 31 or index != int(index):
        raise MetricError(result, f"{DEVICE_INDEX} is {index:g}")
    return f"{index:.0f}"


def _check_dimensions(metrics: tuple[str, ...], values: NDArray[np.float64], heads: list[Head], places: Ints) -> None:
    """Grid and block stand twice in a result, as fields and as metrics: where names slipped, it shows here."""
    unknown = (np.nan,) * 3
    for name in ("grid", "block"):
        said = np.array([getattr(head, name) or unknown for head in heads], np.float64)
        for axis, letter in enumerate("xyz"):
            metric = f"launch__{name}_dim_{letter}"
            if metric not in metrics:
                continue
            counted = values[:, metrics.index(metric)]
            wrong = np.flatnonzero(np.abs(counted - said[:, axis]) > 0)  # nan is not
            if len(wrong):
                at = int(wrong[0])
                raise MetricError(
                    int(places[at]), f"{metric} says {counted[at]:.0f}, field {name} says {said[at, axis]:.0f}"
                )
