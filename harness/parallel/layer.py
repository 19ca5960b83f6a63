"""The parts of the layer that several GPUs share, cut as the formulas cut them, with the collectives between them.

Every process draws the whole layer from one seed, computes its part of it, and has the whole result in float32 to
compare with. Sizes are the model's or smaller ones; what goes over the link is what the profiled layer sends.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from roofprof.harness.inputs.routing import Place, exchanged_rows
from roofprof.harness.inputs.team import Team
from roofprof.harness.inputs.tensors import Dtype, Tensor


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the whole layer; tokens are those of one TP group."""

    tokens: int = 64
    hidden: int = 7168
    attention: int = 16384
    """Columns of o_proj's input."""
    inter: int = 2048
    experts: int = 32
    per_token: int = 8


@dataclass(frozen=True, slots=True)
class Whole:
    """Weights and inputs of the whole layer, the same in every process."""

    x: Tensor
    """[groups x tokens, hidden], the groups one after the other."""
    attended: Tensor
    """[groups x tokens, attention]."""
    o_proj: Tensor
    """[hidden, attention]."""
    shared: tuple[Tensor, Tensor]
    """[2 inter, hidden] and [hidden, inter]."""
    experts: tuple[Tensor, Tensor]
    """[experts, 2 inter, hidden] and [experts, hidden, inter]."""
    chosen: Tensor
    """[groups x tokens, per_token] of the experts."""
    weights: Tensor
    """The same shape, sum 1."""


def draw(sizes: Sizes, groups: int, device: str, dtype: Dtype, seed: int) -> Whole:
    """Normal numbers, weights of deviation k^-0.5, and a routing in which no expert is chosen twice by a token."""
    import torch

    torch.manual_seed(seed)
    rows = groups * sizes.tokens

    def normal(*shape: int, scale: float = 1.0) -> Tensor:
        return torch.randn(*shape, device=device, dtype=dtype).mul_(scale)

    def mlp(*count: int) -> tuple[Tensor, Tensor]:
        d, i = sizes.hidden, sizes.inter
        return normal(*count, 2 * i, d, scale=d**-0.5), normal(*count, d, i, scale=i**-0.5)

    weights = torch.rand(rows, sizes.per_token, device=device)
    return Whole(
        x=normal(rows, sizes.hidden),
        attended=normal(rows, sizes.attention),
        o_proj=normal(sizes.hidden, sizes.attention, scale=sizes.attention**-0.5),
        shared=mlp(),
        experts=mlp(sizes.experts),
        chosen=torch.rand(rows, sizes.experts, device=device).topk(sizes.per_token, -1)[1],
        weights=weights / weights.sum(-1, keepdim=True),
    )


