"""What the ranges round an operation are called: the one place where the timeline reads range names."""

from collections.abc import Sequence
from typing import NamedTuple

from roofprof.names.labels import distinct_labels
from roofprof.names.reading import Layers, read_path
from roofprof.timeline.rows import RangePath

__all__ = ["Layers", "OpKey", "distinct_labels", "read_key"]


class OpKey(NamedTuple):
    """What calls of one op have in common."""

    key: RangePath
    """Calls whose paths have one key are calls of one op."""
    op: str


def read_key(path: Sequence[str], domain: str | None = None, layers: Layers = "folded") -> OpKey:
    """The key and the op of a path, names from the outermost range in.

    Args:
        path: range names.
        domain: their NVTX domain.
        layers: paths that differ in layer numbers are one op's, or each its own.
    """
    read = read_path(tuple(path), domain, layers)
    return OpKey(read.key, read.op)
