"""Names in roofprof's own grammar: `q_b_proj:gemm:m64:n24576:k1536:fp8:bf16`, `decode:case:b64:s4096`.

A name is ours where its second part is a formula of `models.FORMULAS` with at least one field, `case` or `truth`. More
is not taken for ours, because others use colons too: torch's `nccl:all_reduce` would be the op `nccl` with the formula
`all_reduce`. Names of the layer's ops without a formula are ours as well. Source: formulas/range_names.py.
"""

from roofprof.formulas.layer import PHASES
from roofprof.formulas.models import FORMULAS
from roofprof.formulas.range_names import CASE_FORMULA, TRUTH_FORMULA, RangeName, RangeNameError, parse_range_name
from roofprof.formulas.request import LayerRequest
from roofprof.names.name import Asked, Reading, ReadName
from roofprof.names.numbers import PLACE, fold

NAME = "roofprof"

LAYER_OPS = frozenset(
    op
    for layer in ("moe", "dense")
    for share in (1, 2)
    for phase in PHASES
    for op in LayerRequest("all", layer=layer, tp=share, ep=share, variants=True).ops(phase)
)
"""Canonical names of the layer's ops."""
_LONGEST = 512


def read(text: str, asked: Asked) -> Reading | None:
    """A name of ours; its op may hold the number of a layer."""
    name = own_name(text)
    if name is None:
        return None
    op = fold(name.op, asked.layers == "each")
    key = op.text + text[len(name.op) :]
    formula = None if name.formula in (CASE_FORMULA, TRUTH_FORMULA) else name.formula
    shape = dict(name.shape) if formula else {}
    return Reading(ReadName(key, op.text, op.layer, op.step, formula, shape, NAME), op.text, detail=key)


def own_name(text: str) -> RangeName | None:
    """The parsed name, or None for anybody else's. Its op may be that of a key, with `{}` for a number."""
    if len(text) > _LONGEST:
        return None
    op, _, fields = text.partition(":")
    if not fields:
        return RangeName(text) if text in LAYER_OPS else None
    formula, _, sizes = fields.partition(":")
    if formula not in (CASE_FORMULA, TRUTH_FORMULA) and not (formula in FORMULAS and sizes):
        return None
    try:
        parsed = parse_range_name(f"{op.replace(PLACE, '0')}:{fields}")
    except RangeNameError:
        return None
    return RangeName(op, parsed.formula, parsed.shape)
