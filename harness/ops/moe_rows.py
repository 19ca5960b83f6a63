"""Rows to experts and back: offsets and permutations, the gather, the weighted sum."""

from dataclasses import replace

from roofprof.formulas.layer import HIDDEN, TOP_K, OpSpec
from roofprof.formulas.range_names import Shape
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.op import Implementation, Needs, Op
from roofprof.harness.inputs.quantised import fp8_activation
from roofprof.harness.inputs.routing import ROUTED_SCALE
from roofprof.harness.inputs.sizes import multiple_of, size
from roofprof.harness.inputs.tensors import Kernel, Output, Tensor

ALIGN_BLOCK = 64


def _prepare(ctx: Context, spec: OpSpec) -> Call:
    import torch

    prepare, routing = find("sgl_kernel:prepare_moe_input"), ctx.routing
    experts, rows = size(spec, "x"), routing.counts.rows
    inter = ctx.case.expert_inter

    def ints(*shape: int) -> Tensor:
        return ctx.empty(*shape, dtype=torch.int32)

    offsets, up, down = ints(experts + 1), ints(experts, 3), ints(experts, 3)
    source_rows, sorted_rows = ints(rows), ints(rows)

    def run(step: int) -> None:
        prepare(routing.ids, offsets, up, down, source_rows, sorted_rows, experts, inter, HIDDEN)

    def error(_: Output) -> float:
        """Wrong entries. Within an expert the rows may come in any order."""
        counts = torch.tensor(routing.counts.rows_per_expert, device=ctx.device)
        tokens = torch.arange(rows, device=ctx.device) // routing.counts.per_token
        owners = torch.bucketize(sorted_rows, routing.offsets[1:].contiguous(), right=True)
        wrong = (offsets != routing.offsets).sum() + (up[:, 0] != counts).sum() + (down[:, 0] != counts).sum()
        wrong = wrong + (up[:, 1] != 2 * inter).sum() + (down[:, 1] != HIDDEN).sum()
        wrong = wrong + (source_rows[sorted_rows.long()] != tokens).sum() + (owners != routing.ids.view(-1)).sum()
        return float(wrong)

    return Call(run, tuple, 0.5, error=error)


