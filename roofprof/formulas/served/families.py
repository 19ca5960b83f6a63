"""Models from their configs: one function a family, named by `model_type`.

Sources: configuration_*.py and modeling_*.py of transformers (which projections have biases, which layers are MoE).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from roofprof.errors import ReportError
from roofprof.formulas.dimensions import KV_LORA, NOPE, ROPE, V_HEAD
from roofprof.formulas.hf_config import HINT, HfConfig, Quantization
from roofprof.formulas.served.model import Gqa, LayerKind, Mla, Mlp, Moe, ServedModel, Span
from roofprof.formulas.served.quantization import described, linear_modules, recipe_of


class _Config:
    """A config with the name of its file, for errors."""

    def __init__(self, config: HfConfig, origin: str, family: str) -> None:
        self.hf, self.origin, self.family = config, origin, family

    def need(self, key: str) -> int:
        """A size that the family has."""
        value = getattr(self.hf, key)
        if not isinstance(value, int) or value == 0:
            raise ReportError(f"{self.origin} has no {key}", HINT)
        return value

    def wrong(self, what: str) -> ReportError:
        return ReportError(f"{self.origin}: {what}", HINT)


def model_of(config: HfConfig, name: str, origin: str, source: str = "") -> ServedModel:
    """The model of a config.

    Args:
        config: as read.
        name: the model's, for display.
        origin: the file's, for errors.
        source: where the sizes are from.

    Raises:
        ReportError: a family that has no formulas here, or a size that is missing or cannot be.
    """
    family = _family(config)
    if family is None and config.model_type is None and not config.architectures:
        hint = "give the config.json that lies beside the weights, not generation_config.json or another of its files"
        raise ReportError(f"{origin} is no model's config.json: it has neither model_type nor architectures", hint)
    if family is None:
        known = ", ".join(FAMILIES)
        raise ReportError(f"{origin} is of no architecture with formulas here: {config.read}", f"supported: {known}")
    architecture, build = FAMILIES[family]
    given = _Config(config, origin, family)
    attention, moe = build(given)
    layers = _layers(given, moe)
    recipe, unread = _recipe(config.quantization_config, attention, moe, layers)
    return ServedModel(
        name=name,
        architecture=(config.architectures or (architecture,))[0],
        hidden=given.need("hidden_size"),
        vocab=given.need("vocab_size"),
        tied=bool(config.tie_word_embeddings),
        attention=attention,
        dense_inter=config.intermediate_size or 0,
        moe=moe,
        layers=layers,
        window=config.sliding_window if any(kind.span == "sliding" for kind in layers) else None,
        mlp_bias=bool(config.mlp_bias) and family == "llama",
        draft_layers=config.num_nextn_predict_layers or 0,
        recipe=recipe,
        unread=unread,
        source=source or origin,
    )


def _family(config: HfConfig) -> str | None:
    """By `model_type`, else by the class, which more than one name may stand for."""
    if config.model_type in FAMILIES:
        return config.model_type
    return next((name for name, (of, _) in FAMILIES.items() if of in (config.architectures or ())), None)


def _gqa(c: _Config, qkv_bias: bool = False, o_bias: bool = False, qk_norm: bool = False, sinks: bool = False) -> Gqa:
    heads = c.need("num_attention_heads")
    kv_heads = c.hf.num_key_value_heads or heads
    width = c.hf.head_dim or c.need("hidden_size") // heads
    if not c.hf.head_dim and c.need("hidden_size") % heads:
        raise c.wrong(f"hidden_size {c.need('hidden_size')} is no multiple of {heads} heads, and there is no head_dim")
    if heads % kv_heads:
        raise c.wrong(f"num_attention_heads {heads} is no multiple of num_key_value_heads {kv_heads}")
    factor = c.hf.partial_rotary_factor or (c.hf.rope_parameters and c.hf.rope_parameters.partial_rotary_factor) or 1.0
    if not 0 < factor <= 1 or not width:
        raise c.wrong(f"partial_rotary_factor {factor:g} of a head {width} wide: expected a part of a head")
    return Gqa(heads, kv_heads, width, max(1, int(width * factor)), qk_norm, qkv_bias, o_bias, sinks)


def _mla(c: _Config) -> Mla:
    widths = {"kv_lora_rank": KV_LORA, "qk_nope_head_dim": NOPE, "qk_rope_head_dim": ROPE, "v_head_dim": V_HEAD}
    for key, width in widths.items():
        if c.need(key) != width:
            raise c.wrong(f"{key} is {c.need(key)}: the formulas of MLA are for {width}")
    return Mla(c.need("num_attention_heads"), c.hf.q_lora_rank, KV_LORA, NOPE, ROPE, V_HEAD)


def _moe(c: _Config, experts: str, inter: str, shared: int = 0, **more: bool) -> Moe:
    groups, kept = c.hf.n_group or 1, c.hf.topk_group or 1
    moe = Moe(c.need(experts), c.need("num_experts_per_tok"), c.need(inter), shared, groups, kept, **more)
    if moe.experts % groups or not kept <= groups:
        raise c.wrong(f"n_group {groups} and topk_group {kept} do not fit {moe.experts} experts")
    if moe.per_token > moe.experts:
        raise c.wrong(f"num_experts_per_tok {moe.per_token} is more than the {moe.experts} experts")
    return moe


def _deepseek(c: _Config) -> tuple[Mla, Moe | None]:
    if not c.hf.n_routed_experts:
        return _mla(c), None
    shared = (c.hf.n_shared_experts or 0) * c.need("moe_intermediate_size")
    biased = c.hf.topk_method in (None, "noaux_tc") if c.family != "deepseek_v2" else False
    return _mla(c), _moe(c, "n_routed_experts", "moe_intermediate_size", shared, biased=biased)


def _llama(c: _Config) -> tuple[Gqa, None]:
    bias = bool(c.hf.attention_bias)
    return _gqa(c, bias, bias), None


def _mistral(c: _Config) -> tuple[Gqa, None]:
    return _gqa(c), None


def _qwen2(c: _Config) -> tuple[Gqa, None]:
    return _gqa(c, qkv_bias=True), None


def _qwen2_moe(c: _Config) -> tuple[Gqa, Moe]:
    shared = c.hf.shared_expert_intermediate_size or 0
    return _gqa(c, qkv_bias=True), _moe(c, "num_experts", "moe_intermediate_size", shared, shared_gate=shared > 0)


def _qwen3(c: _Config) -> tuple[Gqa, None]:
    bias = bool(c.hf.attention_bias)
    return _gqa(c, bias, bias, qk_norm=True), None


def _qwen3_moe(c: _Config) -> tuple[Gqa, Moe]:
    return _qwen3(c)[0], _moe(c, "num_experts", "moe_intermediate_size")


def _mixtral(c: _Config) -> tuple[Gqa, Moe]:
    return _gqa(c), _moe(c, "num_local_experts", "intermediate_size")


def _gpt_oss(c: _Config) -> tuple[Gqa, Moe]:
    bias = c.hf.attention_bias is not False
    return _gqa(c, bias, bias, sinks=True), _moe(c, "num_local_experts", "intermediate_size", linear_bias=True)


def _glm4_moe(c: _Config) -> tuple[Gqa, Moe]:
    shared = (c.hf.n_shared_experts or 0) * c.need("moe_intermediate_size")
    attention = _gqa(c, qkv_bias=bool(c.hf.attention_bias), qk_norm=bool(c.hf.use_qk_norm))
    return attention, _moe(c, "n_routed_experts", "moe_intermediate_size", shared, biased=True)


FAMILIES: Mapping[str, tuple[str, Callable[[_Config], tuple[Gqa | Mla, Moe | None]]]] = {
    "deepseek_v2": ("DeepseekV2ForCausalLM", _deepseek),
    "deepseek_v3": ("DeepseekV3ForCausalLM", _deepseek),
    "kimi_k2": ("DeepseekV3ForCausalLM", _deepseek),
    "llama": ("LlamaForCausalLM", _llama),
    "mistral": ("MistralForCausalLM", _mistral),
    "qwen2": ("Qwen2ForCausalLM", _qwen2),
    "qwen2_moe": ("Qwen2MoeForCausalLM", _qwen2_moe),
    "qwen3": ("Qwen3ForCausalLM", _qwen3),
    "qwen3_moe": ("Qwen3MoeForCausalLM", _qwen3_moe),
    "mixtral": ("MixtralForCausalLM", _mixtral),
    "gpt_oss": ("GptOssForCausalLM", _gpt_oss),
    "glm4_moe": ("Glm4MoeForCausalLM", _glm4_moe),
}
"""By `model_type`: the class that it stands for, and what builds attention and experts."""


def _layers(c: _Config, moe: Moe | None) -> tuple[LayerKind, ...]:
    count = c.need("num_hidden_layers")
    spans = _spans(c, count)
    said = _by_layer(c, "mlp_layer_types", _MLPS, count) if moe else None
    sparse = [kind == "moe" for kind in said] if said else [moe is not None and _is_moe(c.hf, i) for i in range(count)]
    layers = tuple(LayerKind("moe" if sparse[i] else "dense", spans[i]) for i in range(count))
    if any(kind.mlp == "dense" for kind in layers):
        c.need("intermediate_size")
    return layers


def _is_moe(hf: HfConfig, layer: int) -> bool:
    """DeepSeek and GLM begin with dense layers, Qwen may have some between; Mixtral and gpt-oss have none."""
    if layer < (hf.first_k_dense_replace or 0) or layer in (hf.mlp_only_layers or ()):
        return False
    return layer % (hf.moe_layer_freq or 1) == 0 and (layer + 1) % (hf.decoder_sparse_step or 1) == 0


_SPANS: Mapping[str, Span] = {"full_attention": "full", "sliding_attention": "sliding"}
_MLPS: Mapping[str, Mlp] = {"dense": "dense", "sparse": "moe"}
_Kind = TypeVar("_Kind", Span, Mlp)


def _by_layer(c: _Config, key: str, known: Mapping[str, _Kind], count: int) -> list[_Kind] | None:
    """What a list of the config says of each layer, None where it has none."""
    words: tuple[str, ...] | None = getattr(c.hf, key)
    if words is None:
        return None
    if unknown := sorted({word for word in words if word not in known}):
        raise c.wrong(f"{key} holds {', '.join(unknown)[:60]}: only {' and '.join(known)} have formulas")
    if len(words) != count:
        raise c.wrong(f"{key} has {len(words)} entries for {count} layers")
    return [known[word] for word in words]


def _spans(c: _Config, count: int) -> list[Span]:
    spans: list[Span]
    if said := _by_layer(c, "layer_types", _SPANS, count):
        spans = said
    elif c.family == "gpt_oss":
        spans = ["full" if i % 2 else "sliding" for i in range(count)]
    elif c.family in ("mistral", "mixtral"):
        spans = ["sliding" if c.hf.sliding_window else "full"] * count
    elif c.hf.use_sliding_window:
        first = c.hf.max_window_layers or 0
        spans = ["sliding" if c.hf.sliding_window and i >= first else "full" for i in range(count)]
    else:
        spans = ["full"] * count
    if "sliding" in spans:
        c.need("sliding_window")
    return spans


def _recipe(
    given: Quantization | None, attention: Gqa | Mla, moe: Moe | None, layers: Sequence[LayerKind]
) -> tuple[str, str | None]:
    """The recipe that a release is held in, and its method in words where none of ours is, and bf16 is assumed."""
    if given is None or given.quant_method is None:
        return "bf16", None
    recipe = recipe_of(given, linear_modules(attention, moe, layers))
    return (recipe, None) if recipe else ("bf16", described(given))
