"""Where time could be saved, op by op, out of findings and numbers: nothing is listed that the data do not show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roofprof.document.cases import CaseOps, gpu_of, sum_of
from roofprof.findings import Finding
from roofprof.formulas.models import ShapeError, evaluate
from roofprof.results.op import OpResult

EFFICIENT = 0.7
"""The reference document's threshold: below 70 % of the attainable rate there is room."""
PADDING_FROM = 1.15
SHOWN = 10


@dataclass(frozen=True, slots=True)
class BelowRoof:
    """An op below 70 % of what the profiled GPU could give."""

    op: OpResult
    roof_fraction: float
    headroom_ns: float


@dataclass(frozen=True, slots=True)
class Padding:
    """Tensor work beyond the useful."""

    op: OpResult
    ratio: float
    tile: str | None
    """`128x128` where the kernel's name tells."""


@dataclass(frozen=True, slots=True)
class ReRead:
    """Reads beyond the inputs."""

    op: OpResult
    extra_read_bytes: float
    time_ns: float | None
    """What they take at the full bandwidth of the profiled GPU."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """A latency-bound op whose longest kernel leaves SMs empty or has few warps."""

    op: OpResult
    kernel: str
    waves_per_sm: float | None
    achieved: float | None
    theoretical: float | None


@dataclass(frozen=True, slots=True)
class Fusion:
    """Two ops of which the second reads what the first has just written; bytes by formula."""

    first: OpResult
    second: OpResult
    saved_bytes: float
    kept: str | None
    """Other op that reads the intermediate, so that its write stays."""
    second_time_ns: float | None


@dataclass(frozen=True, slots=True)
class Opportunities:
    """One case. Every list is ordered by what it could save."""

    case: CaseOps
    below_roof: tuple[BelowRoof, ...]
    padding: tuple[Padding, ...]
    re_reads: tuple[ReRead, ...]
    occupancy: tuple[Occupancy, ...]
    launch_bound: tuple[OpResult, ...]
    fusions: tuple[Fusion, ...]

    @property
    def projected_ns(self) -> tuple[float | None, float | None]:
        """Sum of the ops' spans under nsys, launched one by one and replayed as a CUDA graph."""
        eager, graph = (
            sum_of(getattr(op, f"{kind}_projected_ns") for op in self.case.layer).value for kind in ("nsys", "graph")
        )
        return eager, graph

    @property
    def launch_bound_ns(self) -> float | None:
        """Time of the launch-bound ops; None where one is unknown."""
        return sum_of(op.time_ns for op in self.launch_bound).value


@dataclass(frozen=True, slots=True)
class _Pair:
    """A producer and its consumer in the layer."""

    first: str
    second: str
    term: str
    """The byte term of the consumer's formula that is the intermediate."""
    kept: str | None = None


_PAIRS = (
    _Pair("input_layernorm", "quant_fused_qkv_a_proj", "input"),
    _Pair("q_a_layernorm", "quant_q_b_proj", "input"),
    _Pair("rope", "kv_write", "rotated key"),
    _Pair("attn_mqa", "quant_attn_w_vc", "input"),
    _Pair("attn_mha", "quant_o_proj", "input"),
    _Pair("attn_w_vc", "quant_o_proj", "input"),
    _Pair("kv_a_layernorm", "quant_kv_b_proj", "input", "kv_write"),
    _Pair("post_attention_layernorm", "quant_shared_gate_up", "input", "router_gemm"),
    _Pair("post_attention_layernorm", "quant_moe_gate_up", "input", "router_gemm"),
    _Pair("post_attention_layernorm", "quant_dense_gate_up", "input"),
    _Pair("shared_gate_up", "shared_silu_and_mul", "gate and up"),
    _Pair("moe_gate_up", "moe_silu_and_mul", "gate and up"),
    _Pair("dense_gate_up", "dense_silu_and_mul", "gate and up"),
    _Pair("shared_silu_and_mul", "quant_shared_down", "input"),
    _Pair("moe_silu_and_mul", "quant_moe_down", "input"),
    _Pair("dense_silu_and_mul", "quant_dense_down", "input"),
    _Pair("quant_moe_gate_up", "moe_permute", "rows with scales"),
    _Pair("moe_combine", "moe_add_shared", "first"),
)
"""Of the layer as docs/formulas.md has it; a pair counts where both ops were measured."""


