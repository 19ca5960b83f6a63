"""How many parameters a model has by its sizes, all together and those that one token goes through."""

from dataclasses import dataclass

from roofprof.formulas.served.model import Gqa, LayerKind, Mla, Moe, ServedModel


@dataclass(frozen=True, slots=True)
class Parameters:
    """Counts of a model. Published figures count the embedding among the active or do not: both are here."""

    total: int
    """Embedding and lm_head counted, once where they are tied; layers that draft tokens are not."""
    active: int
    """Layers with one token's experts, last norm and lm_head; not the embedding, of which a token reads one row."""
    embedding: int
    lm_head: int
    """As an operand; in `total` only where it is a matrix of its own."""

    @property
    def active_with_embedding(self) -> int:
        """As Qwen's and Mistral's cards count, and Kimi-K2's paper."""
        return self.active + self.embedding

    @property
    def active_in_layers(self) -> int:
        """Without embedding and lm_head, as GLM-4.5's report counts."""
        return self.active - self.lm_head


def parameters(model: ServedModel) -> Parameters:
    """Count a model's parameters."""
    matrix = model.vocab * model.hidden
    layers = [(_layer(model, kind, active=False), _layer(model, kind, active=True)) for kind in model.layers]
    once = matrix if model.tied else 2 * matrix
    return Parameters(
        total=sum(whole for whole, _ in layers) + once + model.hidden,
        active=sum(active for _, active in layers) + matrix + model.hidden,
        embedding=matrix,
        lm_head=matrix,
    )


def _layer(model: ServedModel, kind: LayerKind, active: bool) -> int:
    attention = model.attention
    count = _gqa(attention, model.hidden) if isinstance(attention, Gqa) else _mla(attention, model.hidden)
    count += 2 * model.hidden  # the two norms
    if kind.mlp == "moe" and model.moe is not None:
        return count + _moe(model.moe, model.hidden, active)
    return count + _mlp(model.hidden, model.dense_inter, model.mlp_bias)


def _gqa(a: Gqa, hidden: int) -> int:
    width = a.heads * a.head_dim
    count = hidden * a.qkv_width + width * hidden
    count += a.qkv_width * a.qkv_bias + hidden * a.o_bias
    return count + 2 * a.head_dim * a.qk_norm + a.heads * a.sinks


def _mla(a: Mla, hidden: int) -> int:
    queries = a.heads * (a.nope + a.rope)
    into = hidden * queries if a.q_lora is None else hidden * a.q_lora + a.q_lora + a.q_lora * queries
    latent = hidden * (a.kv_lora + a.rope) + a.kv_lora + a.kv_lora * a.heads * (a.nope + a.v_head)
    return into + latent + a.heads * a.v_head * hidden


def _mlp(hidden: int, inter: int, bias: bool) -> int:
    return 3 * hidden * inter + (2 * inter + hidden) * bias


def _moe(moe: Moe, hidden: int, active: bool) -> int:
    experts = moe.per_token if active else moe.experts
    router = hidden * moe.experts + moe.experts * (moe.biased or moe.linear_bias)
    shared = _mlp(hidden, moe.shared_inter, False) + hidden * moe.shared_gate if moe.shared_inter else 0
    return router + experts * _mlp(hidden, moe.inter, moe.linear_bias) + shared
