"""Finds known values in bytes: as they are, in other case, and in the encodings in which programs pass them on."""

import base64
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

LONG = 8
"""Bytes from which on a value is found inside other words too."""
_MIN_ENCODED = 4
_NOTHING = b"(?!)"


@dataclass(frozen=True, slots=True)
class Values:
    """Patterns that find some values; the longest first, so that a value inside another does not spoil it."""

    folded: re.Pattern[bytes]
    """On bytes in lower case: long values, secrets, and their encoded forms."""
    exact: re.Pattern[bytes]
    """Short values, as whole words and in their own case."""

    def overwrite(self, data: bytes) -> bytes:
        """The bytes with every value overwritten in its length."""
        lower, out = data.lower(), bytearray(data)  # both are of one length: ASCII letters alone change
        for pattern, where in ((self.folded, lower), (self.exact, data)):
            for found in pattern.finditer(where):
                out[found.start() : found.end()] = b"x" * (found.end() - found.start())
        return bytes(out)


def find_values(values: Iterable[str], secret: Collection[str] = ()) -> Values:
    """Patterns for some values.

    Args:
        values: what is to be found.
        secret: those of them that are found in other case and encoded however short they are.
    """
    folded, exact = set[bytes](), set[bytes]()
    for value in filter(None, values):
        raw = value.encode("utf-8", "surrogateescape")
        if len(raw) >= LONG or value in secret:
            folded |= {raw.lower(), *(form.lower() for form in encoded(value))}
        else:
            exact.add(raw)
    return Values(re.compile(_expression(folded)), re.compile(_expression(exact)))


def encoded(value: str) -> set[bytes]:
    """A value in base64 (alone, or inside a longer text such as `user:password`), hex, URLs, JSON and Python."""
    raw = value.encode("utf-8", "surrogateescape")
    if len(raw) < _MIN_ENCODED:
        return set()
    text = raw.decode("utf-8", "replace")
    escaped = json.dumps(text)[1:-1]
    found = {
        quote(raw), quote(raw, safe=""), quote_plus(raw), escaped, escaped.replace("/", "\\/"),
        json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1], raw.hex(), *_base64(raw),
    }  # fmt: skip
    return {form.encode() for form in found} - {raw}


def _base64(raw: bytes) -> set[str]:
    """What base64 makes of it behind 0, 1 or 2 other bytes, without the digits that depend on its neighbours."""
    found = set()
    for before in range(3):
        digits = base64.b64encode(bytes(before) + raw).decode()
        whole = digits.rstrip("=")
        first = (0, 2, 3)[before]
        last = len(whole) if (before + len(raw)) % 3 == 0 else len(whole) - 1
        if last - first >= LONG - 2:
            found.add(whole[first:last])
    return found | {form.translate({43: "-", 47: "_"}) for form in found}


def _expression(values: Iterable[bytes]) -> bytes:
    long, short = set[bytes](), set[bytes]()
    for value in values:
        (long if len(value) >= LONG else short).add(value)
    terms = [_grouped(long)] if long else []
    terms += [rb"(?<!\w)" + _grouped(short) + rb"(?!\w)"] if short else []
    return b"|".join(terms) or _NOTHING


def _grouped(values: Iterable[bytes], depth: int = 0) -> bytes:
    """One expression for all, by first and second byte: hundreds of alternatives are slow at each place of a text."""
    ordered = sorted(values, key=lambda v: (-len(v), v))
    if depth == 2 or len(ordered) == 1:
        return b"(?:" + b"|".join(re.escape(v) for v in ordered) + b")"
    groups: dict[bytes, list[bytes]] = defaultdict(list)
    for value in ordered:
        groups[value[:1]].append(value[1:])
    terms = [re.escape(first) + _grouped(rest, depth + 1) for first, rest in groups.items() if first]
    # A value that ends here is the shortest of its group, hence the last.
    return b"(?:" + b"|".join([*terms, *([b""] if b"" in groups else [])]) + b")"
