"""Modules of transformers by their paths, `model.layers.3.self_attn.o_proj`: which op, which layer, which formula.

Names: transformers' models (Llama, Mistral, Mixtral, Qwen2, Qwen3, their MoE, gpt-oss, DeepSeek, GPT-2, BERT,
T5), SGLang's and
vLLM's fused ones (qkv_proj, gate_up_proj, fused_qkv_a_proj_with_mqa), and Megatron Core's (linear_qkv, linear_fc1).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from roofprof.names.name import Layers
from roofprof.names.numbers import PLACE

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]{1,9}|\{\}))+")
_LONGEST = 512
_LAYERS = frozenset(
    ("layers", "layer", "h", "blocks", "block", "blk", "resblocks", "transformer_blocks", "encoder_layers",
     "decoder_layers")
)  # fmt: skip
"""Lists of layers; the number behind one is the layer's."""
_EXPERTS = frozenset(("experts", "local_experts"))
"""Lists of experts: one op, whichever ran."""
_ROOTS = frozenset(
    ("model", "transformer", "module", "top", "decoder", "encoder", "language_model", "text_model", "base_model",
     "backbone", "gpt_neox", "bert", "roberta", "visual", "vision_model", "vision_tower", "multi_modal_projector",
     "self_attn", "self_attention", "attn", "attention", "mlp", "block_sparse_moe", "feed_forward", "_orig_mod")
)  # fmt: skip
"""What a path without a layer starts with."""
_ROOT_CLASS = re.compile(r"[A-Z][A-Za-z0-9_]*(?:For[A-Z][A-Za-z0-9_]*|Model|LM)")
"""The model's own class, which vLLM starts every path with: `LlamaForCausalLM.model.norm`."""
_WRAPPERS = frozenset(("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"))
"""What torch.compile, FSDP and checkpointing put into a path; no module of the model's."""

MEGATRON = frozenset(
    ("self_attention", "core_attention", "linear_qkv", "linear_proj", "linear_fc1", "linear_fc2", "linear_q_proj",
     "linear_q_down_proj", "linear_q_up_proj", "linear_kv_down_proj", "linear_kv_up_proj", "pre_mlp_layernorm")
)  # fmt: skip
"""Modules that only Megatron Core names so."""

_OPS: Mapping[str, str] = {
    "fused_qkv_a_proj_with_mqa": "fused_qkv_a_proj", "rotary_emb": "rope", "mla_attn": "attn_mqa",
    "linear_qkv": "qkv_proj", "linear_proj": "o_proj", "linear_q_down_proj": "q_a_proj",
    "linear_q_up_proj": "q_b_proj", "linear_kv_up_proj": "kv_b_proj", "pre_mlp_layernorm": "post_attention_layernorm",
    "output_layer": "lm_head", "c_attn": "qkv_proj", "Wqkv": "qkv_proj", "query_key_value": "qkv_proj",
} | {
    name: name
    for name in (
        "input_layernorm", "post_attention_layernorm", "q_a_layernorm", "kv_a_layernorm", "q_norm", "k_norm",
        "fused_qkv_a_proj", "q_a_proj", "kv_a_proj_with_mqa", "q_b_proj", "kv_b_proj", "q_proj", "k_proj", "v_proj",
        "qkv_proj", "o_proj", "attn_mqa", "attn_mha", "lm_head", "embed_tokens",
    )
}  # fmt: skip
"""Last part of a path -> op."""
_MOE = ("mlp", "block_sparse_moe", "moe")
_IN_PARENT: Mapping[tuple[str, str], str] = {
    ("mlp", "gate_up_proj"): "dense_gate_up", ("mlp", "down_proj"): "dense_down", ("mlp", "linear_fc2"): "dense_down",
    ("shared_experts", "gate_up_proj"): "shared_gate_up", ("shared_experts", "down_proj"): "shared_down",
    ("shared_expert", "gate_up_proj"): "shared_gate_up", ("shared_expert", "down_proj"): "shared_down",
    ("shared_experts", "linear_fc2"): "shared_down",
} | {
    (parent, name): op
    for parent in _MOE
    for name, op in (("gate", "router_gemm"), ("router", "router_gemm"), ("topk", "topk"), ("experts", "moe_experts"))
}  # fmt: skip
"""Last two parts of a path -> op: the same projection is another op in another module."""

