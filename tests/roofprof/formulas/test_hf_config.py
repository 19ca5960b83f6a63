"""Models from config.json: the families, their defaults, and what is refused with which words."""

import contextlib
import json
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.errors import ReportError, RoofprofError, UsageError
from roofprof.formulas.hf_config import HfConfig, config_of
from roofprof.formulas.served.bundled import bundled_models, load_model
from roofprof.formulas.served.case import ServedCase
from roofprof.formulas.served.families import FAMILIES, model_of
from roofprof.formulas.served.model import Gqa, Mla, ServedModel
from roofprof.formulas.served.parameters import parameters
from roofprof.formulas.served.recipes import served_recipe
from roofprof.formulas.served.step import step_total
from roofprof.hardware.devices import load_gpu

SIZES = {"hidden_size": 64, "num_hidden_layers": 4, "vocab_size": 100, "intermediate_size": 96,
         "num_attention_heads": 8, "num_key_value_heads": 2}  # fmt: skip
EXPERTS = {"num_experts": 16, "num_experts_per_tok": 4, "moe_intermediate_size": 32}


def model(**config: object) -> ServedModel:
    return model_of(config_of({**SIZES, **config}, "config.json"), "x", "config.json")


def kinds(made: ServedModel) -> list[str]:
    return [str(kind) for kind in made.layers]


@pytest.mark.parametrize("name", bundled_models())
def test_every_model_that_ships_says_where_it_is_from(name: str) -> None:
    assert load_model(name).source.startswith("https://huggingface.co/")


def test_a_config_is_found_by_file_folder_and_name(tmp_path: Path) -> None:
    folder = tmp_path / "my-llama"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", **SIZES}), encoding="utf-8")
    assert load_model(str(folder)).name == load_model(str(folder / "config.json")).name == "my-llama"
    assert load_model("Qwen/Qwen3-8B") == load_model("qwen3-8b")


def test_heads_are_as_wide_as_the_hidden_size_allows_unless_said() -> None:
    plain, wide = model(model_type="llama").attention, model(model_type="qwen3", head_dim=128).attention
    assert isinstance(plain, Gqa)
    assert isinstance(wide, Gqa)
    assert (plain.head_dim, plain.kv_heads, plain.qk_norm) == (8, 2, False)
    assert (wide.head_dim, wide.qk_norm, wide.qkv_bias) == (128, True, False)
    many = model(model_type="llama", num_key_value_heads=None).attention
    assert isinstance(many, Gqa)
    assert many.kv_heads == 8


def test_qwen2_has_biases_before_attention_alone() -> None:
    """By hand: 4 layers of [64 x (64 + 2 * 16)] + 96 of bias, 64 x 64, 3 x 64 x 96, two norms; tied embeddings."""
    made = model(model_type="qwen2", tie_word_embeddings=True)
    layer = 64 * 96 + 96 + 64 * 64 + 3 * 64 * 96 + 2 * 64
    assert parameters(made).total == 4 * layer + 100 * 64 + 64


def test_layers_between_may_be_dense() -> None:
    made = model(model_type="qwen3_moe", **EXPERTS, mlp_only_layers=[1], decoder_sparse_step=1)
    assert kinds(made) == ["moe", "dense", "moe", "moe"]
    sparse = model(model_type="qwen2_moe", **EXPERTS, decoder_sparse_step=2, shared_expert_intermediate_size=40)
    assert kinds(sparse) == ["dense", "moe", "dense", "moe"]
    assert sparse.moe is not None
    assert (sparse.moe.shared_inter, sparse.moe.shared_gate) == (40, True)