def opportunities(case: CaseOps) -> Opportunities:
    """Collect what a case shows."""
    below = [
        BelowRoof(op, fraction, headroom)
        for op in case.layer
        if (fraction := op.measured_on.roof_fraction) is not None
        and fraction < EFFICIENT
        and (headroom := op.headroom_ns) is not None
    ]
    short = [op for op in case.layer if _found(op, "launch-bound")]
    return Opportunities(
        case=case,
        below_roof=tuple(sorted(below, key=lambda b: -b.headroom_ns)),
        padding=tuple(sorted(_padding(case.layer), key=lambda p: -(p.op.time_ns or 0))),
        re_reads=tuple(sorted(_re_reads(case), key=lambda r: -r.extra_read_bytes)),
        occupancy=tuple(sorted(_occupancy(case), key=lambda o: -(o.op.time_ns or 0))),
        launch_bound=tuple(sorted(short, key=lambda op: -(op.time_ns or 0))),
        fusions=tuple(sorted(_fusions(case), key=lambda f: -f.saved_bytes)),
    )


def _found(op: OpResult, kind: str) -> Finding | None:
    return next((f for f in op.findings if f.kind == kind), None)


def _padding(ops: Sequence[OpResult]) -> Iterator[Padding]:
    for op in ops:
        finding = _found(op, "tile-padding")
        if finding and (ratio := finding.values.get("ratio")) and ratio > PADDING_FROM:
            m, n = finding.values.get("tile_m"), finding.values.get("tile_n")
            yield Padding(op, ratio, f"{m}x{n}" if m and n else None)


def _re_reads(case: CaseOps) -> Iterator[ReRead]:
    for op in case.layer:
        finding = _found(op, "re-reads")
        if finding and (extra := finding.values.get("extra_read_bytes")):
            gpu = gpu_of(case.source, op)
            time = extra / gpu.dram_bytes_per_s * 1e9 if gpu and gpu.dram_bytes_per_s else None
            yield ReRead(op, extra, time)


def _occupancy(case: CaseOps) -> Iterator[Occupancy]:
    """Low occupancy is what the analysis found to be low: one threshold for both."""
    few_warps = {(f.report, f.launch_id) for f in case.source.findings if f.kind == "low-occupancy"}
    columns = ("report", "launch_id", "duration_ns", "kernel_name", "waves_per_sm", "achieved_occupancy",
               "theoretical_occupancy")  # fmt: skip
    launches = {(row[0], row[1]): row[1:] for row in case.source.kernels.select(columns).iter_rows()}
    for op in case.layer:
        own = [launches[op.report, k] for k in op.kernels if (op.report, k) in launches]
        if op.measured_on.bound != "latency" or not own:
            continue
        launch, _, name, waves, achieved, theoretical = max(own, key=lambda row: row[1] or 0)
        if (op.report, launch) in few_warps or (waves is not None and waves < 1):
            yield Occupancy(op, name or "", waves, achieved, theoretical)


def _fusions(case: CaseOps) -> Iterator[Fusion]:
    """With several implementations of an op the first stands for it: the bytes are its formula's."""
    by_name: dict[str, OpResult] = {}
    for op in case.layer:
        by_name.setdefault(op.op, op)
    for pair in _PAIRS:
        first, second = by_name.get(pair.first), by_name.get(pair.second)
        if first and second and second.formula:
            size = _intermediate_bytes(pair, second)
            if size:
                yield Fusion(first, second, size if pair.kept else 2 * size, pair.kept, second.time_ns)


def _intermediate_bytes(pair: _Pair, second: OpResult) -> float | None:
    """Bytes of the term; None for a formula or shape that this version does not know."""
    assert second.formula is not None
    try:
        return evaluate(second.formula.name, second.formula.shape).reads.get(pair.term)
    except ShapeError:
        return None
