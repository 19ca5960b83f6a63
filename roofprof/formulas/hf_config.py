"""The config.json of a Hugging Face model, as far as formulas need it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from roofprof.errors import ReportError
from roofprof.field_errors import FieldError
from roofprof.files import read_json
from roofprof.validate import Bounds, built

HINT = "docs/models.md lists what is read of a config.json"
_SIZE = Bounds(positive=True, maximum=1 << 31)
_Size = Annotated[int | None, _SIZE]
_Count = Annotated[int | None, Bounds(maximum=1 << 20)]


@dataclass(frozen=True, slots=True)
class Quantization:
    """`quantization_config`."""

    quant_method: str | None = None
    bits: Annotated[int | None, _SIZE] = None
    group_size: Annotated[int | None, Bounds(minimum=None)] = None
    quant_algo: object = None
    """ModelOpt's; this and what follows differs from tool to tool, and is read as far as it is understood."""
    config_groups: object = None
    ignore: object = None
    modules_to_not_convert: object = None


@dataclass(frozen=True, slots=True)
class RopeParameters:
    """`rope_parameters` of newer configs."""

    partial_rotary_factor: float | None = None


@dataclass(frozen=True, slots=True)
class HfConfig:
    """The keys that any of the supported families uses; what a config leaves out is None."""

    model_type: str | None = None
    architectures: tuple[str, ...] | None = None
    hidden_size: _Size = None
    num_hidden_layers: Annotated[int | None, Bounds(positive=True, maximum=4096)] = None
    vocab_size: _Size = None
    intermediate_size: _Size = None
    tie_word_embeddings: bool | None = None
    num_attention_heads: _Size = None
    num_key_value_heads: _Size = None
    head_dim: _Size = None
    partial_rotary_factor: float | None = None
    rope_parameters: RopeParameters | None = None
    attention_bias: bool | None = None
    mlp_bias: bool | None = None
    use_qk_norm: bool | None = None
    sliding_window: _Size = None
    use_sliding_window: bool | None = None
    max_window_layers: _Count = None
    layer_types: tuple[str, ...] | None = None
    q_lora_rank: _Size = None
    kv_lora_rank: _Size = None
    qk_nope_head_dim: _Size = None
    qk_rope_head_dim: _Size = None
    v_head_dim: _Size = None
    n_routed_experts: _Size = None
    n_shared_experts: _Count = None
    num_experts: _Count = None
    num_local_experts: _Count = None
    num_experts_per_tok: _Size = None
    moe_intermediate_size: _Size = None
    shared_expert_intermediate_size: _Count = None
    first_k_dense_replace: _Count = None
    moe_layer_freq: _Size = None
    decoder_sparse_step: _Size = None
    mlp_only_layers: tuple[int, ...] | None = None
    mlp_layer_types: tuple[str, ...] | None = None
    """What newer configs have for the four above: dense or sparse by layer."""
    n_group: _Count = None
    topk_group: _Count = None
    topk_method: str | None = None
    num_nextn_predict_layers: _Count = None
    quantization_config: Quantization | None = None

    @property
    def read(self) -> str:
        """What names the architecture, in words for errors."""
        architectures = ", ".join(self.architectures or ()) or "none"
        return f"model_type {self.model_type!r}, architectures {architectures}"


_OF_BOTH = ("quantization_config", "tie_word_embeddings")
"""What a model of text and pictures may say outside its `text_config`."""


def read_config(path: Path) -> HfConfig:
    """The config of a model's folder or of the file itself.

    Raises:
        ReportError: it cannot be read, is no JSON object, or a key holds what it cannot be.
    """
    file = path / "config.json" if os.path.isdir(path) else path
    return config_of(
        read_json(file, "give a model's config.json, its folder, or a name of: roofprof ops --model list"), str(file)
    )


def config_of(table: Mapping[str, object], origin: str) -> HfConfig:
    """Check what a config.json holds; of a model of text and pictures, its `text_config`.

    Raises:
        ReportError: a key holds what it cannot be; names it and `origin`.
    """
    inner = table.get("text_config")
    if isinstance(inner, dict) and "hidden_size" not in table:
        named = inner.get("model_type") or inner.get("architectures")
        outer = _OF_BOTH if named else (*_OF_BOTH, "model_type", "architectures")
        said = {key: value for key, value in inner.items() if value is not None}
        table = {**{key: table.get(key) for key in outer}, **said}
    try:
        return built(HfConfig, dict(table))
    except FieldError as error:
        raise ReportError(f"{origin}: {error}", HINT) from None
