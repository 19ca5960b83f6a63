"""Draws the routing of a case: uniform over the experts, or skewed, with group limits as the model has them."""

from dataclasses import dataclass

from roofprof.errors import RoofprofError
from roofprof.formulas.layer import TOP_K
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.tensors import Tensor

GROUPS, GROUPS_KEPT, ROUTED_SCALE = 8, 4, 2.5
_BIAS_SPREAD = 0.05


@dataclass(frozen=True, slots=True)
class Routing:
    """Router outputs, the experts chosen and the rows sorted by expert. E: experts here, R: rows here."""

    logits: Tensor
    """[M, experts] fp32."""
    bias: Tensor
    """[experts] fp32, the correction bias of DeepSeek-V3."""
    chosen: Tensor
    """[M, 8] int32 over all experts."""
    weights: Tensor
    """[M, 8] fp32, sum 1."""
    ids: Tensor
    """[tokens, per_token] int32 over the experts here."""
    source_rows: Tensor
    """[R] int32: the token of each sorted row."""
    sorted_rows: Tensor
    """[R] int32: the sorted row of each (token, expert) pair."""
    offsets: Tensor
    """[E + 1] int32: where each expert's rows begin."""
    counts: Counts


@dataclass(frozen=True, slots=True)
class Place:
    """Which of the GPUs that share the experts this one is."""

    ep: int = 1
    tp: int = 1
    rank: int = 0

    def tokens_of(self, rank: int, tokens: int) -> range:
        """The tokens, of all groups one after the other, whose rows a GPU sends: an equal part of its group's."""
        group, member = divmod(rank, self.tp)
        share, rest = divmod(tokens, self.tp)
        first = group * tokens + member * share + min(member, rest)
        return range(first, first + share + (member < rest))


def draw_routing(tokens: int, experts: int, place: Place, skew: float, device: str) -> Routing:
    """Route the tokens of every group alike on every GPU, so that each knows what all send and receive.

    Args:
        tokens: of one group of `place.tp` GPUs.

    Raises:
        RoofprofError: a GPU would send or receive nothing.
    """
    import torch

    ep = place.ep
    groups = max(1, ep // place.tp)
    logits, bias = _logits(tokens * groups, experts, skew, device)
    chosen, weights = grouped_topk(logits, bias)
    local, first = experts // ep, place.rank * (experts // ep) if ep > 1 else 0
    here = chosen - first
    # Rows come in the order of their tokens, which is that of the GPUs that send them.
    ids = here if ep == 1 else here[(here >= 0) & (here < local)].view(-1, 1)
    if not ids.numel():
        raise RoofprofError("routing sends no row to this GPU's experts", "use a larger --batch or another --seed")
    flat = ids.reshape(-1).long()
    order = flat.argsort(stable=True)
    sorted_rows = torch.empty_like(order)
    sorted_rows[order] = torch.arange(order.numel(), device=device)
    rows = torch.bincount(flat, minlength=local)
    offsets = torch.cat([rows.new_zeros(1), rows.cumsum(0)])
    group = place.rank // place.tp if ep > 1 else 0
    own = slice(group * tokens, (group + 1) * tokens)
    exchange = exchanged_rows(chosen, tokens, experts, place) if ep > 1 else ()
    counts = Counts(
        experts, ids.shape[0], ids.shape[1], tuple(int(r) for r in rows.tolist()),
        len(place.tokens_of(place.rank, tokens)) if ep > 1 else tokens,
        exchange[place.rank] if exchange else (), tuple(row[place.rank] for row in exchange), place.rank,
    )  # fmt: skip
    return Routing(
        logits=logits[own].contiguous(),
        bias=bias,
        chosen=chosen[own].int().contiguous(),
        weights=weights[own].contiguous(),
        ids=ids.int().contiguous(),
        source_rows=(order // ids.shape[1]).int(),
        sorted_rows=sorted_rows.int(),
        offsets=offsets.int(),
        counts=counts,
    )


def exchanged_rows(chosen: Tensor, tokens: int, experts: int, place: Place) -> tuple[tuple[int, ...], ...]:
    """Rows that each GPU sends to each, [source][destination], from the experts chosen [groups x tokens, 8]."""
    import torch

    owners = chosen.long() // (experts // place.ep)
    return tuple(
        tuple(torch.bincount(owners[part.start : part.stop].reshape(-1), minlength=place.ep).tolist())
        for part in (place.tokens_of(rank, tokens) for rank in range(place.ep))
    )


def _logits(tokens: int, experts: int, skew: float, device: str) -> tuple[Tensor, Tensor]:
    """Logits and bias whose biased score is uniform over experts, or prefers the expert of rank r by r^-skew.

    A random bias alone would skew the choice, so biased scores are drawn and turned back into logits.
    """
    import torch

    bias = (torch.rand(experts, device=device) * 2 - 1) * _BIAS_SPREAD
    gumbel = -(-torch.rand(tokens, experts, device=device).clamp(1e-6, 1 - 1e-6).log()).log()
    ranks = torch.arange(1, experts + 1, device=device, dtype=torch.float32)[torch.randperm(experts, device=device)]
    choice = 0.2 + 0.6 * torch.sigmoid((gumbel - skew * ranks.log()) / 2)
    return torch.logit(choice - bias), bias


def grouped_topk(logits: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Top 8 of the best 4 of 8 groups by biased sigmoid score: ids and weights of sum 1, both [M, 8]."""
    import torch

    scores = logits.sigmoid()
    biased = (scores + bias).view(logits.shape[0], GROUPS, -1)
    group_scores = biased.topk(2, -1)[0].sum(-1)
    kept = torch.zeros_like(group_scores).scatter_(1, group_scores.topk(GROUPS_KEPT, -1)[1], 1).bool()
    ids = biased.masked_fill(~kept[..., None], float("-inf")).view(logits.shape).topk(TOP_K, -1)[1]
    weights = scores.gather(1, ids)
    return ids, weights / weights.sum(-1, keepdim=True)
