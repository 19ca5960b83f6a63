"""Precisions of a served model's weights and inputs: the four recipes of DeepSeek-R1, and those of 4-bit weights."""

import re
from dataclasses import dataclass

from roofprof.errors import UsageError
from roofprof.formulas.layer import RECIPES

CHANNEL = 0
"""A group as long as the weight's row: one scale of each output channel."""


@dataclass(frozen=True, slots=True)
class Format:
    """How one product's operands are held."""

    inputs: str
    """Precision of the inputs, and of the weights where they have no group."""
    group: int | None = None
    """Weights of 4 bits to a scale, `CHANNEL` for a whole row; None where weights are as the inputs."""
    scale_bytes: int = 2


@dataclass(frozen=True, slots=True)
class ServedRecipe:
    """Formats by group of ops; router, norms, rope and lm_head are bf16 in all, outputs too."""

    name: str
    attention_in: Format
    """What makes queries, keys and values."""
    o_proj: Format
    mlp: Format
    """Dense MLP and shared experts."""
    experts: Format
    bmm: str
    """The absorbed products of MLA."""
    note: str

    @property
    def of_experts(self) -> bool:
        """Whether it is the experts' alone: without them all is bf16."""
        return self.experts != _BF16 and {self.attention_in, self.o_proj, self.mlp} == {_BF16}


_BF16 = Format("bf16")
_FP4 = Format("fp4")
_MXFP4, _MXFP4_MXFP8 = Format("bf16", 32, 1), Format("mxfp8", 32, 1)
SERVED_RECIPES = {
    r.name: ServedRecipe(
        r.name, Format(r.attention_in), Format(r.o_proj), Format(r.experts), Format(r.experts), r.bmm, r.note
    )
    for r in RECIPES.values()
} | {
    r.name: r
    for r in (
        ServedRecipe("mxfp4", _BF16, _BF16, _BF16, _MXFP4, "bf16", "gpt-oss' release: experts MXFP4 under bf16 inputs"),
        ServedRecipe("mxfp4-mxfp8", _BF16, _BF16, _BF16, _MXFP4_MXFP8, "bf16", "the same under MXFP8 inputs"),
        ServedRecipe("nvfp4-mlp", _BF16, _BF16, _FP4, _FP4, "bf16", "the first NVFP4 checkpoint: attention bf16"),
    )
}
_W4A16 = re.compile(r"w4a16(?:-g([1-9]\d{0,5})|-(channel))?(-experts)?")


def served_recipe(name: str) -> ServedRecipe:
    """The recipe of a name; `w4a16` and `w4a16-g32` are weights of 4 bits with a bf16 scale per 128 and per 32.

    `w4a16-channel` has one of each output channel; with `-experts` behind it, the experts alone are so.

    Raises:
        UsageError: no such recipe.
    """
    if found := _W4A16.fullmatch(name):
        w4 = Format("bf16", CHANNEL if found[2] else int(found[1] or 128), 2)
        rest = _BF16 if found[3] else w4
        note = "experts of 4-bit weights" if found[3] else "projections, MLPs and experts of 4-bit weights"
        return ServedRecipe(name, rest, rest, rest, w4, "bf16", note)
    if name not in SERVED_RECIPES:
        known = ", ".join([*SERVED_RECIPES, "w4a16", "w4a16-gN", "w4a16-channel", "w4a16-gN-experts"])
        raise UsageError(f"unknown recipe {name!r}", f"use one of {known}")
    return SERVED_RECIPES[name]
