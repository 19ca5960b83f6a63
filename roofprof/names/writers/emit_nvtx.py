"""Operators as PyTorch's emit_nvtx writes them.

    aten::mm, seq = 5, op_id = 7, sizes = [[64, 7168], [7168, 2112]], input_op_ids = [(5,0), (6,0)]
    AddmmBackward0, seq = 596, op_id = 1719

Sources: getNvtxStr of torch/csrc/profiler/util.cpp; our capture of transformers' Llama under
torch.autograd.profiler.emit_nvtx(record_shapes=True). Each part but the name may be missing; op_id differs in every
call. A name that no operator has is an annotation of the user's, and read as such.
"""

import re
from collections.abc import Callable, Mapping

from roofprof.names.name import Asked, Reading, ReadName
from roofprof.names.numbers import fold
from roofprof.names.products import Found, linear, product
from roofprof.names.sizes import Sizes, list_of_lists, rows_of, shown, usable

NAME = "emit_nvtx"

_PART = re.compile(r", (?:seq|op_id|input_op_ids|sizes) = ")
_NUMBER = re.compile(r", (?:seq|op_id) = -?[0-9]+")
_EDGES = re.compile(r", input_op_ids = \[[0-9(), -]*\]?")
_SIZES = ", sizes = "
_MARKS = (", seq = ", ", op_id = ", _SIZES, ", input_op_ids = ")
_CUT_OFF = re.compile(r", sizes = \[[\[\]0-9, ]*")
"""Sizes without their end."""
_OPERATOR = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z0-9_.]+)+|[A-Za-z_]+Backward[0-9]*")


def _norm(tensors: tuple[Sizes, ...]) -> Found:
    """rms_norm(input, normalized_shape, weight): the second argument is no tensor."""
    match tensors:
        case ((*rows, d), (), (weight,), *_) if d == weight and usable((rows_of((*rows, d)), d)):
            return "rmsnorm", {"m": rows_of((*rows, d)), "d": d}
    return None


def _two(rule: Callable[[Sizes, Sizes], Found], at: int = 0) -> Callable[[tuple[Sizes, ...]], Found]:
    return lambda tensors: rule(tensors[at], tensors[at + 1]) if len(tensors) > at + 1 else None


_WORK: Mapping[str, Callable[[tuple[Sizes, ...]], Found]] = {
    "aten::mm": _two(product),
    "aten::matmul": _two(product),
    "aten::bmm": _two(product),
    "aten::_scaled_mm": _two(product),
    "aten::addmm": _two(product, 1),
    "aten::baddbmm": _two(product, 1),
    "aten::linear": _two(linear),
    "aten::rms_norm": _norm,
    "aten::_fused_rms_norm": _norm,
}
"""Operator -> formula and shape by the sizes. Elementwise operators are left out: their names do not say the type of
the elements, which decides the bytes, and no counter does."""
_PRODUCTS = frozenset(op for op in _WORK if "norm" not in op)


def read(text: str, asked: Asked) -> Reading | None:
    """An operator, with or without sequence number, id and sizes."""
    first = _PART.search(text)
    if first is None:
        return _reading(text, (), "", asked) if _OPERATOR.fullmatch(text) and text.startswith("aten::") else None
    name = text[: first.start()]
    tensors, sizes, rest = _parts(text, len(name))
    if not name or (rest and not _CUT_OFF.fullmatch(rest)):
        return None
    if not any(tensors) and not rest and not _OPERATOR.fullmatch(name):
        return asked.inner(name)
    return _reading(name, tensors, sizes + rest, asked)


def _reading(name: str, tensors: tuple[Sizes, ...], sizes: str, asked: Asked) -> Reading:
    folded = fold(name, asked.layers == "each")
    key = f"{folded.text}{sizes}"
    label = folded.text
    if any(tensors):
        label += " " + (" x " if name in _PRODUCTS else ", ").join(shown(t) for t in tensors if t)
    rule = _WORK.get(name)
    formula, shape = (rule(tensors) if rule else None) or (None, {})
    return Reading(ReadName(key, label, folded.layer, folded.step, formula, shape, NAME), detail=key)


def _parts(text: str, at: int) -> tuple[tuple[Sizes, ...], str, str]:
    """Sizes, their text, and what follows that is no whole part."""
    tensors: tuple[Sizes, ...] = ()
    written = ""
    while at < len(text):
        if match := _NUMBER.match(text, at) or _EDGES.match(text, at):
            at = match.end()
        elif text.startswith(_SIZES, at) and not written and (found := list_of_lists(text, at + len(_SIZES))):
            tensors, written = found[0], text[at : found[1]]
            at = found[1]
        else:
            break
    rest = text[at:]
    # A part that a profiler cut off before it said anything.
    return tensors, written, "" if any(mark.startswith(rest) for mark in _MARKS) else rest
