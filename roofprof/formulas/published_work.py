"""What a published kernel must do, by formula, from its op, shape and data type as they were published."""

import re
from collections.abc import Callable, Mapping

from roofprof.formulas.models import (
    ShapeError,
    Work,
    evaluate,
    gemm,
    mla_decode,
    moe_fused,
    moe_gemm,
    quant,
    quant_tensor,
    rmsnorm,
    silu_and_mul,
)
from roofprof.formulas.published import PublishedFigure
from roofprof.formulas.range_names import Shape

NO_FORMULA = "no formula yet"
NO_SHAPE = "no shape is stated"
PRECISIONS = {
    "nvfp4": "fp4", "fp4": "fp4", "mxfp4": "mxfp4", "mxfp8": "mxfp8", "fp8": "fp8", "bf16": "bf16", "fp16": "fp16",
    "fp32": "fp32",
}  # fmt: skip
"""Of the dtype column, by the names that `models` has for them."""


class NoWork(Exception):  # noqa: N818 - a reason, not an error
    """Why nothing can be computed for a row."""


def published_work(figure: PublishedFigure) -> tuple[Work, str]:
    """The work of a row, and the formula in words.

    Raises:
        NoWork: there is no formula for the op, or the shape does not say what it needs.
    """
    if "not stated" in figure.shape or figure.shape in ("", "shape in issue"):
        raise NoWork(NO_SHAPE)
    read = next((reader for pattern, reader in _READERS.items() if re.fullmatch(pattern, figure.op)), None)
    if read is None:
        raise NoWork(NO_FORMULA)
    if figure.dtype not in PRECISIONS:
        raise NoWork(f"{NO_FORMULA} for {figure.dtype or 'an unknown data type'}")
    try:
        return read(figure, PRECISIONS[figure.dtype])
    except (ShapeError, OverflowError) as error:
        raise NoWork(str(error)) from None


def _sizes(text: str, *wanted: str) -> list[int]:
    """Sizes written as a name and a number, such as `m128 n7168`.

    Raises:
        NoWork: one of them is not there.
    """
    found = [re.search(rf"(?<![A-Za-z0-9]){name}\s?(\d{{1,12}})(?![\d^x])", text) for name in wanted]
    if missing := [name for name, match in zip(wanted, found, strict=True) if match is None or int(match[1]) == 0]:
        raise NoWork(f"the shape states no {', '.join(missing)}")
    return [int(match[1]) for match in found if match]


def _matrix(text: str) -> list[int]:
    """`2048x4096`, or `m1 k4096`."""
    if found := re.fullmatch(r"(\d{1,12})\s?x\s?(\d{1,12})", text):
        return [int(found[1]), int(found[2])]
    return _sizes(text, "m", "k")


def _gemm(figure: PublishedFigure, precision: str) -> tuple[Work, str]:
    m, n, k = _sizes(figure.shape, "m", "n", "k")
    return gemm(m, n, k, precision), "gemm"


def _dual_gemm(figure: PublishedFigure, precision: str) -> tuple[Work, str]:
    """silu(A B1) * (A B2): the input once, both weights, one output."""
    m, n, k = _sizes(figure.shape, "m", "n", "k")
    both = gemm(m, 2 * n, k, precision)
    return Work(both.flop_count, both.reads, gemm(m, n, k, precision).writes, both.pipe), "gemm of two weights"


def _group_gemm(figure: PublishedFigure, precision: str) -> tuple[Work, str]:
    groups, n, k = _sizes(figure.shape, "groups", "n", "k")
    found = re.search(r"\bm=(\d{1,12}(?:\+\d{1,12})*)", figure.shape)
    if not found or len(rows := [int(rows) for rows in found[1].split("+")]) != groups:
        raise NoWork("the shape states no m of each group")
    return moe_gemm(sum(rows), n, k, groups, t=1, precision=precision, r=sum(rows)), "moe_gemm"


