"""Recipes from the quantization_config of published checkpoints; what is not understood is said, never guessed."""

from typing import Any

import pytest

from roofprof.formulas.hf_config import config_of
from roofprof.formulas.models import evaluate
from roofprof.formulas.served.bundled import load_model
from roofprof.formulas.served.case import ServedCase
from roofprof.formulas.served.families import model_of
from roofprof.formulas.served.layer import served_ops
from roofprof.formulas.served.model import ServedModel
from roofprof.formulas.served.recipes import served_recipe

LLAMA = {"model_type": "llama", "hidden_size": 512, "num_hidden_layers": 4, "vocab_size": 100, "intermediate_size": 768,
         "num_attention_heads": 8}  # fmt: skip
DEEPSEEK = {
    **LLAMA, "model_type": "deepseek_v3", "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
    "v_head_dim": 128, "q_lora_rank": 256, "n_routed_experts": 16, "num_experts_per_tok": 2, "n_shared_experts": 1,
    "moe_intermediate_size": 256, "first_k_dense_replace": 1,
}  # fmt: skip
KIMI_K2_THINKING = ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", r"re:.*mlp\.(gate|up|gate_up|down)_proj.*"]
ROUTER = [f"model.layers.{i}.mlp.gate" for i in range(4)]


def attention(*names: str) -> list[str]:
    """Enumerated by layer, as ModelOpt writes them."""
    return ["lm_head", *(f"model.layers.{i}.self_attn.{name}" for i in range(4) for name in names)]


def groups(weights: tuple[int, str], inputs: tuple[int, str] | None, target: str = "Linear", **more: Any) -> dict:
    """`config_groups` of compressed-tensors, of one group."""
    numbers = {"num_bits": weights[0], "type": weights[1], **more}
    given = inputs and {"num_bits": inputs[0], "type": inputs[1], "dynamic": True}
    return {"group_0": {"targets": [target], "weights": numbers, "input_activations": given}}


def tensors(weights: tuple[int, str], inputs: tuple[int, str] | None, ignore: object = None, **more: Any) -> dict:
    return {
        "quant_method": "compressed-tensors", "config_groups": groups(weights, inputs, **more),
        "ignore": ignore or ["lm_head"],
    }  # fmt: skip


def modelopt(ignore: list[str], algorithm: str = "NVFP4") -> dict:
    return {"quant_method": "modelopt", "quant_algo": algorithm, "ignore": ignore}


def model(config: dict, held: dict) -> ServedModel:
    return model_of(config_of({**config, "quantization_config": held}, "c"), "x", "c")


