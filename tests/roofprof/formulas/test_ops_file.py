"""Ops files: the bundled ones, and what is wrong with a bad one."""

import pytest

from roofprof.errors import RoofprofError, UsageError
from roofprof.formulas.ops_file import bundled_ops_files, load_ops_config, parse_ops_config


def test_bundled_files_load() -> None:
    assert bundled_ops_files() == ["h100-decode-b64-s4096", "sglang-vllm-layerwise"]
    assert len(load_ops_config("h100-decode-b64-s4096").rules) == 52


HOOK = (
    "{{'Module': 'top.model.layers.3.{module}', "
    "'TrainableParams': {{'weight': [24576, 1536]}}, 'Inputs': [[64, 1536]]}}"
)


@pytest.mark.parametrize(
    ("module", "op", "formula"),
    [
        ("self_attn.q_b_proj", "q_b_proj", "gemm"),
        ("self_attn.fused_qkv_a_proj_with_mqa", "fused_qkv_a_proj", "gemm"),
        ("self_attn.q_a_layernorm", "q_a_layernorm", "rmsnorm"),
        ("input_layernorm", "input_layernorm", "add_rmsnorm"),
        ("mlp.shared_experts.gate_up_proj", "shared_gate_up", "gemm"),
        ("mlp.gate_up_proj", "dense_gate_up", "gemm"),
        ("mlp.gate", "router_gemm", "gemm"),
        ("self_attn.attn_mqa", "attn_mqa", None),
        ("mlp.experts", "moe_experts", None),
    ],
)
def test_names_that_sglangs_and_vllms_hooks_emit(module: str, op: str, formula: str | None) -> None:
    match = load_ops_config("sglang-vllm-layerwise").match(HOOK.format(module=module))
    assert match is not None
    assert (match.op, match.formula) == (op, formula)
    if formula == "gemm":
        assert {k: match.shape[k] for k in "mnk"} == {"m": 64, "n": 24576, "k": 1536}


def test_the_first_rule_that_matches_wins() -> None:
    config = parse_ops_config({"op": [{"match": "a", "op": "x"}, {"match": ".", "op": "y"}]}, "f")
    assert [m.op if (m := config.match(name)) else None for name in ("a", "b", "")] == ["x", "y", None]


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"ops": []}, "unknown key 'ops'"),
        ({"case": {"batchsize": 1}}, "batchsize"),
        ({"op": [{"op": "x"}]}, "lacks match"),
        ({"op": [{"match": "("}]}, "lacks op"),
        ({"op": [{"match": "(", "op": "x"}]}, "no regular expression"),
        ({"op": [{"match": "x", "op": "x", "formula": "gem"}]}, "no formula is named 'gem'"),
        ({"op": [{"match": "x", "op": "x", "formula": "gemm"}]}, "lacks k, m, n"),
        (
            {"op": [{"match": "x", "op": "x", "formula": "rmsnorm", "shape": {"m": 1, "d": 1, "q": 1}}]},
            "does not take q",
        ),
        (
            {"op": [{"match": "x", "op": "x", "formula": "quant", "shape": {"m": 1, "k": 1, "precision": "fp9"}}]},
            "fp9",
        ),
    ],
)
def test_a_bad_file_says_where(table: dict, why: str) -> None:
    with pytest.raises(RoofprofError, match=why):
        parse_ops_config(table, "ops.toml")


def test_a_file_that_is_not_there_lists_the_bundled_ones() -> None:
    with pytest.raises(UsageError) as caught:
        load_ops_config("nowhere.toml")
    assert "sglang-vllm-layerwise" in (caught.value.hint or "")
