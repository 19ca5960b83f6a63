"""The cases of one or more reports: the ops of one layer at one phase, batch and length, in launch order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from roofprof.hardware.ceilings import Ceilings
from roofprof.hardware.devices import DeviceSpec, bundled_gpus
from roofprof.results.op import OpResult, case_words
from roofprof.results.rank_summary import RankLayer
from roofprof.results.report import RooflineReport

HEADLINE_BATCHES = (1, 64, 128)
HEADLINE_CASES = 4


@dataclass(frozen=True, slots=True)
class CaseOps:
    """Rows that may be summed: one report, phase, batch, length, cache mode and GPU."""

    source: RooflineReport
    report: str
    phase: str | None
    batch: int | None
    seq_len: int | None
    cache: str | None
    gpu: str
    """Name of the profiled GPU."""
    ops: tuple[OpResult, ...]
    """Of one layer, every implementation of each op, without `step_ops`: what per-op tables list."""
    step_ops: tuple[OpResult, ...]
    """Once per step for all layers (lm_head): in no sum of the layer."""
    told_apart_by: str | None = None
    """Where two cases have one name: the report."""
    rank_layer: RankLayer | None = None
    """The case on each rank, where there are several."""
    kernels: Mapping[tuple[str, int], tuple[float, str]] = field(default_factory=dict, repr=False, compare=False)
    """Duration and name of every kernel of `source` by report and launch id."""

    @property
    def title(self) -> str:
        """The case in words, `Decode, batch 64, KV length 4096, cold cache`."""
        words = case_words(self.phase, self.batch, self.seq_len, self.cache)
        if self.phase:
            words = words[0].upper() + words[1:]
        return ", ".join(part for part in (words, self.told_apart_by) if part) or self.report

    @property
    def is_of_layer(self) -> bool:
        """Whether these are ops of a layer that formulas know: nothing else is compared with the reference document."""
        return self.phase is not None or any(op.formula for op in (*self.ops, *self.step_ops))

    @property
    def adds_to_layer(self) -> bool:
        """Whether its times add up to one layer: where rows are kernels, all repeats of a layer are in the sum."""
        return self.phase in ("decode", "prefill") and all(times_in_case(op) == 1 for op in self.layer)

    @property
    def conditions(self) -> tuple[str, int | None, int | None, str | None, str] | None:
        """What two measurements of the same case have in common; None where the phase or both sizes are unknown."""
        if not self.phase or not (self.batch or self.seq_len):
            return None
        return self.phase, self.batch, self.seq_len, self.cache, self.gpu

    @property
    def tokens(self) -> int | None:
        """Tokens that the layer handles at once, M."""
        if self.batch is None or self.phase not in ("decode", "prefill"):
            return None
        if self.phase == "decode":
            return self.batch
        return None if self.seq_len is None else self.batch * self.seq_len

    @property
    def gpu_words(self) -> str:
        """The profiled GPU as people call it; its name where it is none that ships."""
        return self.gpu_spec.sku.split(",")[0] if self.gpu_spec else self.gpu

    @property
    def gpu_spec(self) -> DeviceSpec | None:
        """The profiled GPU, in a report of several not always the first; None where it is none that ships."""
        return _spec_of(self.source, self.gpu)

    @property
    def ceilings(self) -> Ceilings | None:
        """Measured roofs of that GPU: those of a report are its first one's."""
        return self.source.ceilings if self.gpu == self.source.gpu.name else None

    def time_of(self, op: OpResult) -> float | None:
        """An op's part of the time, in ns; of several ranks on the slowest one, for times of different ranks make no
        layer.
        """
        layer = self.rank_layer
        if layer is None or layer.slowest_rank is None or not op.ranks:
            return counted(op, op.time_ns)
        own = (share.duration_ns for share in op.ranks if share.rank == layer.slowest_rank)
        return counted(op, next(own, 0.0))

    def headroom_of(self, op: OpResult) -> float | None:
        """An op's part of what the time could win, in ns; of several ranks on the slowest one, as its time is."""
        headroom, own, row = counted(op, op.headroom_ns), self.time_of(op), counted(op, op.time_ns)
        if headroom is None or own is None or row is None:
            return headroom
        return max(0.0, headroom - (row - own))

    @property
    def time(self) -> "Sum":
        """Time of one layer, or of all that was captured, in ns."""
        return sum_of(map(self.time_of, self.layer))

    @property
    def time_ns(self) -> float | None:
        """The same; None where that of an op is unknown."""
        return self.time.value

    def kernel_of(self, op: OpResult) -> str:
        """What ran: the implementation's name, else the op's longest kernel."""
        if op.implementation:
            return op.implementation
        found = [kernel for launch in op.kernels if (kernel := self.kernels.get((op.report, launch)))]
        return max(found)[1] if found else op.op

    @property
    def layer(self) -> tuple[OpResult, ...]:
        """What sums of the layer add up: each op once, by its first implementation."""
        further = {id(op) for op in self.alternatives}
        return tuple(op for op in self.ops if id(op) not in further)

    @property
    def alternatives(self) -> tuple[OpResult, ...]:
        """Further implementations of an op that has a row already: one layer runs one of them."""
        chosen: dict[tuple[str, ...], str | None] = {}
        return tuple(
            op
            for op in self.ops
            if op.implementation
            and chosen.setdefault((op.op, *op.nvtx_path[:-1]), op.implementation) != op.implementation
        )


