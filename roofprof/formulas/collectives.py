"""Collectives: the bytes that each GPU sends over its link, by algorithm, beside what moves to and from its DRAM.

Link bytes are those sent by one GPU, a mean over the GPUs where they differ. Ring figures agree with the NVLink
counters of four GPUs to 0.02 % (docs/multi-gpu.md); the others are the algorithms' and have not been measured.
"""

from collections.abc import Callable, Iterator, Mapping
from math import comb, gcd

from roofprof.formulas.byte_sizes import ShapeError, activation_bytes
from roofprof.formulas.dimensions import EXPERTS, TOP_K
from roofprof.formulas.work import Work


def all_reduce(m: float, d: float, t: float) -> Work:
    """Ring all-reduce of [m, d] bf16 over t GPUs: each sends 2(t-1)/t of it."""
    size = 2 * m * d
    return _sum(size, 2 * (t - 1) / t * size)


def all_reduce_tree(m: float, d: float, t: float) -> Work:
    """Double-tree all-reduce of [m, d] bf16: 2(t-1)/t of it sent on average, up to twice the size by inner GPUs."""
    size = 2 * m * d
    return _sum(size, 2 * (t - 1) / t * size)


def all_reduce_nvls(m: float, d: float, t: float) -> Work:
    """All-reduce of [m, d] bf16 in the NVLink switch: each GPU sends its data once and a t-th of the sum, 1 + 1/t."""
    size = 2 * m * d
    return _sum(size, (t + 1) / t * size)


def all_reduce_one_shot(m: float, d: float, t: float) -> Work:
    """One-shot all-reduce of [m, d] bf16: all of it goes to every other GPU, t-1 times the size."""
    size = 2 * m * d
    return _sum(size, (t - 1) * size)


def _sum(size: float, link_bytes: float) -> Work:
    return Work(0, {"input": size}, {"sum": size}, link_bytes=link_bytes)


def all_gather(m: float, d: float, t: float, precision: str = "bf16") -> Work:
    """All-gather of [m, d] of each of t GPUs: t-1 parts of that size sent by each."""
    size = activation_bytes(m, d, precision)
    return Work(0, {"own part": size}, {"all parts": t * size}, link_bytes=(t - 1) * size)


def reduce_scatter(m: float, d: float, t: float) -> Work:
    """Reduce-scatter of [m, d] bf16 over t GPUs: (t-1)/t of it sent by each, a t-th of the sum kept."""
    size = 2 * m * d
    return Work(0, {"input": size}, {"part of the sum": size / t}, link_bytes=(t - 1) / t * size)


def all_to_all(
    m: float, d: float, t: float = TOP_K, w: float = 1, precision: str = "bf16", r: float | None = None
) -> Work:
    """Exchange of m tokens' t rows over w GPUs, (w-1)/w of which leave this one, or r where they are counted."""
    size = activation_bytes(t * m, d, precision)
    link_bytes = (w - 1) / w * size if r is None else activation_bytes(r, d, precision)
    return Work(0, {"rows sent": size}, {"rows received": size}, link_bytes=link_bytes)


def all_to_all_dedup(
    m: float, d: float, t: float = TOP_K, w: float = 1, x: float = EXPERTS, g: float = 8, q: float = 4,
    precision: str = "bf16",
) -> Work:  # fmt: skip
    """Exchange of m tokens, each sent once to a GPU of w with any of its t experts, which lie in q of g groups."""
    if int(x) % int(g) or q > g:
        raise ShapeError(f"{x:g} experts do not lie in {g:g} groups of which {q:g} are kept")
    if t > _MOST or g > _MOST:
        raise ShapeError(f"{t:g} experts of a token in {g:g} groups: expected at most {_MOST} of each")
    row = activation_bytes(m, d, precision)
    copies = copies_sent(int(t), int(w), int(x), int(g), int(q))
    remote = copies * (w - 1) / w
    return Work(0, {"tokens": row}, {"rows received": copies * row}, link_bytes=remote * row)


def copies_sent(per_token: int, gpus: int, experts: int, groups: int, kept: int) -> float:
    """GPUs that a token goes to, its own included, expected under uniform routing.

    Args:
        per_token: experts of a token, in the `kept` of `groups` groups that its router kept.
        gpus: that the experts lie over, in order.
        experts: of all GPUs; a multiple of `groups`.
        groups: of the router, of as many experts each.
        kept: groups of which a token's experts are.
    """
    local, size = experts // gpus, experts // groups
    pool = kept * size
    ways = comb(pool, per_token)
    if not ways or not local:
        return float(min(per_token, gpus))
    # Experts lie over the GPUs in order, so that how groups are cut repeats after this many GPUs.
    period = 1 if size % local == 0 else min(gpus, size // gcd(local, size), _MOST)
    missed = 0.0
    for gpu in range(period):
        for chance, here in _kept_here(gpu * local, local, size, groups, kept):
            missed += chance * (comb(pool - here, per_token) / ways)
    return gpus * (1 - missed / period)


_MOST = 128
"""Experts of a token, groups, and GPUs whose groups are cut in a way of their own: no model and no machine has more."""


def _kept_here(first: int, local: int, size: int, groups: int, kept: int) -> Iterator[tuple[float, int]]:
    """Chances of how many of a GPU's experts lie in the groups that a router kept: groups may be cut at both ends."""
    head = min(local, -first % size)
    full, tail = divmod(local - head, size)
    cut, every = (head > 0) + (tail > 0), comb(groups, kept)
    ends = [(0, 0), *((1, end) for end in (head, tail) if end), *([(2, head + tail)] if cut == 2 else [])]
    for among in range(min(full, kept) + 1):
        for taken, experts in ends:
            rest = kept - among - taken
            if rest >= 0:
                yield comb(full, among) * comb(groups - full - cut, rest) / every, among * size + experts


COLLECTIVES: tuple[Callable[..., Work], ...] = (
    all_reduce, all_reduce_tree, all_reduce_nvls, all_reduce_one_shot, all_gather, reduce_scatter, all_to_all,
    all_to_all_dedup,
)  # fmt: skip
COLLECTIVE_NAMES = frozenset(formula.__name__ for formula in COLLECTIVES)
"""Formulas whose ops take several GPUs."""


def group_size(formula: str, shape: Mapping[str, object]) -> int | None:
    """How many GPUs a collective's formula joins; None for other formulas."""
    if formula not in COLLECTIVE_NAMES:
        return None
    size = shape.get("w" if formula.startswith("all_to_all") else "t")
    return int(size) if isinstance(size, int | float) and size > 1 else None
