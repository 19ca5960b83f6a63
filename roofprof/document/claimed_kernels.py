"""The eleven kernels of the seed document's placement table: which op each is, and what it needs to run.

Needs are those of the packages that ship them (sgl-kernel 0.3.21, sglang-kernel 0.4.2: docs/reports.md).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roofprof.document.cases import CaseOps, gpu_of, kernel_of
from roofprof.document.claims import DEFAULT_TOKENS
from roofprof.formulas.dimensions import EXPERTS, TOP_K
from roofprof.formulas.layer import RECIPES, LayerCase, OpSpec, Phase, layer_ops
from roofprof.hardware.devices import DeviceSpec
from roofprof.results.op import OpResult

DEFAULT_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class SeedKernel:
    """One row of the seed's table."""

    kernel: str
    op: str
    """Ours for the seed's op."""
    seed_op: str
    """As the seed writes it."""
    recipe: str
    """The recipe whose precision the kernel works in."""
    precision: str | None = None
    """Of a measured op that counts as this kernel; None where `names` tell."""
    names: tuple[str, ...] = ()
    """Parts of an implementation's or a kernel's name that count as this kernel."""
    like: tuple[str, ...] = ()
    """Further ops of the layer that the row stands for."""
    phase: Phase | None = None
    """The only phase that it is part of."""
    capability: tuple[int, int] = (0, 0)
    """Least compute capability."""
    most_tokens: int | None = None


SEED_KERNELS = (
    SeedKernel("cutlass_scaled_fp4_mm", "fused_qkv_a_proj", "fused_qkv_a_proj", "nvfp4", "fp4", capability=(10, 0)),
    SeedKernel("cutlass_scaled_fp4_mm", "q_b_proj", "q_b_proj", "nvfp4", "fp4", capability=(10, 0)),
    SeedKernel("cutlass_scaled_fp4_mm", "kv_b_proj", "kv_b_proj", "nvfp4", "fp4", (), (), "prefill", (10, 0)),
    SeedKernel("cutlass_scaled_fp4_mm", "o_proj", "o_proj", "nvfp4", "fp4", capability=(10, 0)),
    SeedKernel("bmm_fp8", "q_nope_w_kc", "q_nope * w_kc", "nvfp4", "fp8", (), (), "decode", (8, 9)),
    SeedKernel("bmm_fp8", "attn_w_vc", "attn * w_vc", "nvfp4", "fp8", (), (), "decode", (8, 9)),
    SeedKernel(
        "cutlass_mla_decode", "attn_mqa", "attn_mqa", "nvfp4", None, ("cutlass_mla",), (), "decode", (10, 0)
    ),
    SeedKernel(
        "dsv3_fused_a_gemm", "fused_qkv_a_proj", "fused_qkv_a_proj", "bf16", None,
        ("dsv3_fused_a", "fused_a_gemm"), (), None, (9, 0), 16,
    ),
    SeedKernel(
        "rmsnorm", "q_a_layernorm", "layernorm", "bf16", "",
        like=("kv_a_layernorm", "input_layernorm", "post_attention_layernorm"),
    ),
    SeedKernel(
        "silu_and_mul", "shared_silu_and_mul", "act_fn", "bf16", "",
        like=("moe_silu_and_mul", "dense_silu_and_mul"),
    ),
    SeedKernel("topk_softmax", "topk", "topk", "bf16", None, ("topk_softmax",), ("topk_softmax",)),
)  # fmt: skip


def ops_of(kernel: SeedKernel, case: CaseOps) -> Iterator[tuple[OpResult, bool]]:
    """Measured ops of a case that the row is about, and whether each ran as the seed's kernel."""
    for op in case.ops:
        if op.op in (kernel.op, *kernel.like):
            yield op, _is_kernel(kernel, case, op)


def formula_spec(kernel: SeedKernel, case: CaseOps) -> OpSpec:
    """The seed's kernel at the sizes of a case; at the seed's own where the case does not say."""
    tokens = case.tokens or DEFAULT_TOKENS
    tokens = min(tokens, kernel.most_tokens or tokens)
    if kernel.kernel == "topk_softmax":  # the layer itself routes by groups
        return OpSpec("topk_softmax", "topk_ungrouped", {"m": tokens, "x": EXPERTS, "t": TOP_K})
    phase = kernel.phase or case.phase or "decode"
    recipe = RECIPES[kernel.recipe]
    if phase == "prefill":
        batch, length = (case.batch or 1, case.seq_len or 1) if case.phase == "prefill" else (1, tokens)
        wanted = LayerCase("prefill", batch, length, recipe)
    else:
        batch = (case.batch or 1) if kernel.op == "attn_mqa" else tokens
        wanted = LayerCase("decode", batch, case.seq_len or DEFAULT_LENGTH, recipe)
    return next(spec for spec in layer_ops(wanted) if spec.op == kernel.op)


def why_not(kernel: SeedKernel, case: CaseOps, gpu: DeviceSpec) -> str:
    """Why the case has no measurement of the seed's kernel."""
    have = _capability(case, gpu)
    need = ".".join(map(str, kernel.capability))
    if have and have < kernel.capability:
        which = " and has no FP4 tensor cores" if kernel.precision == "fp4" else ""
        return f"{gpu.name} cannot run it: it needs compute capability {need}, this is {have[0]}.{have[1]}{which}"
    if kernel.phase and case.phase and kernel.phase != case.phase:
        return f"not part of {case.phase}: {kernel.phase} runs it"
    if kernel.most_tokens and case.tokens and case.tokens > kernel.most_tokens:
        return f"takes at most {kernel.most_tokens} tokens, the case has {case.tokens}"
    return "not run in this capture"


def measured_on(case: CaseOps) -> DeviceSpec:
    """The GPU of a case."""
    return (gpu_of(case.source, case.ops[0]) if case.ops else None) or case.source.gpu


def _is_kernel(kernel: SeedKernel, case: CaseOps, op: OpResult) -> bool:
    if kernel.precision is None:
        name = f"{op.implementation or ''} {kernel_of(case.source, op)} {op.op}".lower()
        return any(part in name for part in kernel.names)
    precision = op.formula.shape.get("precision") if op.formula else None
    return not kernel.precision or precision == kernel.precision


def _capability(case: CaseOps, gpu: DeviceSpec) -> tuple[int, int] | None:
    entry = next((r for r in case.source.reports if r["name"] == case.report), None)
    for device in (entry or {}).get("devices", {}).values():
        major, minor = device.get("compute_capability_major"), device.get("compute_capability_minor")
        if major is not None and minor is not None:
            return int(major), int(minor)
    words: Sequence[str] = (gpu.compute_capability or "").split(".")
    return (int(words[0]), int(words[1])) if len(words) == 2 and all(w.isdigit() for w in words) else None