def times_in_case(op: OpResult) -> int:
    """How often an op counts in sums of its case: once where its calls are repeats of one layer, else every call.

    Calls are repeats where the range around them names the phase of one layer. Those of kernels, of ops with layer
    numbers in their names and of programs that say nothing of layers are all parts of what was captured.
    """
    return 1 if op.kind == "op" and op.phase and not op.layers else op.calls


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum over ops, or a quotient of two sums. It is known where every part is; what is known stands apart."""

    known: float | None
    """Over the parts that are known; None where none is."""
    known_count: int
    count: int

    @property
    def value(self) -> float | None:
        """Of the whole: None where a part is unknown or there is none."""
        return self.known if self.known_count == self.count else None


def sum_of(values: Iterable[float | None]) -> Sum:
    """Sum values of which some may be unknown."""
    parts = list(values)
    known = [value for value in parts if value is not None]
    return Sum(sum(known) if known else None, len(known), len(parts))


def counted(op: OpResult, value: float | None) -> float | None:
    """A figure of one call as often as the op counts in its case."""
    return None if value is None else value * times_in_case(op)


def quotient_of(pairs: Iterable[tuple[float | None, float | None]]) -> Sum:
    """Sum dividends and divisors, then divide; a pair counts where both are known, so that both are of the same ops."""
    parts = list(pairs)
    known = [(a, b) for a, b in parts if a is not None and b is not None]
    divisor = sum(b for _, b in known)
    return Sum(sum(a for a, _ in known) / divisor if divisor else None, len(known), len(parts))


def cases_of(reports: Sequence[RooflineReport]) -> list[CaseOps]:
    """Every case: decode before prefill before others, by batch and length; one measured twice stands twice."""
    from roofprof.formulas.layer import STEP_OPS

    cases = []
    for source in reports:
        rows: dict[tuple[tuple[str, str | None, int | None, int | None, str | None], str], list[OpResult]] = {}
        for op in source.ops:
            rows.setdefault((op.case_key, op.measured_on.gpu), []).append(op)
        kernels = _kernels(source)
        for (key, gpu), ops in rows.items():
            layer, step = (tuple(op for op in ops if (op.op in STEP_OPS) is once) for once in (False, True))
            ranks = source.ranks.layer_of(*key) if source.ranks else None
            cases.append(CaseOps(source, *key, gpu=gpu, ops=layer, step_ops=step, rank_layer=ranks, kernels=kernels))
    cases.sort(key=_order)
    return _told_apart(cases)


def superseded(cases: Sequence[CaseOps]) -> list[tuple[CaseOps, CaseOps]]:
    """Cases measured more than once, each with the one that counts: the last in the order the reports were given."""
    last = {case.conditions: case for case in cases}
    return [(case, last[case.conditions]) for case in cases if case.conditions and last[case.conditions] is not case]


def counting_cases(cases: Sequence[CaseOps]) -> list[CaseOps]:
    """One case for each set of conditions, the last given: what series, plots, scaling.csv and statements look at."""
    old = {id(case) for case, _ in superseded(cases)}
    return [case for case in cases if id(case) not in old]


def headline_cases(cases: Sequence[CaseOps]) -> list[CaseOps]:
    """The cases that tables of all ops are made for: decode at batch 1, 64 and 128, every prefill; else the first."""
    if len(cases) <= HEADLINE_CASES:
        return list(cases)
    wanted = [c for c in cases if c.phase == "prefill" or (c.phase == "decode" and c.batch in HEADLINE_BATCHES)]
    return wanted or list(cases[:HEADLINE_CASES])


def gpu_of(source: RooflineReport, op: OpResult) -> DeviceSpec | None:
    """The profiled GPU of an op; None where the report holds another's figures and it is not a bundled one."""
    return _spec_of(source, op.measured_on.gpu)


def _spec_of(source: RooflineReport, name: str) -> DeviceSpec | None:
    return source.gpu if name == source.gpu.name else bundled_gpus().get(name)


def target_time_ns(source: RooflineReport, op: OpResult) -> float | None:
    """The minimum time of an op's measured work by the target's roofs."""
    bound_s = op.points.on_target.bound_time_s
    return None if bound_s is None else bound_s * 1e9


def _kernels(source: RooflineReport) -> dict[tuple[str, int], tuple[float, str]]:
    columns = source.kernels.select("report", "launch_id", "duration_ns", "kernel_name")
    return {(report, launch): (duration or 0.0, name or "") for report, launch, duration, name in columns.iter_rows()}


def _order(case: CaseOps) -> tuple[int, int, int, str]:
    phase = {"decode": 0, "prefill": 1}.get(case.phase or "", 2)
    return phase, case.batch or 0, case.seq_len or 0, case.cache or ""


def _told_apart(cases: Sequence[CaseOps]) -> list[CaseOps]:
    """Cases whose titles are equal get their report's name, or its date, or a number."""
    out: list[CaseOps] = []
    for case in cases:
        twins = [c for c in cases if c.title == case.title]
        if len(twins) == 1:
            out.append(case)
            continue
        names = [c.report for c in twins]
        numbered = f"{PurePosixPath(case.report).name} {_place(case, twins)}"
        word = case.report if len(set(names)) == len(names) else numbered
        out.append(replace(case, told_apart_by=word))
    return out


def _place(case: CaseOps, twins: Sequence[CaseOps]) -> int:
    return next(i for i, twin in enumerate(twins, 1) if twin is case)
