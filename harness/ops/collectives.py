"""Collectives through torch.distributed: sums over a TP group, and the exchange of rows with the owners of experts."""

from roofprof.formulas.layer import HIDDEN, TOP_K, OpSpec
from roofprof.formulas.models import activation_bytes
from roofprof.formulas.range_names import Shape
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.op import Implementation, Needs, Op
from roofprof.harness.inputs.sizes import size
from roofprof.harness.inputs.team import Team
from roofprof.harness.inputs.tensors import Output, Tensor


def _team(ctx: Context) -> Team:
    assert ctx.team is not None  # nothing chooses a collective for one process
    return ctx.team


def _all_reduce(ctx: Context, spec: OpSpec) -> Call:
    """The sum is made in place, as servers make it: later calls sum what earlier ones left."""
    team, m, d = _team(ctx), size(spec, "m"), size(spec, "d")

    def part(rank: int) -> Tensor:
        ctx.seed_for(f"{spec.op}:{rank}")
        return ctx.normal(m, d)

    x = part(team.rank)

    def run(step: int) -> Tensor:
        team.all_reduce(x)
        return x

    return Call(run, lambda: (sum((part(rank).float() for rank in team.tp_ranks), start=0 * x.float()),))


def _all_to_all(ctx: Context, spec: OpSpec) -> Call:
    """Rows as they go over the link, block scales included, in the order of their owners; packing is not part of it."""
    import torch

    team, counts = _team(ctx), ctx.counts
    width = int(activation_bytes(1, HIDDEN, str(spec.shape["precision"])))
    out, back = counts.sent, counts.received
    rows_out, rows_in = (back, out) if spec.op == "ep_combine" else (out, back)

    def rows(source: int, destination: int, count: int) -> Tensor:
        ctx.seed_for(f"{spec.op}:{source}:{destination}")
        return torch.randint(0, 256, (count, width), dtype=torch.uint8, device=ctx.device)

    sent = torch.cat([rows(team.rank, other, count) for other, count in enumerate(rows_out)])
    received = torch.empty(sum(rows_in), width, dtype=torch.uint8, device=ctx.device)

    def run(step: int) -> Tensor:
        team.all_to_all(received, sent, rows_in, rows_out)
        return received

    def error(output: Output) -> float:
        """Bytes that are not what was sent."""
        wanted = torch.cat([rows(other, team.rank, count) for other, count in enumerate(rows_in)])
        return float((output != wanted).sum())

    return Call(run, tuple, 0.5, error=error)


def _counted(spec: OpSpec, counts: Counts) -> Shape:
    if counts.own_tokens is None:
        return {}
    sizes: Shape = {"m": counts.own_tokens, "t": TOP_K}
    return {**sizes, "r": counts.remote(spec.op)} if counts.sent else sizes


def _counted_tokens(spec: OpSpec, counts: Counts) -> Shape:
    return {"m": counts.own_tokens} if spec.op.startswith("moe_") and counts.own_tokens is not None else {}


OPS = (Op("all_to_all", counted=_counted), Op("combine", counted=_counted_tokens), Op("add", counted=_counted_tokens))

IMPLEMENTATIONS = (
    Implementation("torch_all_reduce", ("all_reduce",), _all_reduce, Needs(gpu=False, ranks=True)),
    Implementation("torch_all_to_all", ("all_to_all",), _all_to_all, Needs(gpu=False, ranks=True)),
)
