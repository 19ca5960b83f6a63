"""The cases of one or more reports: the ops of one layer at one phase, batch and length, in launch order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from roofprof.formulas.layer import STEP_OPS
from roofprof.hardware.devices import DeviceSpec, bundled_gpus
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

HEADLINE_BATCHES = (1, 64, 128)
HEADLINE_CASES = 4


@dataclass(frozen=True, slots=True)
class Case:
    """Rows that may be summed: one report, phase, batch, length and cache mode."""

    source: RooflineReport
    report: str
    phase: str | None
    batch: int | None
    seq_len: int | None
    cache: str | None
    ops: tuple[OpResult, ...]
    """Of one layer, without `step_ops`."""
    step_ops: tuple[OpResult, ...]
    told_apart_by: str | None = None
    """Where two cases have one name: the report."""

    @property
    def title(self) -> str:
        """The case in words, `Decode, batch 64, KV length 4096, cold cache`."""
        length = {"decode": "KV length", "prefill": "new tokens"}.get(self.phase or "", "length")
        parts = [
            self.phase and self.phase.capitalize(),
            self.batch and f"batch {self.batch}",
            self.seq_len and f"{length} {self.seq_len}",
            self.cache and f"{self.cache} cache",
            self.told_apart_by,
        ]
        return ", ".join(str(part) for part in parts if part) or self.report

    @property
    def tokens(self) -> int | None:
        """Tokens that the layer handles at once, M."""
        if self.batch is None or self.phase not in ("decode", "prefill"):
            return None
        if self.phase == "decode":
            return self.batch
        return None if self.seq_len is None else self.batch * self.seq_len

    @property
    def time_ns(self) -> float | None:
        """Sum of the ops' times; None where one is unknown."""
        return total(op.time_ns for op in self.ops)

    @property
    def alternatives(self) -> int:
        """Rows beyond the first of an op: other implementations of it."""
        return len(self.ops) - len({op.op for op in self.ops})


def total(values: Iterable[float | None]) -> float | None:
    """The sum, or None where a value is unknown or there is none."""
    known = list(values)
    return None if not known or any(v is None for v in known) else sum(v for v in known if v is not None)


def cases_of(reports: Sequence[RooflineReport]) -> list[Case]:
    """Every case: decode before prefill before others, by batch and length."""
    cases = []
    for source in reports:
        for key in dict.fromkeys(op.case_key for op in source.ops):
            rows = [op for op in source.ops if op.case_key == key]
            layer = tuple(op for op in rows if op.op not in STEP_OPS)
            step = tuple(op for op in rows if op.op in STEP_OPS)
            cases.append(Case(source, *key, ops=layer or step, step_ops=step if layer else ()))
    cases.sort(key=_order)
    return _told_apart(cases)


def headline_cases(cases: Sequence[Case]) -> list[Case]:
    """The cases that tables of all ops are made for: decode at batch 1, 64 and 128, every prefill; else the first."""
    if len(cases) <= HEADLINE_CASES:
        return list(cases)
    wanted = [c for c in cases if c.phase == "prefill" or (c.phase == "decode" and c.batch in HEADLINE_BATCHES)]
    return wanted or list(cases[:HEADLINE_CASES])


def gpu_of(source: RooflineReport, op: OpResult) -> DeviceSpec | None:
    """The GPU that ran an op; None where the report holds another's figures and it is not a bundled one."""
    return source.gpu if op.measured_on.gpu == source.gpu.name else bundled_gpus().get(op.measured_on.gpu)


def target_time_ns(source: RooflineReport, op: OpResult) -> float | None:
    """The minimum time of an op's measured work by the target's roofs."""
    least = op.points.on_target.bound_time_s
    return None if least is None else least * 1e9


def kernel_of(source: RooflineReport, op: OpResult) -> str:
    """What ran: the implementation's name, else the op's longest kernel."""
    if op.implementation:
        return op.implementation
    names: list[tuple[float, str]] = []
    columns = ("report", "launch_id", "duration_ns", "kernel_name")
    for report, launch, duration, name in source.kernels.select(columns).iter_rows():
        if report == op.report and launch in op.kernels:
            names.append((duration or 0.0, name or ""))
    return max(names)[1] if names else op.op


def _order(case: Case) -> tuple[int, int, int, str]:
    phase = {"decode": 0, "prefill": 1}.get(case.phase or "", 2)
    return phase, case.batch or 0, case.seq_len or 0, case.cache or ""


def _told_apart(cases: Sequence[Case]) -> list[Case]:
    """Cases whose titles are equal get their report's name, or its date, or a number."""
    out: list[Case] = []
    for case in cases:
        twins = [c for c in cases if c.title == case.title]
        if len(twins) == 1:
            out.append(case)
            continue
        names = [c.report for c in twins]
        numbered = f"{PurePosixPath(case.report).name} {_place(case, twins)}"
        word = case.report if len(set(names)) == len(names) else numbered
        out.append(_with_word(case, word))
    return out


def _place(case: Case, twins: Sequence[Case]) -> int:
    return next(i for i, twin in enumerate(twins, 1) if twin is case)


def _with_word(case: Case, word: str) -> Case:
    return Case(
        case.source, case.report, case.phase, case.batch, case.seq_len, case.cache, case.ops, case.step_ops, word
    )  # fmt: skip
