"""`roofprof ops --model`: tables, JSON, errors."""

import json
from pathlib import Path

import pytest

from roofprof.cli import run


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = run([str(a) for a in arguments])
    out = capsys.readouterr()
    return code, out.out, out.err


def document(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    code, out, err = call(capsys, "ops", *arguments, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        ["--model", "list"],
        ["--model", "gpt-oss-120b", "--layer", "all", "--phase", "all"],
        ["--model", "qwen3-235b-a22b", "--tp", "8", "--kv-cache", "fp8", "--queries", "3"],
        ["--model", "llama-3.1-405b", "--recipe", "w4a16-g32", "--seq-len", "131072", "--batch", "256"],
        ["--model", "kimi-k2", "--phase", "prefill", "--prefix-len", "4096", "--ep", "16"],
        ["--queries", "2", "--kv-cache", "fp8"],
    ],
)
def test_tables_fit_100_columns(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, out, _ = call(capsys, "ops", *arguments)
    assert code == 0
    assert max(len(line) for line in out.splitlines()) <= 100
    assert "…" not in out


@pytest.mark.parametrize("width", [80, 93])
@pytest.mark.parametrize("model", ["list", "glm-4.5-air"])
def test_every_line_fits_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int, model: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = call(capsys, "ops", "--model", model, "--phase", "all", "--tp", "2")
    assert max(len(line) for line in out.splitlines()) <= width


def test_the_step_of_several_gpus_is_each_ones(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, "ops", "--model", "qwen3-8b", "--tp", "4")
    assert "36 dense layers and lm_head, on each GPU: " in " ".join(out.split())


def test_experts_of_a_model_that_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    for option, value in (("--experts-hit", "3"), ("--recipe", "mxfp4"), ("--recipe", "w4a16-g32-experts")):
        code, _, err = call(capsys, "ops", "--model", "qwen3-8b", option, value)
        assert (code, "qwen3-8b has no" in err or "qwen3-8b has none" in err) == (2, True)


def test_an_empty_name_is_no_model(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "ops", "--model", "")
    assert code == 2
    assert "error: no model ''" in err


def test_a_model_says_its_parameters_layers_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, "ops", "--model", "glm-4.5-air", "--recipe", "fp8")
    words = " ".join(out.split())
    assert "1 dense + 45 moe layers; 106.9 billion parameters by formula, 12.8 of one token" in words
    assert "layers that draft tokens (1) are in no count" in words
    assert "sizes: https://huggingface.co/zai-org/GLM-4.5-Air" in words
    assert "decode step of 64 tokens, 1 dense + 45 moe layers and lm_head" in words


def test_the_step_is_the_layers_and_lm_head(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "--model", "gpt-oss-20b", "--layer", "all", "--batch", "8,64")
    assert [(c["batch"], c["layer"]) for c in found["cases"]] == [
        (8, "moe-sliding"), (8, "moe"), (64, "moe-sliding"), (64, "moe"),
    ]  # fmt: skip
    assert [step["tokens"] for step in found["steps"]] == [8, 64]
    (head,) = {op["dram_bytes"] for op in found["ops"] if op["op"] == "lm_head" and op["batch"] == 8}
    totals = [total["dram_bytes"] for total in found["totals"][:2]]
    assert found["steps"][0]["dram_bytes"] == pytest.approx(12 * sum(totals) + head)
    assert found["model"]["layers"] == {"moe-sliding": 12, "moe": 12}
    assert found["model"]["parameter_count"] == 20_914_757_184


def test_the_release_decides_the_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    recipes = {name: document(capsys, "--model", name)["cases"][0]["recipe"] for name in ("kimi-k2", "qwen3-8b")}
    assert recipes == {"kimi-k2": "fp8", "qwen3-8b": "bf16"}
    assert document(capsys, "--queries", "2")["cases"][0]["recipe"] == "nvfp4-v2"


def test_an_unread_quantisation_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = {
        "model_type": "llama",
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "vocab_size": 100,
        "intermediate_size": 96,
        "num_attention_heads": 8,
        "quantization_config": {"quant_method": "modelopt"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    code, out, _ = call(capsys, "ops", "--model", tmp_path)
    assert code == 0
    assert "quantization_config modelopt names no recipe here" in out
    assert document(capsys, "--model", tmp_path)["model"]["unread_quantization"] == "modelopt"
    assert document(capsys, "--model", "kimi-k2")["model"]["unread_quantization"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--model", "gpt-4"], 2, "no model gpt-4"),
        (["--model", "qwen3-8b", "--layer", "moe"], 2, "qwen3-8b has no moe layer"),
        (["--model", "qwen3-8b", "--recipe", "fp3"], 2, "unknown recipe 'fp3'"),
        (["--model", "qwen3-8b", "--kv-cache", "int4"], 2, "unknown --kv-cache 'int4'"),
        (["--model", "qwen3-8b", "--queries", "0"], 2, "--queries 0 is out of range"),
        (["--model", "qwen3-8b", "--tp", "5"], 2, "--tp 5 does not divide 32 heads"),
        (["--model", "/dev/null"], 1, "cannot read /dev/null"),
    ],
)
def test_errors(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str) -> None:
    got, out, err = call(capsys, "ops", *arguments)
    assert (got, out) == (code, "")
    assert err.startswith("error: ")
    assert message in err
    assert "Traceback" not in err


def test_an_unknown_architecture_says_what_was_read_and_what_is_known(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"model_type": "mamba2", "architectures": ["Mamba2ForCausalLM"]}', encoding="utf-8")
    code, _, err = call(capsys, "ops", "--model", file)
    words = " ".join(err.split())
    assert code == 1
    assert "model_type 'mamba2', architectures Mamba2ForCausalLM" in words
    assert "hint: supported: deepseek_v2, deepseek_v3, kimi_k2, llama, mistral, qwen2" in words
