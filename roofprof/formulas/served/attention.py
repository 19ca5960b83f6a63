"""Attention over heads of any number and width, over a cache in pages, over an FP8 cache; what fills that cache.

Letters beside those of `models`: hk key and value heads (MHA is hk = h), d the width of a head, q new tokens of each
sequence in a decode step (1 and those drafted), ks the entries of all sequences together, where their lengths differ,
pg entries to a page, win the sliding window, kb the bits of a cached element, where the cache is not in `precision`.
"""

from roofprof.formulas.byte_sizes import ShapeError, known_precision, plain_bytes
from roofprof.formulas.dimensions import HEADS, KV_LORA, LATENT, ROPE
from roofprof.formulas.traced import ceil_div
from roofprof.formulas.work import Work

FP8_LATENT_BYTES = 656
"""Of one MLA entry in vLLM's and FlashMLA's FP8 cache: 512 FP8, 4 fp32 scales, and 64 bf16 of the rotated key."""


def gqa_decode(
    b: float, s: float, h: float, hk: float, d: float = 128, q: float = 1, kb: float | None = None,
    win: float | None = None, precision: str = "bf16",
) -> Work:  # fmt: skip
    """Decode over b sequences of s entries, the new ones counted: q tokens each, h heads on hk, a window win."""
    if win is None:
        return _gqa_decode(b, b * s, _pairs(b, b * s, q), h, hk, d, q, kb, precision)
    _pairs(b, b * s, q)  # refuses what cannot be
    full = max(0, min(s - win + 1, q))  # of the new tokens, those that see a whole window
    pairs = full * win + (q - full) * s - q * (q - 1) / 2 + full * (full - 1) / 2
    return _gqa_decode(b, b * min(s, win + q - 1), b * pairs, h, hk, d, q, kb, precision)


def gqa_decode_paged(
    b: float, ks: float, h: float, hk: float, d: float = 128, q: float = 1, pg: float = 64, kb: float | None = None,
    precision: str = "bf16",
) -> Work:  # fmt: skip
    """The same over a cache in pages of pg, by the sum of the lengths, ks; int32 page table and lengths are read."""
    work = _gqa_decode(b, ks, _pairs(b, ks, q), h, hk, d, q, kb, precision)
    return Work(work.flop_count, {**work.reads, **_pages(b, ks, pg)}, work.writes, work.pipe)


def gqa_causal(
    b: float, s: float, h: float, hk: float, d: float = 128, p: float = 0, win: float | None = None,
    kb: float | None = None, precision: str = "bf16",
) -> Work:  # fmt: skip
    """b causal sequences of s new tokens after p cached; a window leaves each its last win keys, masked not counted."""
    size, cached = plain_bytes(precision), _cached_bytes(kb, precision)
    if win is None:
        pairs, keys = s * p + s * (s + 1) / 2, s + p
    else:  # the first tokens see all before them, the others win
        short = max(0, min(win - p, s))
        pairs, keys = short * p + short * (short + 1) / 2 + (s - short) * win, s + min(p, win - 1)
    reads = {"query": size * b * h * s * d, "keys and values": 2 * b * keys * hk * d * cached}
    return Work(4 * b * h * d * pairs, reads, {"output": 2 * b * h * s * d}, known_precision(precision).pipe)


def mla_decode_mtp(b: float, s: float, h: float = HEADS, q: float = 1, precision: str = "bf16") -> Work:
    """Absorbed MLA with q queries of each of b sequences of s entries, the new ones counted: how drafts are checked."""
    return _mla_decode(b, b * s, h, q, precision)


def mla_decode_paged(
    b: float, ks: float, h: float = HEADS, q: float = 1, pg: float = 64, precision: str = "bf16"
) -> Work:
    """Absorbed MLA over a cache in pages of pg: q queries of b sequences, ks latent entries in all of them together."""
    work = _mla_decode(b, ks, h, q, precision)
    return Work(work.flop_count, {**work.reads, **_pages(b, ks, pg)}, work.writes, work.pipe)


def mla_decode_fp8kv(b: float, s: float, h: float = HEADS, q: float = 1) -> Work:
    """Absorbed MLA over an FP8 cache of 656 bytes an entry (512 FP8, 4 fp32 scales, 64 bf16); bf16 query, products."""
    reads = {"latent cache": b * s * FP8_LATENT_BYTES, "query": 2 * b * q * h * LATENT}
    flop_count = 2 * h * _pairs(b, b * s, q) * (LATENT + KV_LORA)
    return Work(flop_count, reads, {"output": 2 * b * q * h * KV_LORA}, "tensor_bf16")


def rope_heads(m: float, h: float, hk: float, d: float = 128) -> Work:
    """Rotary embedding in place of d elements of h query heads and hk key heads, with the cos/sin rows read."""
    elements = m * (h + hk) * d
    reads = {"queries and keys": 2 * elements, "cos and sin": 4 * d * m, "positions": 8 * m}
    return Work(3 * elements, reads, {"queries and keys": 2 * elements})


def kv_write_heads(m: float, hk: float, d: float = 128, precision: str = "bf16") -> Work:
    """Write keys and values of m tokens, hk heads of d each, to their slots, in the cache's precision."""
    elements = 2 * m * hk * d
    return Work(0, {"keys and values": 2 * elements, "slots": 8 * m}, {"cache": elements * plain_bytes(precision)})


def kv_write_fp8kv(m: float) -> Work:
    """Quantise and write m latent entries to an FP8 cache of 656 bytes an entry, 3 FLOPs per FP8 element."""
    reads = {"latent": 2 * m * KV_LORA, "rotated key": 2 * m * ROPE, "slots": 8 * m}
    return Work(3 * m * KV_LORA, reads, {"cache entries": m * FP8_LATENT_BYTES})


def _gqa_decode(
    b: float, keys: float, pairs: float, h: float, hk: float, d: float, q: float, kb: float | None, precision: str
) -> Work:
    reads = {
        "keys and values": 2 * keys * hk * d * _cached_bytes(kb, precision),
        "query": b * q * h * d * plain_bytes(precision),
    }
    return Work(4 * h * d * pairs, reads, {"output": 2 * b * q * h * d}, known_precision(precision).pipe)


def _mla_decode(b: float, ks: float, h: float, q: float, precision: str) -> Work:
    size = plain_bytes(precision)
    reads = {"latent cache": ks * LATENT * size, "query": b * q * h * LATENT * size}
    flop_count = 2 * h * _pairs(b, ks, q) * (LATENT + KV_LORA)
    return Work(flop_count, reads, {"output": b * q * h * KV_LORA * 2}, known_precision(precision).pipe)


def _pairs(b: float, ks: float, q: float) -> float:
    """Query and key pairs: the last new token sees all entries of its sequence, the one before it one fewer."""
    if b * q > ks:
        raise ShapeError(f"{q:g} new tokens of each of {b:g} sequences are more than their {ks:g} entries")
    return ks if q == 1 else q * ks - b * q * (q - 1) / 2


def _cached_bytes(bits: float | None, precision: str) -> float:
    return plain_bytes(precision) if bits is None else bits / 8


def _pages(b: float, ks: float, page: float) -> dict[str, float]:
    return {"page table": 4 * ceil_div(ks, page), "lengths": 4 * b}