def test_newer_configs_list_the_mlp_of_each_layer() -> None:
    config = {"model_type": "glm4_moe", "n_routed_experts": 16, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    listed = ["dense", "dense", "sparse", "dense"]
    assert kinds(model(**config, mlp_layer_types=listed)) == ["dense", "dense", "moe", "dense"]
    with pytest.raises(ReportError, match="mlp_layer_types holds linear: only dense and sparse have formulas"):
        model(**config, mlp_layer_types=["linear"] * 4)
    with pytest.raises(ReportError, match="mlp_layer_types has 1 entries for 4 layers"):
        model(**config, mlp_layer_types=["sparse"])
    assert kinds(model(model_type="llama", mlp_layer_types=["sparse"] * 4)) == ["dense"] * 4


def test_gpt_oss_alternates_where_it_does_not_say() -> None:
    config = {"model_type": "gpt_oss", "num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": 128}
    assert kinds(model(**config)) == ["moe-sliding", "moe"] * 2
    said = model(**config, layer_types=["full_attention"] * 3 + ["sliding_attention"])
    assert kinds(said) == ["moe"] * 3 + ["moe-sliding"]


def test_the_class_stands_for_a_model_type_that_is_missing_or_new() -> None:
    config = {"num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": 128}
    named = model(model_type="gpt_oss", **config)
    assert model(architectures=["GptOssForCausalLM"], **config) == named
    assert model(model_type="gpt_oss_next", architectures=["GptOssForCausalLM"], **config) == named


def test_windows_that_are_switched_off_are_none() -> None:
    off = model(model_type="qwen2", sliding_window=128, use_sliding_window=False, max_window_layers=2)
    on = model(model_type="qwen2", sliding_window=128, use_sliding_window=True, max_window_layers=2)
    assert (kinds(off), off.window) == (["dense"] * 4, None)
    assert (kinds(on), on.window) == (["dense", "dense", "dense-sliding", "dense-sliding"], 128)


def test_deepseek_without_a_query_rank_projects_queries_at_once() -> None:
    lite = model(
        model_type="deepseek_v2", kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128,
        n_routed_experts=16, num_experts_per_tok=2, moe_intermediate_size=32, n_shared_experts=2,
        first_k_dense_replace=1, q_lora_rank=None,
    )  # fmt: skip
    assert isinstance(lite.attention, Mla)
    assert lite.attention.q_lora is None
    assert lite.moe is not None
    assert (lite.moe.shared_inter, lite.moe.biased, kinds(lite)[:2]) == (64, False, ["dense", "moe"])


def test_the_text_model_of_a_model_of_pictures() -> None:
    outer = {"model_type": "kimi_k25", "text_config": {"model_type": "llama", **SIZES}}
    assert model_of(config_of(outer, "c"), "x", "c") == model_of(config_of(outer["text_config"], "c"), "x", "c")  # type: ignore[arg-type]


def test_a_text_model_without_a_name_has_the_outer_one() -> None:
    outer = {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"], "text_config": {}}
    with pytest.raises(ReportError, match="model_type 'gemma3', architectures Gemma3ForConditionalGeneration"):
        model_of(config_of(outer, "c"), "x", "c")
    said = {"tie_word_embeddings": True, "text_config": {"model_type": "llama", "quantization_config": None, **SIZES}}
    made = model_of(config_of({**said, "quantization_config": {"quant_method": "fp8"}}, "c"), "x", "c")
    assert (made.tied, made.recipe) == (True, "fp8")


@pytest.mark.parametrize(
    ("held", "recipe"),
    [
        (None, "bf16"), ({"quant_method": "fp8"}, "fp8"), ({"quant_method": "mxfp4"}, "bf16"),
        ({"quant_method": "awq", "bits": 4, "group_size": 64}, "w4a16-g64"),
        ({"quant_method": "gptq", "bits": 4, "group_size": -1}, "w4a16-channel"),
        ({"quant_method": "gptq", "bits": 8, "group_size": 128}, "bf16"),
    ],
)  # fmt: skip
def test_the_recipe_is_that_of_the_release(held: dict | None, recipe: str) -> None:
    assert model(model_type="llama", quantization_config=held).recipe == recipe


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (
            {"model_type": "mamba"},
            "c.json is of no architecture with formulas here: model_type 'mamba', architectures none",
        ),
        ({"architectures": ["Gemma3ForCausalLM"]}, "model_type None, architectures Gemma3ForCausalLM"),
        ({"model_type": "llama", "hidden_size": None}, "c.json has no hidden_size"),
        ({"model_type": "llama", "hidden_size": "64"}, "c.json: hidden_size = '64'"),
        ({"model_type": "llama", "hidden_size": 0}, "hidden_size = 0: expected a whole number from 1 to 2147483648"),
        ({"model_type": "llama", "max_window_layers": -1}, "= -1: expected a whole number from 0 to 1048576"),
        ({"model_type": "llama", "hidden_size": 68}, "hidden_size 68 is no multiple of 8 heads, and there is no head_"),
        ({"bos_token_id": 1}, "c.json is no model's config.json: it has neither model_type nor"),
        ({"model_type": "llama", "num_key_value_heads": 3}, "no multiple of num_key_value_heads 3"),
        ({"model_type": "qwen3_moe", **EXPERTS, "num_experts_per_tok": 17}, "more than the 16 experts"),
        ({"model_type": "llama", "layer_types": ["linear_attention"] * 4}, "layer_types holds linear_attention"),
        ({"model_type": "llama", "layer_types": ["full_attention"]}, "1 entries for 4 layers"),
        ({"model_type": "llama", "layer_types": ["sliding_attention"] * 4}, "has no sliding_window"),
        ({"model_type": "llama", "partial_rotary_factor": 2.0}, "partial_rotary_factor 2"),
        ({"model_type": "deepseek_v3", "kv_lora_rank": 256}, "kv_lora_rank is 256: the formulas of MLA are for 512"),
    ],
)
def test_what_is_refused(config: dict, why: str) -> None:
    with pytest.raises(ReportError) as caught:
        model_of(config_of({**SIZES, **config}, "c.json"), "x", "c.json")
    assert why in caught.value.message
    if "architecture" in why:
        assert "supported: deepseek_v2" in (caught.value.hint or "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = [field.name for field in fields(HfConfig)]


@given(
    family=st.sampled_from(sorted(FAMILIES)),
    known=st.dictionaries(st.sampled_from(KEYS), st.integers(0, 4000), max_size=14),
    odd=st.dictionaries(st.sampled_from([*KEYS, "text_config", "other"]), JSON, max_size=2),
)
def test_any_config_makes_a_layer_or_an_error_for_users(family: str, known: dict, odd: dict) -> None:
    config = {**SIZES, **EXPERTS, "num_local_experts": 4, "model_type": family, **known, **odd}
    with contextlib.suppress(RoofprofError):  # anything else fails
        made = model_of(config_of(config, "c"), "x", "c")
        step_total(ServedCase(made, made.main_kind, served_recipe(made.recipe), batch=2, seq_len=64), load_gpu("h100"))
        parameters(made)


def test_names_that_are_none_list_those_that_are() -> None:
    with pytest.raises(UsageError, match="no model gpt-4") as caught:
        load_model("gpt-4")
    assert "qwen3-235b-a22b" in (caught.value.hint or "")


def test_a_folder_without_a_config_says_so(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"cannot read .*config\.json"):
        load_model(str(tmp_path))
