"""A case: which DeepSeek-R1 layer, at what size and precision, on which share of the machine."""

from dataclasses import dataclass
from typing import Literal

from roofprof.errors import UsageError
from roofprof.formulas.dimensions import EXPERTS, HEADS, MOE_INTER, TOP_K

ALL_REDUCES = {
    "ring": "all_reduce",
    "tree": "all_reduce_tree",
    "nvls": "all_reduce_nvls",
    "one-shot": "all_reduce_one_shot",
}
"""Formulas of the sum over a TP group, by algorithm."""
DISPATCHES = {"rows": "all_to_all", "dedup": "all_to_all_dedup"}
"""Formulas of the exchange: a row for each (token, expert), or each token once to a GPU that has any of its experts."""


Phase = Literal["decode", "prefill"]
PHASES: tuple[Phase, ...] = ("decode", "prefill")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Precision of weights and inputs by group; router, norms, rope, lm_head and KV cache are always bf16."""

    name: str
    attention_in: str
    """fused_qkv_a_proj, q_b_proj, kv_b_proj."""
    o_proj: str
    experts: str
    """Routed and shared experts, and the dense MLP."""
    bmm: str
    """The absorbed products q_nope_w_kc and attn_w_vc."""
    note: str

    def of(self, op: str) -> str:
        """Precision of an op's inputs."""
        if op in ("fused_qkv_a_proj", "q_b_proj", "kv_b_proj"):
            return self.attention_in
        if op in ("q_nope_w_kc", "attn_w_vc"):
            return self.bmm
        if op == "o_proj":
            return self.o_proj
        return self.experts if op.endswith(("gate_up", "down")) else "bf16"


RECIPES = {
    r.name: r
    for r in (
        Recipe("nvfp4", "fp4", "fp4", "fp4", "fp8", "the reference document's table"),
        Recipe("nvfp4-v2", "bf16", "fp4", "fp4", "bf16", "the published NVFP4-v2 checkpoint"),
        Recipe("fp8", "fp8", "fp8", "fp8", "fp8", "DeepSeek's own release, 128x128 blocks"),
        Recipe("bf16", "bf16", "bf16", "bf16", "bf16", "all bf16"),
    )
}


def expected_experts_hit(tokens: float, local: int, total: int = EXPERTS, per_token: int = TOP_K) -> float:
    """Experts of one GPU that get at least one row: local (1 - (1 - per_token / total)^tokens).

    Exact in expectation for uniform routing.

    Args:
        tokens: of all data-parallel groups together, whose rows may come here.
    """
    missed: float = (1 - per_token / total) ** tokens
    return local * (1 - missed)


