"""Where time could be saved that no single op's figures show: start-up of short kernels, and neighbours to fuse."""

from collections.abc import Iterator
from dataclasses import dataclass

from roofprof.document.cases import CaseOps, counted, sum_of
from roofprof.formulas.models import ShapeError, evaluate
from roofprof.results.op import OpResult

EFFICIENT = 0.7
"""The reference document's threshold: below 70 % of the attainable rate there is room."""
WORTH = 0.01
"""What saves less of the layer's time is not listed."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """Two ops of which the second reads what the first has just written."""

    first: OpResult
    second: OpResult
    saved_bytes: float
    """Of the intermediate, by formula: written and read, or read alone where another op needs it too."""
    kept: str | None
    """Other op that reads the intermediate, so that its write stays."""

    @property
    def launch_count(self) -> int:
        """Kernels that are launched no more."""
        return len(self.second.kernels)


@dataclass(frozen=True, slots=True)
class Opportunities:
    """One case."""

    case: CaseOps
    launch_bound: tuple[OpResult, ...]
    """Ops with that finding, longest first."""
    fusions: tuple[Fusion, ...]
    """In launch order of the second."""

    @property
    def projected_ns(self) -> tuple[float | None, float | None]:
        """Sum of the ops' spans under nsys, launched one by one and replayed as a CUDA graph."""
        eager, graph = (
            sum_of(counted(op, getattr(op, f"{kind}_projected_ns")) for op in self.case.layer).value
            for kind in ("nsys", "graph")
        )
        return eager, graph

    @property
    def launch_bound_ns(self) -> float | None:
        """Time of the launch-bound ops; None where one is unknown."""
        return sum_of(counted(op, op.time_ns) for op in self.launch_bound).value

    @property
    def launch_floor_ns(self) -> float | None:
        """What an empty kernel takes in a CUDA graph; None where it was never measured."""
        ceilings = self.case.source.ceilings
        return ceilings.launch_floor_ns.get("graph") if ceilings else None

    @property
    def fusion_launch_count(self) -> int:
        """Launches that fusing every pair saves; an op that is the second of two pairs counts once."""
        return sum({id(f.second): f.launch_count for f in self.fusions}.values())

    @property
    def fusion_ns(self) -> float | None:
        """What those launches take at least: the launch floor of each."""
        floor = self.launch_floor_ns
        return self.fusion_launch_count * floor if floor is not None and self.fusions else None

    def worth_telling(self, time_ns: float | None) -> bool:
        """Whether a time is at least a hundredth of the layer's."""
        whole = self.case.time_ns
        return time_ns is not None and whole is not None and time_ns >= WORTH * whole


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
    short = [op for op in case.layer if any(f.kind == "launch-bound" for f in op.findings)]
    return Opportunities(
        case=case,
        launch_bound=tuple(sorted(short, key=lambda op: -(op.time_ns or 0))),
        fusions=tuple(_fusions(case)),
    )


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
                yield Fusion(first, second, size if pair.kept else 2 * size, pair.kept)


def _intermediate_bytes(pair: _Pair, second: OpResult) -> float | None:
    """Bytes of the term; None for a formula or shape that this version does not know."""
    assert second.formula is not None
    try:
        return evaluate(second.formula.name, second.formula.shape).reads.get(pair.term)
    except ShapeError:
        return None
