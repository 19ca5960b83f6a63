"""The 11 kernels of the reference document's placement table: which op each is, and what it needs to run.

Needs are those of the packages that ship them (sgl-kernel 0.3.21, sglang-kernel 0.4.2: docs/reports.md).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roofprof.document.cases import CaseOps, gpu_of
from roofprof.document.claims import DEFAULT_TOKENS
from roofprof.formulas.dimensions import EXPERTS, TOP_K
from roofprof.formulas.layer import RECIPES, LayerCase, OpSpec, Phase, layer_ops
from roofprof.hardware.devices import DeviceSpec
from roofprof.results.op import OpResult

DEFAULT_LENGTH = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentKernel:
    """One row of the reference document's table."""

    kernel: str
    op: str
    """The canonical name of the document's op."""
    recipe: str
    """The recipe whose precision the kernel works in."""
    precision: str | None = None
    """Of a measured op that counts as this kernel, `any` for every precision; None where `names` tell."""
    names: tuple[str, ...] = ()
    """Parts of an implementation's or a kernel's name that count as this kernel."""
    like: tuple[str, ...] = ()
    """Further ops of the layer that the row stands for."""
    phase: Phase | None = None
    """The only phase that it is part of."""
    capability: tuple[int, int] = (0, 0)
    """Minimum compute capability."""
    max_tokens: int | None = None


def _fp4(op: str, phase: Phase | None = None) -> DocumentKernel:
    return DocumentKernel(
        kernel="cutlass_scaled_fp4_mm", op=op, recipe="nvfp4", precision="fp4", phase=phase, capability=(10, 0)
    )


def _bmm(op: str) -> DocumentKernel:
    return DocumentKernel(kernel="bmm_fp8", op=op, recipe="nvfp4", precision="fp8", phase="decode", capability=(8, 9))


DOCUMENT_KERNELS = (
    _fp4("fused_qkv_a_proj"),
    _fp4("q_b_proj"),
    _fp4("kv_b_proj", phase="prefill"),
    _fp4("o_proj"),
    _bmm("q_nope_w_kc"),
    _bmm("attn_w_vc"),
    DocumentKernel(
        kernel="cutlass_mla_decode", op="attn_mqa", recipe="nvfp4", names=("cutlass_mla",), phase="decode",
        capability=(10, 0),
    ),
    DocumentKernel(
        kernel="dsv3_fused_a_gemm", op="fused_qkv_a_proj", recipe="bf16", names=("dsv3_fused_a", "fused_a_gemm"),
        capability=(9, 0), max_tokens=16,
    ),
    DocumentKernel(
        kernel="rmsnorm", op="q_a_layernorm", recipe="bf16", precision="any",
        like=("kv_a_layernorm", "input_layernorm", "post_attention_layernorm"),
    ),
    DocumentKernel(
        kernel="silu_and_mul", op="shared_silu_and_mul", recipe="bf16", precision="any",
        like=("moe_silu_and_mul", "dense_silu_and_mul"),
    ),
    DocumentKernel(
        kernel="topk_softmax", op="topk", recipe="bf16", names=("topk_softmax",), like=("topk_softmax",)
    ),
)  # fmt: skip


def ops_of(kernel: DocumentKernel, case: CaseOps) -> Iterator[tuple[OpResult, bool]]:
    """Measured ops of a case that the row is about, and whether each ran as the reference document's kernel."""
    for op in case.ops:
        if op.op in (kernel.op, *kernel.like):
            yield op, _is_kernel(kernel, case, op)


def formula_spec(kernel: DocumentKernel, case: CaseOps) -> OpSpec:
    """The document's kernel at the sizes of a case; at the document's own where the case does not say."""
    tokens = case.tokens or DEFAULT_TOKENS
    tokens = min(tokens, kernel.max_tokens or tokens)
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


def why_not(kernel: DocumentKernel, case: CaseOps, gpu: DeviceSpec) -> str:
    """Why the case has no measurement of the reference document's kernel."""
    have = _capability(case, gpu)
    need = ".".join(map(str, kernel.capability))
    if have and have < kernel.capability:
        which = " and has no FP4 tensor cores" if kernel.precision == "fp4" else ""
        return f"{gpu.name} cannot run it: it needs compute capability {need}, this is {have[0]}.{have[1]}{which}"
    if kernel.phase and case.phase and kernel.phase != case.phase:
        return f"not part of {case.phase}: {kernel.phase} runs it"
    if kernel.max_tokens and case.tokens and case.tokens > kernel.max_tokens:
        return f"takes at most {kernel.max_tokens} tokens, the case has {case.tokens}"
    return "not run in this capture"


def gpu_of_case(case: CaseOps) -> DeviceSpec:
    """The GPU of a case."""
    return (gpu_of(case.source, case.ops[0]) if case.ops else None) or case.source.gpu


def _is_kernel(kernel: DocumentKernel, case: CaseOps, op: OpResult) -> bool:
    if kernel.precision is None:
        name = f"{op.implementation or ''} {case.kernel_of(op)} {op.op}".lower()
        return any(part in name for part in kernel.names)
    precision = op.formula.shape.get("precision") if op.formula else None
    return kernel.precision in ("any", precision)


def _capability(case: CaseOps, gpu: DeviceSpec) -> tuple[int, int] | None:
    entry = next((r for r in case.source.reports if r["name"] == case.report), None)
    for device in (entry or {}).get("devices", {}).values():
        major, minor = device.get("compute_capability_major"), device.get("compute_capability_minor")
        if major is not None and minor is not None:
            return int(major), int(minor)
    words: Sequence[str] = (gpu.compute_capability or "").split(".")
    return (int(words[0]), int(words[1])) if len(words) == 2 and all(w.isdigit() for w in words) else None
