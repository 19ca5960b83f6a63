"""Which layer of which model, at what sizes, on which share of the machine."""

from dataclasses import dataclass
from typing import Literal

from roofprof.errors import UsageError
from roofprof.formulas.layer import Phase, expected_experts_hit
from roofprof.formulas.layer_case import check_groups, check_hit, check_sends, gpus_together, own_share
from roofprof.formulas.served.model import Gqa, LayerKind, Moe, ServedModel
from roofprof.formulas.served.recipes import ServedRecipe

KV_CACHES = ("bf16", "fp8")
_MAX = 1 << 22


@dataclass(frozen=True, slots=True)
class ServedCase:
    """One layer of a model. Sizes are this GPU's; TP and EP are cut as in `roofprof.formulas.layer`.

    With EP, e GPUs are e/t data-parallel groups of t: experts stay whole, and each GPU sends a t-th of its group's
    tokens to them.
    """

    model: ServedModel
    kind: LayerKind
    recipe: ServedRecipe
    phase: Phase = "decode"
    batch: int = 64
    """Sequences of one TP group."""
    seq_len: int = 4096
    """Decode: KV length, the new tokens counted. Prefill: new tokens per sequence."""
    prefix_len: int = 0
    """Prefill: cached tokens before the new ones."""
    queries: int = 1
    """Decode: new tokens of each sequence in a step, 1 and those drafted."""
    kv_cache: str = "bf16"
    tp: int = 1
    ep: int = 1
    experts_hit: int | None = None
    """Experts here with at least one row, counted; None takes the expectation under uniform routing."""

    all_reduce: str = "ring"
    """How sums are made over a TP group: a key of `ALL_REDUCES`."""
    dispatch: str = "rows"
    """What EP sends: a key of `DISPATCHES`."""

    @property
    def tokens(self) -> int:
        """Tokens in the step, M."""
        return self.batch * (self.queries if self.phase == "decode" else self.seq_len)

    @property
    def ranks(self) -> int:
        """GPUs that run the layer together."""
        return gpus_together(self.tp, self.ep)

    @property
    def layer(self) -> Literal["moe", "dense"]:
        """The layer's MLP."""
        return self.kind.mlp

    @property
    def moe(self) -> Moe:
        """The experts of a MoE layer."""
        assert self.model.moe is not None
        return self.model.moe

    @property
    def heads(self) -> int:
        """Query heads here."""
        return self.model.attention.heads // self.tp

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values here: more GPUs than heads hold copies."""
        assert isinstance(self.model.attention, Gqa)
        return max(1, self.model.attention.kv_heads // self.tp)

    @property
    def local_experts(self) -> int:
        """Experts held by this GPU."""
        return self.moe.experts // self.ep

    @property
    def own_tokens(self) -> float:
        """Tokens that this GPU sends to experts: with EP its share of the group's."""
        return own_share(self.tokens, self.tp, self.ep)

    @property
    def hit(self) -> float:
        """Experts hit: counted, or expected of the tokens of all groups."""
        if self.experts_hit is not None:
            return self.experts_hit
        moe, tokens = self.moe, self.tokens * max(1, self.ep // self.tp)
        return expected_experts_hit(tokens, moe.experts, moe.experts, moe.per_token) * (
            self.local_experts / moe.experts
        )

    def check(self) -> None:
        """Refuse sizes that the layer cannot be cut into, and kinds that the model has not.

        Raises:
            UsageError: names the option.
        """
        kinds = ", ".join(str(kind) for kind in self.model.kinds)
        if self.kind not in self.model.kinds:
            raise UsageError(f"{self.model.name} has no {self.kind} layer", f"use one of {kinds}")
        for name, value in (("batch", self.batch), ("sequence length", self.seq_len), ("--queries", self.queries)):
            if not 1 <= value <= _MAX:
                raise UsageError(f"{name} {value} is out of range", f"use a size from 1 to {_MAX}")
        if self.prefix_len < 0 or self.prefix_len > _MAX:
            raise UsageError(f"prefix length {self.prefix_len} is out of range", "it is prefill's, 0 or more")
        if self.phase == "decode" and self.queries > self.seq_len:
            raise UsageError(f"--queries {self.queries} is more than the KV length", "the length counts the new tokens")
        if self.kv_cache not in KV_CACHES:
            raise UsageError(f"unknown --kv-cache {self.kv_cache!r}", f"use one of {', '.join(KV_CACHES)}")
        self._check_parallel()
        if self.model.moe is None and self.recipe.of_experts:
            raise UsageError(f"--recipe {self.recipe.name} is of experts: {self.model.name} has none")
        if self.model.moe is None and self.experts_hit is not None:
            raise UsageError(f"--experts-hit {self.experts_hit}: {self.model.name} has no experts")
        if self.kind.mlp == "moe":
            check_hit(self.experts_hit, self.local_experts)

    def _check_parallel(self) -> None:
        check_sends(self.all_reduce, self.dispatch)
        attention = self.model.attention
        if self.tp < 1 or attention.heads % self.tp:
            raise UsageError(f"--tp {self.tp} does not divide {attention.heads} heads")
        if isinstance(attention, Gqa) and attention.kv_heads % self.tp and self.tp % attention.kv_heads:
            raise UsageError(f"--tp {self.tp} does not fit {attention.kv_heads} heads of keys and values")
        experts = self.model.moe.experts if self.model.moe else None
        if experts is None and self.ep != 1:
            raise UsageError(f"--ep {self.ep}: {self.model.name} has no experts")
        if experts is not None and (self.ep < 1 or experts % self.ep):
            raise UsageError(f"--ep {self.ep} does not divide {experts} experts")
        check_groups(self.tp, self.ep)