def mlp(x: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
    """SwiGLU: [rows, hidden] through [2 width, hidden] and [hidden, width]."""
    from torch.nn.functional import silu

    gate, up = (x @ gate_up.t()).chunk(2, -1)
    return (silu(gate) * up) @ down.t()


def cut_mlp(weights: tuple[Tensor, Tensor], part: int, parts: int) -> tuple[Tensor, Tensor]:
    """One of `parts` equal cuts of an MLP's width, gate and up cut alike; experts in front are kept."""
    import torch

    gate_up, down = weights
    gate, up = gate_up.chunk(2, -2)
    return torch.cat([gate.chunk(parts, -2)[part], up.chunk(parts, -2)[part]], -2), down.chunk(parts, -1)[part]


@dataclass(frozen=True, slots=True)
class Shared:
    """One process's part of the layer."""

    whole: Whole
    sizes: Sizes
    team: Team
    ep: int

    @property
    def place(self) -> Place:
        """Where this process is."""
        return Place(self.ep, self.team.tp, self.team.rank)

    @property
    def group_rows(self) -> slice:
        """The tokens of this process's TP group."""
        first = self.team.rank // self.team.tp * self.sizes.tokens if self.ep > 1 else 0
        return slice(first, first + self.sizes.tokens)

    @property
    def member(self) -> int:
        """Place in the TP group."""
        return self.team.rank % self.team.tp

    def attention_out(self) -> Tensor:
        """o_proj cut along its input, then the sum: [tokens, hidden]."""
        x = self.whole.attended[self.group_rows].chunk(self.team.tp, -1)[self.member]
        out = x @ self.whole.o_proj.chunk(self.team.tp, -1)[self.member].t()
        return self._sum(out)

    def shared_mlp(self) -> Tensor:
        """The shared expert, or a dense MLP: its width cut, then the sum."""
        return self._sum(self._shared_part())

    def moe(self) -> Tensor:
        """Shared and routed experts: [tokens, hidden]."""
        out = self._shared_part()
        if self.ep == 1:
            x = self.whole.x[self.group_rows]
            experts = cut_mlp(self.whole.experts, self.member, self.team.tp)
            return self._sum(out + routed(x, experts, self.whole.chosen, self.whole.weights))
        own = self.place.tokens_of(self.team.rank, self.sizes.tokens)
        first = own.start - self.group_rows.start
        out[first : first + len(own)] += self._exchanged(own)
        return self._sum(out)

    def dispatched(self) -> tuple[Tensor, Tensor]:
        """The rows that arrive, and those that should, bit by bit."""
        received, _, _ = self._dispatch(self.place.tokens_of(self.team.rank, self.sizes.tokens))
        import torch

        wanted = [
            self.whole.x[source.start + token]
            for source in (self.place.tokens_of(rank, self.sizes.tokens) for rank in range(self.ep))
            for token, expert in self._sent_to(source, self.team.rank)
        ]
        return received, torch.stack(wanted) if wanted else received[:0]

    def _shared_part(self) -> Tensor:
        return mlp(self.whole.x[self.group_rows], *cut_mlp(self.whole.shared, self.member, self.team.tp))

    def _sum(self, x: Tensor) -> Tensor:
        if self.team.tp > 1:
            self.team.all_reduce(x)
        return x

    def _sent_to(self, source: range, destination: int) -> Iterator[tuple[int, int]]:
        """(token, expert) pairs that a process sends to another, in order."""
        local = self.sizes.experts // self.ep
        chosen = self.whole.chosen[source.start : source.stop]
        for token, expert in ((chosen // local) == destination).nonzero().tolist():
            yield token, int(chosen[token, expert])

    def _dispatch(self, own: range) -> tuple[Tensor, Tensor, tuple[tuple[int, ...], tuple[int, ...]]]:
        """Rows received, the order in which ours were sent, and how many went out to and came in from each."""
        chosen = self.whole.chosen[own.start : own.stop]
        owners = (chosen // (self.sizes.experts // self.ep)).reshape(-1)
        order = owners.argsort(stable=True)
        sent = self.whole.x[own.start : own.stop][order // self.sizes.per_token]
        table = exchanged_rows(self.whole.chosen, self.sizes.tokens, self.sizes.experts, self.place)
        rows_out, rows_in = table[self.team.rank], tuple(row[self.team.rank] for row in table)
        return self._exchange(sent, rows_in, rows_out), order, (rows_out, rows_in)

    def _exchange(self, sent: Tensor, rows_in: tuple[int, ...], rows_out: tuple[int, ...]) -> Tensor:
        import torch

        received = torch.empty(sum(rows_in), self.sizes.hidden, dtype=sent.dtype, device=sent.device)
        self.team.all_to_all(received.view(torch.uint8), sent.contiguous().view(torch.uint8), rows_in, rows_out)
        return received

    def _exchanged(self, own: range) -> Tensor:
        """The routed experts' part of this process's own tokens: out, through the experts there, and back."""
        import torch

        received, order, (rows_out, rows_in) = self._dispatch(own)
        local = self.sizes.experts // self.ep
        first = self.team.rank * local
        sources = (self.place.tokens_of(rank, self.sizes.tokens) for rank in range(self.ep))
        arrived = [expert - first for s in sources for _, expert in self._sent_to(s, self.team.rank)]
        ids = torch.tensor(arrived, device=received.device, dtype=torch.long)
        done = torch.empty_like(received)
        for expert in range(local):
            here = ids == expert
            gate_up, down = (w[first + expert] for w in self.whole.experts)
            done[here] = mlp(received[here], gate_up, down)
        back = self._exchange(done, rows_out, rows_in)
        rows = torch.empty_like(back)
        rows[order] = back
        weights = self.whole.weights[own.start : own.stop]
        return (
            (rows.view(len(own), self.sizes.per_token, rows.shape[-1]).float() * weights[..., None])
            .sum(1)
            .to(back.dtype)
        )


def routed(x: Tensor, experts: tuple[Tensor, Tensor], chosen: Tensor, weights: Tensor) -> Tensor:
    """The weighted sum over each token's experts, expert by expert: [rows, hidden]."""
    import torch

    out = torch.zeros(x.shape, device=x.device, dtype=torch.float32)
    for expert in range(experts[0].shape[0]):
        tokens, slots = (chosen == expert).nonzero(as_tuple=True)
        if tokens.numel():
            rows = mlp(x[tokens], experts[0][expert], experts[1][expert])
            out.index_add_(0, tokens, rows.float() * weights[tokens, slots, None])
    return out.to(x.dtype)


def references(shared: Shared) -> dict[str, Tensor]:
    """The whole results in float32, by one process alone: [tokens, hidden] of its group."""
    whole, rows = shared.whole, shared.group_rows
    x = whole.x[rows].float()
    dense = mlp(x, *(w.float() for w in whole.shared))
    experts = whole.experts[0].float(), whole.experts[1].float()
    return {
        "all_reduce_attn": whole.attended[rows].float() @ whole.o_proj.float().t(),
        "all_reduce_mlp": dense,
        "moe": dense + routed(x, experts, whole.chosen[rows], whole.weights[rows]),
    }
