"""What the tools answer. The docstrings of fields are the descriptions in the schemas that clients get.

Times are nanoseconds, sizes bytes; null is unknown, never 0. The classes are pydantic's: the SDK makes schemas of them.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal["capture", "ranks", "ncu_report", "saved", "all_kernels", "nsys_trace"]
Source = Literal["measured", "formula", "datasheet", "extrapolated"]


class Answer(BaseModel):
    """What answers have in common: descriptions of fields are their docstrings."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Listed(Answer):
    """One capture, report, saved analysis or trace."""

    path: str
    """What the other tools take."""
    kind: Kind
    """capture: a folder of roofprof capture; ranks: one over several ranks; ncu_report: an .ncu-rep; saved: a
    report.json; all_kernels: an all_kernels.csv; nsys_trace: times alone."""
    modified: str | None
    """UTC, ISO 8601."""
    size_bytes: int | None
    """Of a file."""
    gpu: str | None
    """The profiled one; null where only reading the whole would tell."""
    cases: list[str] | None
    """Phase, batch and length in words; null where only reading the whole would tell."""
    problem: str | None
    """Why it cannot be read, where that shows already."""


class Listing(Answer):
    """Reports below the served folders, newest first."""

    folders: list[str]
    """What is served; with several, paths begin with these."""
    reports: list[Listed]
    left_out: int
    """Further ones: narrow with `contains`, or raise `top`."""
    complete: bool
    """Whether the folders were looked through to the end."""


class OnTarget(Answer):
    """The op on the target GPU, by roofline from useful FLOPs and measured bytes: not measured there."""

    source: Source
    bound: str | None
    attainable_flop_per_s: float | None
    least_time_ns: float | None
    """Of one call."""
    by_launch: bool
    """Whether that is what an empty kernel takes."""


class RankedOp(Answer):
    """One op, or kernel outside any NVTX range, of a case."""

    rank: int
    op: str
    """What explain_op takes."""
    implementation: str | None
    kind: Literal["op", "kernel"]
    calls: int
    """That the figures are of: 1 where calls repeat one layer."""
    time_ns: float | None
    """Calls x the median call."""
    share: float | None
    """Of the case's time."""
    of_roof: float | None
    """Minimum time by the best roof known / time; above 1 is possible."""
    headroom_ns: float | None
    """Time that reaching the roof would save."""
    headroom_roof: str | None
    """Which roof: measured on this GPU, shipped (another GPU of its name), or the datasheet's."""
    bound: str | None
    """On the profiled GPU: memory, compute, latency or communication."""
    why: str
    """Why it is below its roof."""
    attempt: str | None
    """What to try; null where nothing is left to win."""
    in_layer: bool
    """False: in no sum of the case (once a step for all layers, or a further implementation of an op)."""
    formula: str | None
    """Formula of its name's shape; null: measured only."""
    doubts: list[str]
    """Kinds of findings that put its numbers in doubt; explain_op has their words."""
    on_target: OnTarget | None
    """Null where the target is the profiled GPU."""


class BoundShare(Answer):
    """A part of a case's time."""

    bound: str
    share: float


class RankedCase(Answer):
    """One phase, batch and length: what may be summed."""

    case: str
    report: str
    phase: str | None
    batch: int | None
    seq_len: int | None
    cache: str | None
    gpu: str
    """The profiled one."""
    time_ns: float | None
    """Of one layer, or of all that was captured; null where a part is unknown."""
    headroom_ns: float | None
    reachable: float | None
    """Headroom / time."""
    bounds: list[BoundShare]
    ops: list[RankedOp]
    left_out: int
    """Ops after the last one shown."""


class TopOps(Answer):
    """The ops of each case, largest potential savings or longest first."""

    path: str
    gpu: str
    target: str
    """GPU that on_target is about."""
    cases: list[RankedCase]
    cases_left_out: list[str]
    """Choose one with phase, batch, seq_len or cache."""
    legend: list[str]
    """What the figures stand on."""
    notes: list[str]
    """What a reader has to be told of the analysis."""
    findings: dict[str, int]
    """Warnings and doubts about the whole, by kind, with how many."""


class Value(Answer):
    """One figure of an op."""

    name: str
    """As in ops.csv."""
    value: float | int | str
    unit: str | None
    source: Source
    """measured: from counters and clocks; formula: from the shape in the name; datasheet, extrapolated: by roofline."""
    how: str | None
    """How it was had, where not from the counter of its name."""
    meaning: str


class Beside(Answer):
    """A measured figure beside the formula's."""

    what: str
    unit: str
    measured: float | None
    formula: float | None
    ratio: float | None
    """Measured / formula."""


class Formula(Answer):
    """What the shape in the op's name asks for."""

    name: str
    words: str
    """With the sizes."""
    flop_expression: str | None
    byte_expressions: list[str]
    beside: list[Beside]


class Told(Answer):
    """One finding about the op."""

    kind: str
    severity: str
    """warning: a number is missing or wrong as it stands; doubtful; info: explains a number that is right."""
    message: str
    hint: str | None


class Launch(Answer):
    """One kernel of the op's median call."""

    kernel: str
    grid: list[int] | None
    block: list[int] | None
    duration_ns: float | None
    """Under ncu."""


class Explained(Answer):
    """One op in one case: its median call by duration, which all figures are of."""

    op: str
    implementation: str | None
    kind: Literal["op", "kernel"]
    case: str
    report: str
    calls: int
    nvtx_path: list[str]
    why: str
    attempt: str | None
    values: list[Value]
    unknown: list[str]
    """Figures that the report does not hold."""
    formula: Formula | None
    """Null where the name carries no shape."""
    findings: list[Told]
    kernels: list[Launch]
    kernels_left_out: int


class Explanation(Answer):
    """An op in every case that has it."""

    path: str
    gpu: str
    target: str
    rows: list[Explained]
    rows_left_out: int
    """Choose with phase, batch, seq_len or cache."""


class Changed(Answer):
    """One op before and after. Ratios are after / before."""

    op: str
    case: str
    verdict: Literal["within", "improved", "regressed", "inconclusive", "appeared", "vanished"]
    before_time_ns: float | None
    after_time_ns: float | None
    time_ratio: float | None
    dram_bytes_ratio: float | None
    flop_count_ratio: float | None
    work_factor: float | None
    """work x byte x efficiency factors are the ratio of times."""
    byte_factor: float | None
    efficiency_factor: float | None
    kernels_changed: bool
    too_few_calls: bool
    """Fewer than 3 calls a side: its time is inconclusive for that alone."""


class CaseChange(Answer):
    """One pair of cases."""

    case: str
    before_time_ns: float | None
    after_time_ns: float | None
    time_ratio: float | None


class Comparison(Answer):
    """Two analyses, op by op: largest change of time first."""

    before: str
    after: str
    threshold: float
    """A change within this fraction is none."""
    verdicts: dict[str, int]
    cases: list[CaseChange]
    ops: list[Changed]
    left_out: int
    only_before: list[str]
    """Cases without a partner."""
    only_after: list[str]
    notes: list[str]
    """What is not alike on the two sides, and what that means."""