def _fused_moe(figure: PublishedFigure, precision: str) -> tuple[Work, str]:
    """Experts hit are expected under uniform routing; of a token's experts only those held here count."""
    tokens, hidden, inter, top = _sizes(figure.shape, "T", "H", "I", "top")
    found = re.search(r"(\d{1,6}) of (\d{1,6}) experts", figure.shape)
    if not found or not 0 < top <= int(found[2]) or not 0 < int(found[1]) <= int(found[2]):
        raise NoWork("the shape states no experts")
    here, experts = int(found[1]), int(found[2])
    hit = here * (1 - (1 - top / experts) ** tokens)
    return moe_fused(tokens, inter, hidden, hit, top * here / experts, precision), f"moe_fused, {hit:.3g} experts hit"


def _mla_decode(figure: PublishedFigure, precision: str) -> tuple[Work, str]:
    found = re.search(r"(\d{1,6}) heads", figure.shape)
    if not found:
        raise NoWork("the shape states no heads")
    b, s = _sizes(figure.shape, "b", "s")
    return mla_decode(b, s, int(found[1]), precision), "mla_decode"


def _gqa(figure: PublishedFigure, precision: str) -> tuple[Work, str]:
    """Cache and query in the data type; `heads 64/8` are those of queries and of keys."""
    found = re.search(r"heads (\d{1,6})/(\d{1,6})\b", figure.shape)
    if not found:
        raise NoWork("the shape states no heads of queries and keys")
    b, s, d = _sizes(figure.shape, "b", "s", "d")
    formula = "gqa_decode" if "decode" in figure.op else "gqa_causal"
    shape: Shape = {"b": b, "s": s, "h": int(found[1]), "hk": int(found[2]), "d": d, "precision": precision}
    return evaluate(formula, shape), formula


def _relu(figure: PublishedFigure, precision: str) -> tuple[Work, str]:
    found = re.match(r"2\^(\d{1,2})\b", figure.shape)
    if not found:
        raise NoWork("the shape states no number of elements")
    one = quant_tensor(2 ** int(found[1]), 1, precision)  # its input of 2 bytes, and an output of as many
    return Work(0, one.reads, {"output": one.writes["output"]}), "each element read and written"


def _rmsnorm(figure: PublishedFigure, _: str) -> tuple[Work, str]:
    m, d = _matrix(figure.shape)
    return rmsnorm(m, d), "rmsnorm"


def _rmsnorm_quant(figure: PublishedFigure, precision: str) -> tuple[Work, str]:
    m, k = _matrix(figure.shape)
    norm = rmsnorm(m, k)
    return Work(norm.flop_count, norm.reads, quant(m, k, precision).writes), "rmsnorm, its output by quant"


def _quant(figure: PublishedFigure, precision: str) -> tuple[Work, str]:
    m, k = _matrix(figure.shape)
    return quant(m, k, precision), "quant"


def _silu_quant(figure: PublishedFigure, precision: str) -> tuple[Work, str]:
    m, k = _sizes(figure.shape, "T", "H")
    silu = silu_and_mul(m, k)
    return Work(silu.flop_count, silu.reads, quant(m, k, precision).writes), "silu_and_mul, its output by quant"


def _all_to_all(figure: PublishedFigure, precision: str) -> tuple[Work, str]:
    """The model's width and experts per token stand with the source where the shape leaves them out."""
    gpus, tokens = _sizes(figure.shape, "ep", "T")
    hidden, top = _sizes(f"{figure.shape} {figure.source}", "H", "top")
    shape: Shape = {"m": tokens, "d": hidden, "t": top, "w": gpus, "precision": precision}
    return evaluate("all_to_all", shape), "all_to_all"


_READERS: Mapping[str, Callable[[PublishedFigure, str], tuple[Work, str]]] = {
    "gemm|gemv|router_gemm": _gemm,
    "dual_gemm": _dual_gemm,
    "group_gemm": _group_gemm,
    r"fused_moe\b.*": _fused_moe,
    r"mla_decode\b.*": _mla_decode,
    r"gqa_(decode|prefill)\b.*": _gqa,
    "relu": _relu,
    "rms_?norm": _rmsnorm,
    r"rms_?norm \+ \w+ quant": _rmsnorm_quant,
    r"\w+ (cast rowwise|quant)|\w+_quantize": _quant,
    r"silu_and_mul \+ \w+ quant": _silu_quant,
    "ep_dispatch|ep_combine": _all_to_all,
}
"""By op, as a regular expression."""
