"""Parameters by sizes against what papers and model cards state."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from roofprof.formulas.hf_config import config_of
from roofprof.formulas.served.bundled import bundled_models, load_model
from roofprof.formulas.served.families import FAMILIES, model_of
from roofprof.formulas.served.parameters import Parameters, parameters

PUBLISHED = {  # total and active in billions as printed, and what the active ones are nearest to
    "deepseek-v3": ("671", "37", "head"),  # arXiv 2412.19437
    "deepseek-r1": ("671", "37", "head"),  # arXiv 2501.12948
    "deepseek-v2": ("236", "21", "head"),  # arXiv 2405.04434
    "kimi-k2": ("1040", "32", "head"),  # arXiv 2507.20534: 1.04 trillion; the card has 1T and 32B
    "qwen3-235b-a22b": ("235", "22", "embedding"),  # arXiv 2505.09388
    "qwen3-30b-a3b": ("30.5", "3.3", "embedding"),  # the card
    "qwen3-8b": ("8.2", None, ""),  # the card
    "llama-3.1-8b": ("8.03", None, ""),  # the hub's count of the checkpoint
    "llama-3.1-70b": ("70.6", None, ""),
    "llama-3.1-405b": ("405", None, ""),  # arXiv 2407.21783
    "mixtral-8x7b": ("46.7", "12.9", "embedding"),  # Mistral's announcement
    "gpt-oss-120b": ("116.8", "5.13", "head"),  # arXiv 2508.10925
    "gpt-oss-20b": ("20.9", "3.61", "head"),
    "glm-4.5": ("355", "32", "layers"),  # arXiv 2508.06471
    "glm-4.5-air": ("106", "12", "layers"),
}
WITHIN = {("kimi-k2", "total"): 0.014, ("qwen3-30b-a3b", "active"): 0.017}
"""Where it is not 1 %: Kimi-K2's sizes give 1.026 trillion, as the hub counts; 3.35 billion are printed as 3.3."""


def active(counts: Parameters, what: str) -> int:
    return {
        "layers": counts.active_in_layers, "head": counts.active, "embedding": counts.active_with_embedding
    }[what]  # fmt: skip


def is_near(count: int, published: str, within: float) -> bool:
    """Within a part of the figure, or what rounds to it as it is printed."""
    billions = Decimal(count) / 10**9
    return abs(billions / Decimal(published) - 1) <= Decimal(within) or round(
        billions, max(0, -int(Decimal(published).as_tuple().exponent))
    ) == Decimal(published)


def test_every_model_that_ships_has_a_published_count() -> None:
    assert set(PUBLISHED) == set(bundled_models())


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_are_those_published(name: str) -> None:
    counts = parameters(load_model(name))
    total, of_a_token, what = PUBLISHED[name]
    assert is_near(counts.total, total, WITHIN.get((name, "total"), 0.01)), counts
    if of_a_token is None:
        assert counts.active_with_embedding == counts.total
    else:
        assert is_near(active(counts, what), of_a_token, WITHIN.get((name, "active"), 0.01)), counts


def test_deepseek_v3_to_the_parameter() -> None:
    """671,026,419,200 are in the checkpoint without the layer that drafts and the scales of FP8."""
    assert parameters(load_model("deepseek-v3")).total == 671_026_419_200


def test_llama_to_the_parameter() -> None:
    assert parameters(load_model("llama-3.1-8b")).total == 8_030_261_248
    assert parameters(load_model("llama-3.1-70b")).total == 70_553_706_496


def test_mixtral_to_the_parameter() -> None:
    assert parameters(load_model("mixtral-8x7b")).total == 46_702_792_704


def test_mistral_to_the_parameter() -> None:
    config = {
        "architectures": ["MistralForCausalLM"], "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 32000,
        "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8, "sliding_window": 4096,
    }  # fmt: skip
    model = model_of(config_of(config, "c"), "mistral-7b", "c")
    assert parameters(model).total == 7_241_732_096
    assert [str(kind) for kind in model.kinds] == ["dense-sliding"]


def billions(count: int) -> str:
    return f"{count / 1e9:.2f}"


def documented() -> Iterator[str]:
    yield "| model | total | published | active | with the embedding | layers alone | published |"
    yield "|---|---|---|---|---|---|---|"
    for name, (total, active, _) in PUBLISHED.items():
        c = parameters(load_model(name))
        counts = (c.active, c.active_with_embedding, c.active_in_layers)
        own = " | ".join(map(billions, counts)) if active else " |  | "
        yield f"| {name} | {billions(c.total)} | {total} | {own} | {active or ''} |"


def test_the_page_has_the_counts_of_every_model(page_table: Callable[[str, str, list[str]], None]) -> None:
    page_table("models.md", "| model | total |", [*documented()])


def test_the_page_names_every_family(root: Path) -> None:
    text = (root / "docs/models.md").read_text(encoding="utf-8")
    assert all(f"`{family}`" in text for family in FAMILIES)
