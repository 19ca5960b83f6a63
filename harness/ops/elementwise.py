"""SwiGLU's activation and the sum with the shared expert."""

from roofprof.formulas.layer import OpSpec
from roofprof.formulas.range_names import Shape
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.op import Implementation, Needs, Op
from roofprof.harness.inputs.sizes import size
from roofprof.harness.inputs.tensors import Kernel


def _silu_call(ctx: Context, spec: OpSpec, activate: Kernel) -> Call:
    """`activate(x [r, 2d])`: silu of the first half times the second."""
    from torch.nn.functional import silu

    d = size(spec, "d")
    x = ctx.normal(size(spec, "r"), 2 * d)
    return Call(lambda step: activate(x), lambda: (silu(x[:, :d].float()) * x[:, d:].float(),))


def _sgl_silu(ctx: Context, spec: OpSpec) -> Call:
    silu_and_mul = find("sgl_kernel:silu_and_mul")
    return _silu_call(ctx, spec, lambda x: silu_and_mul(x))


def _flashinfer_silu(ctx: Context, spec: OpSpec) -> Call:
    silu_and_mul = find("flashinfer:silu_and_mul")
    return _silu_call(ctx, spec, lambda x: silu_and_mul(x))


def _torch_silu(ctx: Context, spec: OpSpec) -> Call:
    silu, d = find("torch.nn.functional:silu"), size(spec, "d")
    return _silu_call(ctx, spec, lambda x: silu(x[:, :d]) * x[:, d:])


def _torch_add(ctx: Context, spec: OpSpec) -> Call:
    add = find("torch:add")
    a, b = (ctx.normal(size(spec, "m"), size(spec, "d")) for _ in range(2))
    return Call(lambda step: add(a, b), lambda: (a.float() + b.float(),))


def _counted(spec: OpSpec, counts: Counts) -> Shape:
    return {"r": counts.rows} if spec.op == "moe_silu_and_mul" else {}


OPS = (Op("silu_and_mul", counted=_counted),)

IMPLEMENTATIONS = (
    Implementation("sgl_silu_and_mul", ("silu_and_mul",), _sgl_silu, Needs(names=("sgl_kernel:silu_and_mul",))),
    Implementation(
        "flashinfer_silu_and_mul", ("silu_and_mul",), _flashinfer_silu, Needs(names=("flashinfer:silu_and_mul",)),
        jit=True,
    ),
    Implementation("torch", ("silu_and_mul",), _torch_silu, Needs(gpu=False)),
    Implementation("torch_add", ("add",), _torch_add, Needs(gpu=False)),
)  # fmt: skip
