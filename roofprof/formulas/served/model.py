"""What a decoder-only model is made of: the sizes that its config.json states, and nothing of its weights."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Mlp = Literal["dense", "moe"]
Span = Literal["full", "sliding"]


@dataclass(frozen=True, slots=True)
class Gqa:
    """Attention over heads of keys and values: MHA has as many as query heads."""

    heads: int
    kv_heads: int
    head_dim: int
    rotary_dim: int
    """Elements of a head that are rotated."""
    qk_norm: bool = False
    qkv_bias: bool = False
    o_bias: bool = False
    sinks: bool = False
    """A learned logit of each head beside the keys (gpt-oss)."""

    @property
    def qkv_width(self) -> int:
        """Width of the fused projection's output."""
        return (self.heads + 2 * self.kv_heads) * self.head_dim


@dataclass(frozen=True, slots=True)
class Mla:
    """Multi-head latent attention; the widths that its formulas have built in are checked when a config is read."""

    heads: int
    q_lora: int | None
    """None: queries are projected at once (DeepSeek-V2-Lite)."""
    kv_lora: int
    nope: int
    rope: int
    v_head: int


@dataclass(frozen=True, slots=True)
class Moe:
    """Routed experts, and those that every token goes through."""

    experts: int
    per_token: int
    inter: int
    """Width of one routed expert."""
    shared_inter: int = 0
    """Width of all shared experts together; 0 where there are none."""
    groups: int = 1
    """Groups of experts, of which a token's lie in `groups_kept`."""
    groups_kept: int = 1
    shared_gate: bool = False
    """A gate of one output before the shared expert's result (Qwen2-MoE)."""
    biased: bool = False
    """Routing adds a bias of each expert to its score (DeepSeek-V3's, which the grouped top-k reads)."""
    linear_bias: bool = False
    """Router and experts have biases (gpt-oss)."""


@dataclass(frozen=True, slots=True)
class LayerKind:
    """What one layer is."""

    mlp: Mlp
    span: Span = "full"

    def __str__(self) -> str:
        return self.mlp if self.span == "full" else f"{self.mlp}-{self.span}"


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model by its sizes."""

    name: str
    architecture: str
    """As config.json has it, for instance `Qwen3MoeForCausalLM`."""
    hidden: int
    vocab: int
    tied: bool
    """lm_head is the embedding's matrix."""
    attention: Gqa | Mla
    dense_inter: int
    moe: Moe | None
    layers: tuple[LayerKind, ...]
    """In their order, without the layers that draft tokens."""
    window: int | None = None
    """Keys that a token of a sliding layer sees, itself among them."""
    mlp_bias: bool = False
    draft_layers: int = 0
    """Layers for multi-token prediction, which are in no count and no step here."""
    recipe: str = "bf16"
    """The recipe that its quantization_config names."""
    unread: str | None = None
    """The method of a quantization_config that names no recipe here: bf16 is then an assumption."""
    source: str = ""
    """Where the sizes are from."""

    @property
    def kinds(self) -> Mapping[LayerKind, int]:
        """How many layers of each kind, in the order of their first."""
        return Counter(self.layers)

    @property
    def main_kind(self) -> LayerKind:
        """What is printed where no kind is asked for: the commonest with full attention, MoE where there is one."""
        return max(self.kinds, key=lambda kind: (kind.mlp == "moe", kind.span == "full", self.kinds[kind]))