_NORM = re.compile(r"norm(?:_?[0-9])?$")
_PROJECTION = re.compile(r"proj(?:_with_mqa)?$")
_GEMMS = frozenset(
    ("lm_head", "output_layer", "linear_qkv", "linear_fc1", "linear_fc2", "gate", "router", "Wqkv", "query_key_value",
     "qkv", "fc1", "fc2", "c_attn", "c_fc", "wq", "wk", "wv", "wo", "w1", "w2", "w3", "dense_h_to_4h", "dense_4h_to_h")
)  # fmt: skip
"""Linear layers beside those whose names end in `proj`."""


@dataclass(frozen=True, slots=True)
class Module:
    """A module's path, read."""

    key: str
    """The path without the numbers of layers and experts."""
    label: str
    """What stands behind the layer, or the whole path."""
    layer: int | None
    op: str | None
    """The op, where the module is a known one."""
    leaf: str
    megatron: bool

    @property
    def is_norm(self) -> bool:
        """Whether it normalises rows."""
        return bool(_NORM.search(self.leaf))

    @property
    def is_linear(self) -> bool:
        """Whether it multiplies by one weight."""
        return self.leaf in _GEMMS or bool(_PROJECTION.search(self.leaf))


def read_module(path: str, layers: Layers = "folded") -> Module | None:
    """Read a module's path.

    Returns:
        None for what is none: a word alone, or a text that names neither a layer nor a model.
    """
    if len(path) > _LONGEST or "." not in path or not _PATH.fullmatch(path):
        return None
    parts = path.split(".")
    at = _layer_at(parts)
    if at is None and not _starts_a_path(parts[0]):
        return None
    return _module(parts, at, layers)


def _starts_a_path(part: str) -> bool:
    return part in _ROOTS or part in _EXPERTS or _ROOT_CLASS.fullmatch(part) is not None


def module_of(path: str, layers: Layers = "folded") -> Module:
    """The module of a path that is known to be one, such as `lm_head` alone."""
    parts = path.split(".")
    if len(path) > _LONGEST or (len(parts) > 1 and not _PATH.fullmatch(path)):
        return Module(path, path, None, None, path, False)
    return _module(parts, _layer_at(parts), layers)


def _module(parts: list[str], at: int | None, layers: Layers) -> Module:
    number = None if at is None or parts[at] == PLACE else int(parts[at])
    shown = list(parts)
    if at is not None and layers == "folded":
        shown[at] = PLACE
    for i in range(1, len(shown)):
        if shown[i].isdigit() and shown[i - 1] in _EXPERTS:
            shown[i] = PLACE
    names = [part for part in shown if part not in _WRAPPERS]
    return Module(
        key=".".join(shown),
        label=_label(shown, at),
        layer=number,
        op=_op(names),
        leaf=names[-1] if names else parts[-1],
        megatron=not MEGATRON.isdisjoint(parts),
    )


def _layer_at(parts: list[str]) -> int | None:
    """Where the layer's number stands: behind the first list of layers.

    T5 has `block.3.layer.1`, where the second is a part of the layer; Swin `layers.1.blocks.5`, where the first is a
    stage whose sizes differ from the next one's.
    """
    at = [i for i in range(1, len(parts)) if parts[i - 1] in _LAYERS and (parts[i] == PLACE or parts[i].isdigit())]
    if len(at) > 1 and parts[at[0] - 1] == "layers" and parts[at[1] - 1] == "blocks":
        return at[1]
    return at[0] if at else None


def _label(shown: list[str], at: int | None) -> str:
    start = 1 if len(shown) > 1 and _ROOT_CLASS.fullmatch(shown[0]) else 0
    if at is not None:
        start = at - 1 if at + 1 == len(shown) or shown[at] != PLACE else at + 1
    words = [part for part in shown[start:] if part not in _WRAPPERS]
    return ".".join(words or shown)


def _op(names: list[str]) -> str | None:
    if len(names) > 1 and (found := _IN_PARENT.get((names[-2], names[-1]))):
        return found
    if PLACE in names[-2:-1] and len(names) > 2 and names[-3] in _EXPERTS:
        return None
    return _OPS.get(names[-1]) if names else None
