"""One op's row: its fields are declared here once, and every output follows from that declaration (columns.py)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated

from roofprof.findings import Finding
from roofprof.hardware.ceilings import MEASURED, ORIGINS
from roofprof.hardware.devices import PIPES, DeviceSpec, bundled_gpus
from roofprof.results.columns import Column, Group, derived_values
from roofprof.results.op_groups import FormulaResult, MeasuredOn, RankCall, RankShare, RankSpread, Spread, Useful
from roofprof.results.points import CountedWork, RooflinePoints, roofline_points
from roofprof.validate import UNSAVED, built


@dataclass(frozen=True, slots=True, kw_only=True)
class OpResult:
    """One op: its median call by duration, so that sums and ratios hold. In the order of ops.csv."""

    op: Annotated[str, Column("text", "Name of the op, or of the kernel where `kind` says so", "range names")]
    kind: Annotated[
        str, Column("text", "op: an NVTX range; kernel: launches of one kernel, of those in no range", "range names",
                    values=("op", "kernel"))
    ] = "op"  # fmt: skip
    layers: Annotated[
        list[int],
        Column("count", "Numbers of the model's layers that its calls came from, where names tell", "range names"),
    ] = field(default_factory=list)
    implementation: Annotated[str | None, Column("text", "Which implementation ran, where known", "capture")]
    nvtx_path: Annotated[
        list[str],
        Column("text", "Open NVTX ranges of the median call, outermost first; empty outside any", "range names"),
    ]
    report: Annotated[str, Column("text", "Report or capture that it was read from", "capture")]
    phase: Annotated[str | None, Column("text", "decode, prefill or another phase", "range names")]
    batch: Annotated[int | None, Column("count", "Sequences in the batch", "range names")]
    seq_len: Annotated[
        int | None, Column("count", "Decode: tokens in the KV cache; prefill: new tokens", "range names")
    ]
    cache: Annotated[str | None, Column("text", "State of L2 before each launch", "capture", values=("cold", "warm"))]
    calls: Annotated[int, Column("count", "Calls that were profiled", "ncu", minimum=1)]
    kernels: Annotated[list[int], Column("count", "Launch ids of the median call", "ncu")]
    duration_ns: Annotated[float | None, Column("ns", "Sum of the median call's kernels under ncu", "ncu")]
    spread: Annotated[Spread, Group("Minimum and maximum over calls", "")]
    time_source: Annotated[str, Column("text", "Whose time the rates use", "computed", values=("ncu", "nsys"))]
    nsys_duration_ns: Annotated[
        float | None, Column("ns", "Sum of the op's kernels under nsys, median over calls", "nsys")
    ] = None
    nsys_union_ns: Annotated[
        float | None, Column("ns", "Time in which any of its kernels ran under nsys, median over calls", "nsys")
    ] = None
    nsys_projected_ns: Annotated[
        float | None, Column("ns", "From its first kernel's start to its last one's end under nsys", "nsys")
    ] = None
    graph_union_ns: Annotated[
        float | None, Column("ns", "nsys_union_ns when the layer was replayed as a CUDA graph", "nsys")
    ] = None
    graph_projected_ns: Annotated[
        float | None, Column("ns", "nsys_projected_ns when the layer was replayed as a CUDA graph", "nsys")
    ] = None
    share: Annotated[
        float | None,
        Column("ratio", "Of the time of all ops in the same layer, under nsys; over ranks on the slowest one", "nsys"),
    ] = None
    dram_read_bytes: Annotated[float | None, Column("B", "Read from DRAM", "ncu")]
    dram_write_bytes: Annotated[float | None, Column("B", "Written to DRAM", "ncu")]
    dram_bytes: Annotated[float | None, Column("B", "Read from and written to DRAM", "ncu")]
    dram_upper_bytes: Annotated[float | None, Column("B", "Reads and every store, those left in L2 too", "ncu")]
    own_intermediate_bytes: Annotated[
        float | None,
        Column(
            "B", "DRAM reads beyond the formula's inputs that its own earlier kernels wrote, at most", "ncu, formula"
        ),
    ] = None
    l2_bytes: Annotated[float | None, Column("B", "Between SMs and L2", "ncu")]
    l1_fill_bytes: Annotated[float | None, Column("B", "From L2 into L1 and shared memory", "ncu")]
    flop_by_pipe: Annotated[
        Mapping[str, float | None],
        Column("FLOP", "Executed FLOPs", "ncu", keys=PIPES, key_name="{}_flop_count"),
    ]
    flop_count: Annotated[float | None, Column("FLOP", "Executed FLOPs, sum over pipes", "ncu")]
    mufu_count: Annotated[float | None, Column("count", "Special-function results", "ncu")]
    arithmetic_intensity: Annotated[float | None, Column("FLOP/B", "Executed FLOPs / DRAM bytes", "computed")]
    arithmetic_intensity_lower: Annotated[
        float | None, Column("FLOP/B", "Executed FLOPs / dram_upper_bytes", "computed")
    ]
    arithmetic_intensity_l2: Annotated[float | None, Column("FLOP/B", "Executed FLOPs / l2_bytes", "computed")]
    arithmetic_intensity_l1_fill: Annotated[
        float | None, Column("FLOP/B", "Executed FLOPs / l1_fill_bytes", "computed")
    ]
    formula: Annotated[FormulaResult | None, Group("The formula's side; null where the name has no shape", "formula_")]
    work_ratio: Annotated[float | None, Column("ratio", "Executed FLOPs / formula FLOPs", "computed")]
    byte_ratio: Annotated[float | None, Column("ratio", "DRAM bytes / formula bytes", "computed")]
    roof_source: Annotated[
        str,
        Column("text", "projected where the target is another GPU than the profiled one", "roofs",
               values=("projected", "datasheet")),
    ]  # fmt: skip
    bound: Annotated[
        str | None,
        Column(
            "text",
            "Roof that binds the measured work on the target GPU",
            "roofs",
            values=("memory", "compute", "communication"),
        ),
    ]
    ridge_point: Annotated[
        float | None, Column("FLOP/B", "AI at which the target's roofs meet for this mix of pipes", "roofs")
    ]
    attainable_flop_per_s: Annotated[
        float | None, Column("FLOP/s", "min(peak, AI x bandwidth) on the target GPU", "roofs")
    ]
    measured_on: Annotated[MeasuredOn, Group("Against the profiled GPU", "measured_on_")]
    link_tx_bytes: Annotated[
        float | None, Column("B", "Sent to other GPUs over NVLink by an op that communicates, median over ranks", "ncu")
    ] = None
    link_bytes_formula: Annotated[
        float | None, Column("B", "Sent to other GPUs by the formula's algorithm", "formula")
    ] = None
    link_bytes_per_s: Annotated[
        float | None,
        Column("B/s", "link_tx_bytes / time of the rank that came last: the wait is not in it", "computed"),
    ] = None
    wait_ns: Annotated[
        float | None, Column("ns", "What the first rank waited for the last one, of the row's call, by nsys", "nsys")
    ] = None
    straggler_rank: Annotated[int | None, Column("count", "The rank that came last, where one was late", "nsys")] = None
    straggler_idle_ns: Annotated[
        float | None,
        Column(
            "ns",
            "How much longer the last rank's GPU stood idle than the first one's, since the collective before: "
            "most of the wait where the last one's host was late, little where its kernels took longer",
            "nsys",
        ),
    ] = None
    critical_path_ns: Annotated[
        float | None,
        Column(
            "ns",
            "From the latest rank's end of the op before to the latest rank's end of this one, median call",
            "nsys",
        ),
    ] = None
    ranks: Annotated[
        list[RankShare], Column("text", "Each rank's part of the row's call", "ncu, nsys", in_ops_csv=None)
    ] = field(default_factory=list)
    rank_spread: Annotated[RankSpread | None, Group("How the ranks differ", "rank_")] = None
    rank_calls: Annotated[
        list[RankCall],
        Column("text", "Of collectives: wait, straggler and times of every call", "nsys", in_ops_csv=None),
    ] = field(default_factory=list)
    how: Annotated[
        Mapping[str, str], Column("text", "Columns that are not their own counter's value: how each was had", "ncu")
    ] = field(default_factory=dict)
    clock_outlier_count: Annotated[
        int, Column("count", "Calls left out of the median for an SM clock far below the others'", "ncu")
    ] = 0
    useful: Annotated[Useful | None, Group("The formula's work in the measured time and bytes", "useful_")] = None
    findings: Annotated[list[Finding], Column("text", "Reasons to doubt or explain its numbers", "computed")] = field(
        default_factory=list
    )
    source: Annotated[
        str, Column("text", "Where the row is from", "computed", in_ops_csv=None, values=("measured",))
    ] = "measured"

    points: RooflinePoints = field(default_factory=RooflinePoints, metadata=UNSAVED)
    """Not a column: made once from the work above and the two GPUs, on analysis or on loading."""

    @property
    def time_ns(self) -> float | None:
        """The time that rates use: `time_source` says whose."""
        return self.nsys_union_ns if self.time_source == "nsys" else self.duration_ns

    @property
    def of_roof(self) -> float | None:
        """Minimum time by the best roofs known / time: `headroom_roof` says whose roofs these are."""
        measured = self.measured_on.roof_fraction_measured
        return self.measured_on.roof_fraction if measured is None else measured

    @property
    def headroom_ns(
        self,
    ) -> Annotated[
        float | None,
        Column("ns", "Potential savings per call: time x (1 - fraction of headroom_roof)", "roofs", after="share"),
    ]:
        """What running at the best roof known would save per call; `headroom_roof` says which.

        Never negative: an op above its roof (cold bytes over warm time, say) has nothing left to save.
        """
        fraction = self.of_roof
        return None if self.time_ns is None or fraction is None else self.time_ns * max(0.0, 1 - fraction)

    @property
    def headroom_roof(
        self,
    ) -> Annotated[
        str | None,
        Column("text", "Roofs that headroom_ns is against: measured on this GPU, shipped, or the datasheet's", "roofs",
               values=(*ORIGINS, "datasheet"), after="headroom_ns"),
    ]:  # fmt: skip
        """The best roofs known of the profiled GPU; None where none is known."""
        if self.measured_on.roof_fraction_measured is not None:
            return self.measured_on.measured_roofs or MEASURED
        return None if self.measured_on.roof_fraction is None else "datasheet"

    @property
    def label(self) -> str:
        """Op and implementation."""
        return f"{self.op} ({self.implementation})" if self.implementation else self.op

    @property
    def case_key(self) -> tuple[str, str | None, int | None, int | None, str | None]:
        """What tells rows of different cases apart."""
        return self.report, self.phase, self.batch, self.seq_len, self.cache

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON: every column, under its own name."""
        whole = asdict(self)
        del whole["points"]
        return whole | {"findings": [f.as_dict() for f in self.findings]} | derived_values(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "OpResult":
        """The reverse of `as_dict`; unknown fields are left alone.

        Raises:
            FieldError: a field is missing, or of another form.
        """
        return built(cls, data)

    def placed(self, gpu: DeviceSpec, target: DeviceSpec) -> "OpResult":
        """With its roofline points: what a saved row leaves out.

        Args:
            gpu: the report's; a row of another one takes that by its name, where it is a bundled one.
            target: the report's.
        """
        formula, name = self.formula, self.measured_on.gpu
        flops = {} if self.flop_count is None else self.flop_by_pipe
        measured = CountedWork(flops, self.dram_bytes, self.mufu_count, self.link_tx_bytes)
        asked = None
        if formula:
            asked = CountedWork({formula.pipe: formula.flop_count}, formula.dram_bytes, None, self.link_bytes_formula)
        profiled = gpu if name == gpu.name else bundled_gpus().get(name)
        return replace(self, points=roofline_points(measured, asked, profiled, target))


def length_word(phase: str | None) -> str:
    """What `seq_len` counts in a phase."""
    return {"decode": "KV length", "prefill": "new tokens"}.get(phase or "", "length")


def case_words(phase: str | None, batch: int | None, seq_len: int | None, cache: str | None) -> str:
    """A case in words, `decode, batch 64, KV length 4096, cold cache`; empty where nothing is known."""
    length = seq_len and f"{length_word(phase)} {seq_len}"
    parts = [phase, batch and f"batch {batch}", length, cache and f"{cache} cache"]
    return ", ".join(str(part) for part in parts if part)


def case_title(op: OpResult) -> str:
    """The case of a row in words, with its report."""
    words = case_words(op.phase, op.batch, op.seq_len, op.cache)
    return f"{op.report}: {words}" if words else op.report


KERNEL_MARK = "◦"
"""Before the name of a kernel's row that stands among ops."""


def kernel_words(ops: Sequence[OpResult]) -> str:
    """What the rows of kernels are, for a legend; empty where there is none."""
    kinds = {op.kind for op in ops}
    if "kernel" not in kinds:
        return ""
    once = all(op.calls == 1 for op in ops if op.kind == "kernel")
    if len(kinds) > 1:
        return f"{KERNEL_MARK} a kernel outside any NVTX range" + ("" if once else ", its median launch")
    return "each row is one launch of a kernel" if once else "each row is a kernel, its median launch"


def marked(ops: Sequence[OpResult]) -> bool:
    """Whether rows of kernels stand among ops, and so carry `KERNEL_MARK`."""
    return len({op.kind for op in ops}) > 1


def short_labels(ops: Sequence[OpResult], with_case: bool = True) -> list[str]:
    """A label for each row, with the implementation and, if asked for, the case only where a name stands twice."""
    names = Counter((op.case_key, op.op) for op in ops)
    cases = {op.case_key for op in ops}
    caches = {op.cache for op in ops}
    mark = f"{KERNEL_MARK} " if marked(ops) else ""
    labels = []
    for op in ops:
        label = op.label if names[op.case_key, op.op] > 1 else op.op
        if op.kind == "kernel":
            label = mark + label
        if with_case and len(cases) > 1:
            label += f" {(op.phase or '?')[0]}{op.batch or '?'}"
        if len(caches) > 1:
            label += f" {op.cache or '?'}"
        labels.append(label)
    return _told_apart(ops, labels)


def _told_apart(ops: Sequence[OpResult], labels: list[str]) -> list[str]:
    """Labels that one case has twice, with the formulas and sizes in which the rows differ."""
    twins: dict[tuple[object, str], list[int]] = {}
    for index, (op, label) in enumerate(zip(ops, labels, strict=True)):
        twins.setdefault((op.case_key, label), []).append(index)
    for places in twins.values():
        shapes = [_formula_words(ops[at]) for at in places]
        keys = dict.fromkeys(key for shape in shapes for key in shape)
        differing = [key for key in keys if len({shape.get(key) for shape in shapes}) > 1]
        for at, shape in zip(places, shapes, strict=True):
            labels[at] = " ".join([labels[at], *(shape[key] for key in differing if key in shape)])
    return labels


def _formula_words(op: OpResult) -> dict[str, str]:
    """The formula's name and sizes as a label shows them; nothing where there is no formula."""
    if op.formula is None:
        return {}
    sizes = {key: f"{key}{value}" if len(key) == 1 else str(value) for key, value in op.formula.shape.items()}
    return {"": op.formula.name, **sizes}
