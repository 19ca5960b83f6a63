"""Which recipe a `quantization_config` comes to: the scheme of the weights, and the modules that are left out.

Sources: the configs of published checkpoints by AutoAWQ, GPTQModel, llm-compressor (compressed-tensors) and ModelOpt.
"""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from roofprof.formulas.hf_config import Quantization
from roofprof.formulas.served.model import Gqa, LayerKind, Mla, Moe

Modules = Mapping[str, Sequence[str]]
"""Names of a layer's linear modules by the recipe's groups: attention_in, o_proj, mlp, experts."""

_ATTENTION = frozenset({"attention_in", "o_proj"})
_QKV = ("q_proj", "k_proj", "v_proj")
_MLP = ("gate_proj", "up_proj", "down_proj")
_PATTERN_LENGTH, _PATTERN_CHOICES = 200, 5
"""Longer or wilder patterns than any published are not tried: a search could take forever."""
_NESTED = re.compile(r"[)\]}*+?][*+{]")


def recipe_of(given: Quantization, modules: Modules) -> str | None:
    """The name of the recipe, or None where none of ours is held so."""
    if given.quant_method == "mxfp4":
        return "mxfp4" if "experts" in modules else None
    if (scheme := _scheme(given)) is None or (held := _held(given, modules)) is None:
        return None
    return _named(scheme, held, frozenset(modules))


def described(given: Quantization) -> str:
    """The method with what tells its schemes apart, for the words that no recipe fits."""
    bits = f" of {given.bits} bits" if given.bits else ""
    algorithm = f" {given.quant_algo}" if isinstance(given.quant_algo, str) else ""
    schemes = sorted({words for group in _groups(given) if (words := _described_weights(group))})
    return f"{given.quant_method}{algorithm or bits}{' of ' + ' and '.join(schemes) if schemes else ''}"[:90]


def linear_modules(attention: Gqa | Mla, moe: Moe | None, layers: Sequence[LayerKind]) -> Modules:
    """Names as checkpoints have them, of a MoE and a dense layer near the middle: the ends are often left out."""
    middle = sorted(range(len(layers)), key=lambda i: abs(i - len(layers) // 2))
    sparse = next((i for i in middle if layers[i].mlp == "moe"), None)
    dense = next((i for i in middle if layers[i].mlp == "dense"), None)
    into = ("q_b_proj" if attention.q_lora else "q_proj", "kv_b_proj") if isinstance(attention, Mla) else _QKV
    layer = f"model.layers.{middle[0] if sparse is None else sparse}"
    mlp = [] if dense is None else [f"model.layers.{dense}.mlp.{name}" for name in _MLP]
    mlp += [f"{layer}.mlp.shared_experts.{name}" for name in _MLP] if moe and moe.shared_inter else []
    found = {
        "attention_in": [f"{layer}.self_attn.{name}" for name in into],
        "o_proj": [f"{layer}.self_attn.o_proj"],
        "mlp": mlp,
        "experts": [] if sparse is None else [f"{layer}.mlp.experts.0.{name}" for name in _MLP],
    }
    return {group: names for group, names in found.items() if names}


def _scheme(given: Quantization) -> str | None:
    """`nvfp4`, `fp8`, or the recipe of 4-bit weights."""
    if given.quant_method in ("gptq", "awq"):
        return _w4(given.group_size) if given.bits == 4 else None
    if given.quant_method in ("fp8", "fbgemm_fp8"):
        return "fp8"
    if given.quant_method in ("modelopt", "modelopt_fp4") and isinstance(given.quant_algo, str):
        return {"NVFP4": "nvfp4", "FP8": "fp8"}.get(given.quant_algo.upper())
    if given.quant_method not in ("compressed-tensors", "modelopt"):
        return None
    schemes = {_group_scheme(group) for group in _groups(given)}
    return schemes.pop() if len(schemes) == 1 else None


def _w4(group_size: object) -> str:
    """128 is what releases have that do not say; -1 is a scale of each output channel."""
    if group_size == -1:
        return "w4a16-channel"
    whole = isinstance(group_size, int) and not isinstance(group_size, bool) and 0 < group_size < 10**6
    return f"w4a16-g{group_size}" if whole else "w4a16"


def _groups(given: Quantization) -> list[Mapping[str, object]]:
    groups = given.config_groups
    return [group for group in groups.values() if isinstance(group, Mapping)] if isinstance(groups, Mapping) else []


def _numbers(group: Mapping[str, object], key: str) -> tuple[object, object] | None:
    """Bits and kind of number of a group's weights or inputs; None where they are not quantised."""
    held = group.get(key)
    return (held.get("num_bits"), held.get("type")) if isinstance(held, Mapping) else None


def _group_scheme(group: Mapping[str, object]) -> str | None:
    weights, inputs = _numbers(group, "weights"), _numbers(group, "input_activations")
    if weights == (4, "int") and inputs is None:
        held = group["weights"]
        assert isinstance(held, Mapping)
        return _w4(-1 if held.get("strategy") == "channel" else held.get("group_size"))
    if weights == inputs == (8, "float"):
        return "fp8"
    return "nvfp4" if weights == inputs == (4, "float") else None


def _described_weights(group: Mapping[str, object]) -> str:
    weights, inputs = _numbers(group, "weights"), _numbers(group, "input_activations")
    if weights is None:
        return ""
    return f"{weights[1]}{weights[0]} weights" + (f" and {inputs[1]}{inputs[0]} inputs" if inputs else "")


def _held(given: Quantization, modules: Modules) -> frozenset[str] | None:
    """The groups that are quantised whole; None where one is in part, or a pattern is not understood."""
    left_out = [*_texts(given.ignore), *_texts(given.modules_to_not_convert)]
    targets = [text for group in _groups(given) for text in _texts(group.get("targets"))]
    if not all(_is_tame(text) for text in (*left_out, *targets)):
        return None
    held: set[str] = set()
    for group, names in modules.items():
        states = {_is_target(name, targets) and not any(_matches(p, name) for p in left_out) for name in names}
        if len(states) > 1:
            return None
        held |= {group} if states == {True} else set()
    return frozenset(held)


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []


def _is_tame(pattern: str) -> bool:
    if len(pattern) > _PATTERN_LENGTH or sum(map(pattern.count, "*+?{(")) > _PATTERN_CHOICES:
        return False
    if not pattern.startswith("re:"):
        return True
    try:
        re.compile(pattern[3:])
    except (re.error, RecursionError, OverflowError):
        return False
    return not _NESTED.search(pattern)


def _is_target(name: str, targets: Sequence[str]) -> bool:
    return not targets or any(target == "Linear" or _matches(target, name) for target in targets)


def _matches(pattern: str, name: str) -> bool:
    """A regular expression from the start, or names joined by dots, with stars, that stand anywhere in the name."""
    if pattern.startswith("re:"):
        return re.match(pattern[3:], name) is not None
    wanted, parts = pattern.strip(".").split("."), name.split(".")
    return any(
        all(map(fnmatchcase, parts[at : at + len(wanted)], wanted)) for at in range(len(parts) - len(wanted) + 1)
    )


def _named(scheme: str, held: frozenset[str], modules: frozenset[str]) -> str | None:
    """The recipe that holds these groups in the scheme and the others in bf16."""
    if held >= modules:
        return scheme
    if not held:
        return "bf16"
    if scheme.startswith("w4a16") and held == {"experts"}:
        return f"{scheme}-experts"
    if scheme != "nvfp4":
        return None
    return {frozenset({"attention_in"}): "nvfp4-v2", _ATTENTION: "nvfp4-mlp"}.get(modules - held)
