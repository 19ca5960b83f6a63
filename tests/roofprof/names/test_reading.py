"""Names that others write, read."""

import pytest
from real_names import BY_WRITER, EVERY, Real

from roofprof.formulas.models import check_shape
from roofprof.formulas.range_names import format_range_name
from roofprof.names.reading import read_name, read_path


@pytest.mark.parametrize("real", EVERY, ids=lambda real: real.name[:80])
def test_what_a_real_name_says(real: Real) -> None:
    path = read_path((real.name,))
    name = path.innermost
    assert (path.key, name.label, path.op) == ((real.key,), real.label, real.op or real.label)
    assert (name.layer, name.step, name.formula, name.shape) == (real.layer, real.step, real.formula, real.shape)


WRITERS = {
    "steps": {"tensorrt-llm", "sglang", "vllm"},
    # An annotation of the user's is whatever its name is.
    "emit_nvtx": {"emit_nvtx", "module path", "plain"},
}


@pytest.mark.parametrize("writer", BY_WRITER)
def test_each_name_is_its_writers(writer: str) -> None:
    assert {read_name(real.name).writer for real in BY_WRITER[writer]} == WRITERS.get(writer, {writer})


@pytest.mark.parametrize("real", EVERY, ids=lambda real: real.name[:80])
def test_a_shape_fits_its_formula_and_names_no_precision_of_its_own(real: Real) -> None:
    name = read_name(real.name)
    if name.formula:
        check_shape(name.formula, name.shape)
        assert "precision" not in name.shape or name.writer == "roofprof"
    else:
        assert not name.shape


def test_any_name_in_the_domain_of_nccl_is_nccls() -> None:
    assert read_name("something new", "NCCL").writer == "nccl"
    assert read_name("something new", "mine").writer == "plain"


def test_layers_may_be_kept_apart() -> None:
    each = read_path(("model.layers.3", "model.layers.3.self_attn.o_proj"), layers="each")
    assert each.key == ("model.layers.3", "model.layers.3.self_attn.o_proj")
    assert (each.layer, each.op, each.innermost.label) == (3, "o_proj", "layers.3.self_attn.o_proj")
    assert read_path(("layer 3 step 4",), layers="each").key == ("layer 3 step {}",)
    assert read_path(("layers.3.mlp.experts.17.w1",), layers="each").key == ("layers.3.mlp.experts.{}.w1",)


def hook(path: str, inputs: str) -> str:
    return f"{{'Module': '{path}', 'Inputs': {inputs}}}"


@pytest.mark.parametrize(
    ("path", "label", "op", "layer"),
    [
        ("LlamaForCausalLM.model.norm", "model.norm", "model.norm", None),
        ("LlamaForCausalLM.logits_processor", "logits_processor", "logits_processor", None),
        ("DeepseekV3ForCausalLM.model.embed_tokens", "model.embed_tokens", "embed_tokens", None),
        ("Qwen3MoeForCausalLM.model.layers.5.self_attn.o_proj", "self_attn.o_proj", "o_proj", 5),
        ("GPTModel.decoder.final_layernorm", "decoder.final_layernorm", "decoder.final_layernorm", None),
        ("LlamaForCausalLM", "LlamaForCausalLM", "LlamaForCausalLM", None),
        ("lm_head", "lm_head", "lm_head", None),
        ("Sampler.top_k", "Sampler.top_k", "Sampler.top_k", None),
    ],
)
def test_the_class_of_the_model_is_no_part_of_a_modules_label(
    path: str, label: str, op: str, layer: int | None
) -> None:
    """vLLM starts every path with it; what a profile calls `a.b` without a model or layer is no module."""
    found = read_path((hook(path, "[[8, 64]]"),))
    assert (found.innermost.label, found.op, found.layer) == (label, op, layer)
    assert path in found.key[0] or layer is not None
    assert (read_name(path).writer == "module path") == (label != path and "." in path)


def test_a_layer_that_gets_one_input_more_is_the_same_layer_around_its_modules() -> None:
    """SGLang's first layer has no residual yet: its modules are those of the other layers."""
    first, second = (
        (hook("model", "[[8], [8]]"), hook(f"model.layers.{n}", inputs), hook(f"model.layers.{n}.mlp", "[[8, 7168]]"))
        for n, inputs in ((0, "[[8], [8, 7168]]"), (1, "[[8], [8, 7168], [8, 7168]]"))
    )
    assert read_path(first).key == read_path(second).key
    assert read_path(first[:2]).key != read_path(second[:2]).key
    more_tokens = tuple(name.replace("[8", "[64") for name in first)
    assert read_path(more_tokens).key != read_path(first).key


def test_a_module_shared_by_all_layers_is_of_the_layer_that_called_it() -> None:
    shared = hook("model.layers.0.self_attn.rotary_emb", "[[8], [8, 128, 64], [8, 1, 64]]")
    assert read_path((hook("model.layers.7", "[[8]]"), shared)).layer == 7
    assert read_path((shared,)).layer == 0


def test_the_step_is_the_innermost_one() -> None:
    assert read_path(("epoch 1", "step 7", "q_proj")).step == 7


def test_an_empty_path_is_read() -> None:
    assert read_path(()).key == ()


def test_every_name_that_roofprof_writes_stands_as_it_did() -> None:
    shape: dict[str, int | float | str] = {"m": 64, "n": 128, "k": 256, "precision": "fp8", "output": "bf16"}
    text = format_range_name("moe_gate_up", "gemm", shape)
    path = read_path(("decode:case:b64:s4096", text))
    assert path.key == ("decode:case:b64:s4096", text)
    assert (path.op, path.innermost.formula, path.innermost.shape) == ("moe_gate_up", "gemm", shape)
