"""Rows and experts counted after routing, and the op shapes that follow from them."""

from dataclasses import dataclass, replace

from roofprof.formulas.layer import OpSpec
from roofprof.formulas.range_names import Shape


@dataclass(frozen=True, slots=True)
class Counts:
    """What routing gave this GPU's experts. With EP every (token, expert) pair arrives as a row of its own."""

    experts: int
    """Experts to choose from, on all GPUs together."""
    tokens: int
    """Tokens that reach this GPU's experts: M alone, the received rows with EP."""
    per_token: int
    """Experts a token: 8, or 1 with EP."""
    rows_per_expert: tuple[int, ...]
    """Rows of each of this GPU's experts."""

    @property
    def rows(self) -> int:
        """Rows of all experts here."""
        return sum(self.rows_per_expert)

    @property
    def hit(self) -> int:
        """Experts with at least one row."""
        return sum(1 for rows in self.rows_per_expert if rows)

    def blocks(self, size: int) -> int:
        """Blocks of `size` rows when each expert's rows are padded to whole blocks."""
        return sum(-(-rows // size) for rows in self.rows_per_expert)


def counted(spec: OpSpec, counts: Counts) -> OpSpec:
    """The op with counted sizes in place of expected ones; ops that routing does not touch stay as they are."""
    sizes = _sizes(spec, counts)
    return replace(spec, shape={**spec.shape, **sizes}) if sizes else spec


def _sizes(spec: OpSpec, counts: Counts) -> Shape:
    if spec.formula in ("topk", "topk_ungrouped"):
        return {"x": counts.experts}
    if spec.op == "moe_align":
        return {"m": counts.tokens, "x": len(counts.rows_per_expert), "t": counts.per_token}
    if spec.op == "moe_permute":
        return {"m": counts.tokens, "r": counts.rows}
    if spec.op in ("moe_gate_up", "moe_down"):
        return {"m": counts.tokens, "e": counts.hit, "t": counts.per_token}
    if spec.op == "moe_silu_and_mul":
        return {"r": counts.rows}
    return {"m": counts.rows} if spec.op == "quant_moe_down" else {}