def _align(ctx: Context, spec: OpSpec) -> Call:
    """`num_experts` is passed one larger than it is, or the kernel drops the last expert."""
    import torch

    align, ids = find("sgl_kernel:moe_align_block_size"), ctx.routing.ids
    experts, rows, block = size(spec, "x"), ctx.routing.counts.rows, ALIGN_BLOCK
    capacity = rows * block if rows < experts + 1 else rows + (experts + 1) * (block - 1)

    def ints(length: int) -> Tensor:
        return ctx.empty(length, dtype=torch.int32)

    row_list, owners, used, sums = ints(capacity), ints(-(-capacity // block)), ints(1), ints(experts + 2)

    def run(step: int) -> None:
        align(ids, experts + 1, block, row_list, owners, used, sums, True)

    def error(_: Output) -> float:
        """Rows in a block of another expert, and rows missing."""
        length = int(used)
        listed, owner = row_list[:length].long(), owners[: length // block].long().repeat_interleave(block)
        real = listed < rows
        misplaced = (owner[real] != ids.view(-1)[listed[real]].long()).sum()
        return float(misplaced) + abs(int(listed[real].unique().numel()) - rows)

    return Call(run, tuple, 0.5, error=error)


def _padded_rows(spec: OpSpec, counts: Counts) -> OpSpec:
    sizes = {"m": counts.tokens, "u": counts.blocks(ALIGN_BLOCK), "x": spec.shape["x"], "t": counts.per_token}
    return replace(spec, formula="moe_align", shape={**sizes, "g": ALIGN_BLOCK})


def _torch_sort(ctx: Context, spec: OpSpec) -> Call:
    import torch

    routing, experts = ctx.routing, size(spec, "x")

    def run(step: int) -> tuple[Tensor, ...]:
        flat = routing.ids.view(-1)
        order = flat.argsort(stable=True)
        sorted_rows = torch.empty_like(order).scatter_(0, order, torch.arange(order.numel(), device=ctx.device))
        bounds = torch.searchsorted(flat[order], torch.arange(experts + 1, device=ctx.device, dtype=flat.dtype))
        return bounds, order // routing.counts.per_token, sorted_rows

    return Call(
        run,
        lambda: (routing.offsets, routing.source_rows, routing.sorted_rows),
        1e-9,
        results=tuple,
    )


def _permute(ctx: Context, spec: OpSpec, gather: Kernel) -> Call:
    """`gather(x, source_rows, (rows, columns))`, for FP8 the values and then their scales."""
    import torch

    precision, source_rows = spec.shape["precision"], ctx.routing.source_rows
    x = ctx.normal(size(spec, "m"), size(spec, "k"))
    quantised = fp8_activation(x, column_major=False) if precision == "fp8" else None
    parts = (x,) if quantised is None else (quantised.values, quantised.scales)

    def run(step: int) -> tuple[Tensor, ...]:
        return tuple(gather(part, source_rows, (source_rows.shape[0], part.shape[1])) for part in parts)

    def reference() -> tuple[Tensor, ...]:
        return tuple(part.float()[source_rows.long()] for part in parts)

    return Call(run, reference, 1e-6, results=lambda output: tuple(part.to(torch.float32) for part in output))


def _sgl_permute(ctx: Context, spec: OpSpec) -> Call:
    shuffle = find("sgl_kernel:shuffle_rows")
    return _permute(ctx, spec, lambda x, source_rows, shape: shuffle(x, source_rows, shape))


def _torch_permute(ctx: Context, spec: OpSpec) -> Call:
    import torch

    def gather(x: Tensor, source_rows: Tensor, shape: tuple[int, int]) -> Output:
        plain = x.view(torch.uint8) if x.dtype == torch.float8_e4m3fn else x  # torch indexes no FP8
        return plain.index_select(0, source_rows).view(x.dtype)

    return _permute(ctx, spec, gather)


def _positions(ctx: Context) -> Tensor:
    """[8M] int32: the sorted row of each (token, expert) pair. With EP the rows came back in the exchange's order."""
    import torch

    if ctx.case.ep == 1:
        return ctx.routing.sorted_rows
    return torch.randperm((ctx.counts.own_tokens or ctx.tokens) * TOP_K, device=ctx.device).int()


def _combine(ctx: Context, spec: OpSpec, combine: Kernel) -> Call:
    """`combine(y [8m, d], out [m, d], positions [8m] int32, weights [m, 8] bf16)`."""
    m, d, t = size(spec, "m"), size(spec, "d"), size(spec, "t")
    y, out = ctx.normal(m * t, d), ctx.empty(m, d)
    positions, weights = _positions(ctx), ctx.routing.weights[:m].bfloat16().contiguous()

    def run(step: int) -> Tensor:
        combine(y, out, positions, weights)
        return out

    def reference() -> tuple[Tensor, ...]:
        rows = y[positions.long()].view(m, t, d).float()
        return ((rows * weights.float()[..., None]).sum(1),)

    return Call(run, reference, 2e-2)


def _sgl_combine(ctx: Context, spec: OpSpec) -> Call:
    combine = find("sgl_kernel:apply_shuffle_mul_sum")
    return _combine(ctx, spec, lambda y, out, positions, weights: combine(y, out, positions, weights))


def _torch_combine(ctx: Context, spec: OpSpec) -> Call:
    import torch

    def combine(y: Tensor, out: Tensor, positions: Tensor, weights: Tensor) -> None:
        rows = y.index_select(0, positions).view(*weights.shape, -1)
        torch.bmm(weights[:, None], rows, out=out[:, None])

    return _combine(ctx, spec, combine)


def _sum_reduce(ctx: Context, spec: OpSpec) -> Call:
    reduce = find("sgl_kernel:moe_sum_reduce")
    y = ctx.normal(size(spec, "m"), size(spec, "t"), size(spec, "d"))
    out = ctx.empty(size(spec, "m"), size(spec, "d"))

    def run(step: int) -> Tensor:
        reduce(y, out, ROUTED_SCALE)
        return out

    return Call(run, lambda: (y.float().sum(1) * ROUTED_SCALE,))


def _plain_sum(spec: OpSpec, counts: Counts) -> OpSpec:
    return replace(spec, formula="moe_sum")


def _counted_ids(spec: OpSpec, counts: Counts) -> Shape:
    return {"m": counts.tokens, "x": len(counts.rows_per_expert), "t": counts.per_token}


def _counted_rows(spec: OpSpec, counts: Counts) -> Shape:
    return {"m": counts.tokens, "r": counts.rows}


_BF16_FP8 = frozenset({"bf16", "fp8"})

OPS = (Op("moe_prepare", counted=_counted_ids), Op("moe_permute", counted=_counted_rows))

IMPLEMENTATIONS = (
    Implementation(
        "prepare_moe_input", ("moe_prepare",), _prepare, Needs(names=("sgl_kernel:prepare_moe_input",)),
    ),
    Implementation(
        "moe_align_block_size", ("moe_prepare",), _align, Needs(names=("sgl_kernel:moe_align_block_size",)),
        actual_spec=_padded_rows, note="the Triton runner's: rows padded to blocks of 64",
    ),
    Implementation("torch", ("moe_prepare",), _torch_sort, Needs(gpu=False)),
    Implementation(
        "shuffle_rows", ("moe_permute",), _sgl_permute,
        Needs(names=("sgl_kernel:shuffle_rows",), fits=lambda spec: multiple_of(512, "k", spec)),
        precisions=_BF16_FP8,
    ),
    Implementation("torch", ("moe_permute",), _torch_permute, Needs(gpu=False), precisions=_BF16_FP8),
    Implementation(
        "apply_shuffle_mul_sum", ("combine",), _sgl_combine, Needs(names=("sgl_kernel:apply_shuffle_mul_sum",)),
    ),
    Implementation(
        "moe_sum_reduce", ("combine",), _sum_reduce, Needs(names=("sgl_kernel:moe_sum_reduce",)),
        actual_spec=_plain_sum, note="rows already weighted and in token order",
    ),
    Implementation("torch", ("combine",), _torch_combine, Needs(gpu=False)),
)  # fmt: skip