@pytest.mark.parametrize(
    ("config", "held", "recipe"),
    [
        (LLAMA, tensors((4, "int"), None, group_size=64, strategy="group"), "w4a16-g64"),
        (LLAMA, tensors((4, "int"), None, strategy="channel"), "w4a16-channel"),
        (DEEPSEEK, tensors((4, "int"), None, KIMI_K2_THINKING, group_size=32), "w4a16-g32-experts"),
        (DEEPSEEK, tensors((4, "int"), None, [*ROUTER, "lm_head"], group_size=32), "w4a16-g32"),
        (DEEPSEEK, tensors((4, "int"), None, target=r"re:.*mlp\.experts.*", group_size=32), "w4a16-g32-experts"),
        (LLAMA, tensors((4, "int"), None, group_size=True), "w4a16"),
        (LLAMA, tensors((8, "float"), (8, "float"), strategy="channel"), "fp8"),
        (LLAMA, modelopt(["re:.*"]), "bf16"),
        (LLAMA, tensors((4, "float"), (4, "float"), group_size=16), "nvfp4"),
        (LLAMA, modelopt(["lm_head"]), "nvfp4"),
        (LLAMA, modelopt(["lm_head"], "FP8"), "fp8"),
        (DEEPSEEK, modelopt(attention("q_a_proj", "kv_a_proj_with_mqa", "q_b_proj", "kv_b_proj")), "nvfp4-v2"),
        (DEEPSEEK, modelopt(["lm_head", "model.layers.*.self_attn*"]), "nvfp4-mlp"),
        # The first and the last layer are often left as they were: the others say what a layer is.
        (LLAMA, {"quant_method": "fp8", "modules_to_not_convert": ["model.layers.0", "model.layers.3"]}, "fp8"),
        (DEEPSEEK, {"quant_method": "awq", "bits": 4, "modules_to_not_convert": ["gate", "lm_head"]}, "w4a16"),
    ],
)  # fmt: skip
def test_what_published_checkpoints_are_held_in(config: dict, held: dict, recipe: str) -> None:
    made = model(config, held)
    assert (made.recipe, made.unread) == (recipe, None)


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (tensors((8, "int"), (8, "int")), "compressed-tensors of int8 weights and int8 inputs"),
        (tensors((4, "float"), None, group_size=16), "compressed-tensors of float4 weights"),
        (tensors((4, "int"), (8, "int")), "compressed-tensors of int4 weights and int8 inputs"),
        ({"quant_method": "gptq", "bits": 8, "group_size": 128}, "gptq of 8 bits"),
        ({"quant_method": "fbgemm_fp8", "modules_to_not_convert": ["self_attn"]}, "fbgemm_fp8"),
        (modelopt([], "MIXED_PRECISION"), "modelopt MIXED_PRECISION"),
        ({"quant_method": "bitsandbytes"}, "bitsandbytes"),
        # One projection of several left out: no recipe of ours is so.
        (modelopt(["re:.*v_proj"]), "modelopt NVFP4"),
        # Expressions that could search for ever, and what is none.
        (modelopt(["re:(.*)*$"]), "modelopt NVFP4"),
        (modelopt(["re:" + ".?" * 90 + "!"]), "modelopt NVFP4"),
        (modelopt(["re:" + "(.|..)" * 30 + "!"]), "modelopt NVFP4"),
        (modelopt(["re:("]), "modelopt NVFP4"),
    ],
)  # fmt: skip
def test_what_no_recipe_fits_is_said(held: dict, words: str) -> None:
    made = model(LLAMA, held)
    assert (made.recipe, made.unread) == ("bf16", words)


def test_two_schemes_in_one_checkpoint_are_no_recipe() -> None:
    held = tensors((4, "int"), None, group_size=32)
    held["config_groups"]["group_1"] = groups((8, "float"), (8, "float"))["group_0"]
    made = model(LLAMA, held)
    assert made.recipe == "bf16"
    assert made.unread == "compressed-tensors of float8 weights and float8 inputs and int4 weights"


def test_a_scale_of_a_channel_is_one_a_row() -> None:
    """By hand, down of 4 layers: 512 rows of 768 at half a byte, 2 bytes of scale each; per 128 there are 6."""
    made = model(LLAMA, {"quant_method": "gptq", "bits": 4, "group_size": -1})
    for recipe, scales in (("w4a16-channel", 1), ("w4a16", 6)):
        ops = served_ops(ServedCase(made, made.main_kind, served_recipe(recipe), batch=1, seq_len=8))
        (down,) = [spec for spec in ops if spec.op == "dense_down"]
        assert down.work.reads["weight with scales"] == 512 * (768 / 2 + 2 * scales)


def test_int4_experts_alone_leave_the_rest_in_bf16() -> None:
    """Kimi-K2-Thinking: an expert's gate and up are 4096 x 7168 at 0.5625 byte, the shared one's 2 bytes."""
    kimi = load_model("kimi-k2")
    ops = served_ops(ServedCase(kimi, kimi.main_kind, served_recipe("w4a16-g32-experts"), batch=1, experts_hit=8))
    weights = {s.op: sum(v for k, v in s.work.reads.items() if k.startswith("weight")) for s in ops}
    assert weights["moe_gate_up"] == 8 * 4096 * 7168 * (0.5 + 2 / 32)
    assert weights["shared_gate_up"] == 4096 * 7168 * 2
    assert not [spec.op for spec in ops if spec.op.startswith("quant_")]


def test_the_first_nvfp4_checkpoint_has_a_bf16_o_proj() -> None:
    r1 = load_model("deepseek-r1")
    ops = {s.op: s for s in served_ops(ServedCase(r1, r1.main_kind, served_recipe("nvfp4-mlp"), batch=4))}
    assert ops["o_proj"].work == evaluate("gemm", {"m": 4, "n": 7168, "k": 16384})
    assert {ops[op].shape["precision"] for op in ("shared_down", "moe_down")} == {"fp4"}