@dataclass(frozen=True, slots=True)
class LayerCase:
    """Which layer on which share of the machine. Sizes are this GPU's.

    TP and EP are cut as servers combine them. TP alone splits heads and every width, the experts' too. With EP, e GPUs
    are e/t data-parallel groups of t; experts stay whole, e-th parts of them on each GPU, and the GPUs of a group send
    a t-th part of its tokens each.
    """

    phase: Phase = "decode"
    batch: int = 64
    """Sequences of one TP group: decode adds one token to each, prefill `seq_len` new ones."""
    seq_len: int = 4096
    """Decode: KV length. Prefill: new tokens per sequence."""
    recipe: Recipe = RECIPES["nvfp4-v2"]
    layer: Literal["moe", "dense"] = "moe"
    tp: int = 1
    ep: int = 1
    prefix_len: int = 0
    """Prefill: cached tokens before the new ones."""
    experts_hit: int | None = None
    """Experts with at least one row, counted; None takes the expectation under uniform routing."""
    all_reduce: str = "ring"
    """How sums are made over a TP group: a key of `ALL_REDUCES`."""
    dispatch: str = "rows"
    """What EP sends: a key of `DISPATCHES`."""

    @property
    def tokens(self) -> int:
        """Tokens in the step of one TP group, M."""
        return self.batch if self.phase == "decode" else self.batch * self.seq_len

    @property
    def ranks(self) -> int:
        """GPUs that run the layer together."""
        return gpus_together(self.tp, self.ep)

    @property
    def groups(self) -> int:
        """Data-parallel groups of `tp` GPUs whose tokens share the experts."""
        return max(1, self.ep // self.tp)

    @property
    def own_tokens(self) -> float:
        """Tokens that this GPU sends to experts: with EP its share of the group's, a mean where they do not divide."""
        return own_share(self.tokens, self.tp, self.ep)

    @property
    def expert_inter(self) -> int:
        """Width of a routed expert here: EP leaves it whole."""
        return MOE_INTER if self.ep > 1 else MOE_INTER // self.tp

    @property
    def local_experts(self) -> int:
        """Experts held by this GPU."""
        return EXPERTS // self.ep

    @property
    def hit(self) -> float:
        """Experts hit: counted, or as `expected_experts_hit` has it."""
        if self.experts_hit is not None:
            return self.experts_hit
        return expected_experts_hit(self.tokens * self.groups, self.local_experts)

    def check(self) -> None:
        """Refuse sizes that the layer cannot be cut into.

        Raises:
            UsageError: a size is out of range or does not divide what it splits.
        """
        for name, value in (("batch", self.batch), ("sequence length", self.seq_len)):
            if not 1 <= value <= 1 << 22:
                raise UsageError(f"{name} {value} is out of range", "use a size from 1 to 4194304")
        if self.prefix_len < 0 or (self.prefix_len and self.phase == "decode"):
            raise UsageError(f"prefix length {self.prefix_len} is out of range", "it is prefill's, 0 or more")
        if self.tp < 1 or HEADS % self.tp:
            raise UsageError(f"--tp {self.tp} does not divide {HEADS} heads", "use 1, 2, 4, ... 128")
        if self.ep < 1 or EXPERTS % self.ep:
            raise UsageError(f"--ep {self.ep} does not divide {EXPERTS} experts", "use 1, 2, 4, ... 256")
        check_groups(self.tp, self.ep)
        check_sends(self.all_reduce, self.dispatch)
        check_hit(self.experts_hit, self.local_experts)


def check_groups(tp: int, ep: int) -> None:
    """Refuse GPUs that share experts and are no whole TP groups.

    Raises:
        UsageError: names the option.
    """
    if ep > 1 and ep % tp:
        hint = "the GPUs that share the experts are whole TP groups: --ep is a multiple of --tp"
        raise UsageError(f"--ep {ep} is no multiple of --tp {tp}", hint)


def check_sends(all_reduce: str, dispatch: str) -> None:
    """Refuse unknown keys of `ALL_REDUCES` and `DISPATCHES`.

    Raises:
        UsageError: names the option.
    """
    for flag, word, known in (("--all-reduce", all_reduce, ALL_REDUCES), ("--dispatch", dispatch, DISPATCHES)):
        if word not in known:
            raise UsageError(f"unknown {flag} {word!r}", f"use one of {', '.join(known)}")


def check_hit(experts_hit: int | None, local_experts: int) -> None:
    """Refuse more experts hit than a GPU holds.

    Raises:
        UsageError: names the option.
    """
    if experts_hit is not None and not 1 <= experts_hit <= local_experts:
        hint = f"use 1 to {local_experts}, the experts here"
        raise UsageError(f"--experts-hit {experts_hit} is out of range", hint)


def gpus_together(tp: int, ep: int) -> int:
    """GPUs that run a layer together: EP groups hold TP groups."""
    return ep if ep > 1 else tp


def own_share(tokens: int, tp: int, ep: int) -> float:
    """Tokens that a GPU sends to experts: all without EP, else its part of the TP group's, whole where it can be."""
    if ep == 1:
        return tokens
    return tokens / tp if tokens % tp else tokens // tp
