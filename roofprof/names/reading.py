"""Names of NVTX ranges and whole paths of them, read: what is the same op, what to call it, what it computes."""

from dataclasses import dataclass
from functools import lru_cache

from roofprof.names.name import Asked, Layers, Reading, ReadName
from roofprof.names.writers import plain
from roofprof.names.writers.table import WRITERS

__all__ = ["Layers", "ReadName", "ReadPath", "read_name", "read_path"]

_CACHED_LENGTH = 2048
"""Longer names are read anew each time: a cache of texts of half a megabyte would fill the memory."""


@dataclass(frozen=True, slots=True)
class ReadPath:
    """A whole path."""

    key: tuple[str, ...]
    """Identity of the row."""
    op: str
    """The row's op: canonical where the name is ours or a known module's, else the innermost label."""
    layer: int | None
    """Of the outermost range that names one: modules shared by all layers carry the first one's number."""
    step: int | None
    """Of the innermost range that names one."""
    innermost: ReadName


def read_name(name: str, domain: str | None = None, layers: Layers = "folded") -> ReadName:
    """What one range's name says."""
    return reading_of(name, domain, layers).name


def read_path(path: tuple[str, ...], domain: str | None = None, layers: Layers = "folded") -> ReadPath:
    """What a path of range names says.

    Args:
        path: names from the outermost in, as the profiler gives them; any texts.
        domain: NVTX domain, where known.
        layers: "folded" takes the layers' numbers out of the key; "each" leaves them in.

    Returns:
        Never fails; a key read again is the same key.
    """
    if not path:
        return ReadPath((), "", None, None, ReadName("", ""))
    readings = [reading_of(name, domain, layers) for name in path]
    inner = readings[-1]
    numbered = [r.name.layer for r in readings if r.name.layer is not None]
    steps = [r.name.step for r in readings if r.name.step is not None]
    return ReadPath(
        key=(*(r.scope_key for r in readings[:-1]), inner.name.key),
        op=inner.op_name,
        layer=numbered[0] if numbered else None,
        step=steps[-1] if steps else None,
        innermost=inner.name,
    )


def reading_of(name: str, domain: str | None = None, layers: Layers = "folded") -> Reading:
    """The reading of one name, kept for names that come again."""
    if len(name) > _CACHED_LENGTH:
        return _read(name, domain, layers)
    return _kept(name, domain, layers)


def _read(name: str, domain: str | None, layers: Layers) -> Reading:
    return _asked(name, Asked(layers, domain, _asked))


def _asked(name: str, asked: Asked) -> Reading:
    for writer in WRITERS:
        reading = writer(name, asked)
        if reading is not None:
            return reading
    return plain.read(name, asked)


_kept = lru_cache(maxsize=1 << 16)(_read)


def forget() -> None:
    """Empty the cache of names."""
    _kept.cache_clear()
