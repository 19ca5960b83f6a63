"""Copies of a weight, read in turn, so that none is still in the L2 cache when it is read again."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
_L2_SIZES = 3


def copies_needed(copy_bytes: float, l2_bytes: int, steps: int) -> int:
    """Copies of which all together are larger than three L2 caches; never more than there are steps.

    One is enough for a weight larger than the cache, and where there is no cache to avoid (`l2_bytes` 0).
    """
    if not l2_bytes or copy_bytes > l2_bytes:
        return 1
    by_size = int(_L2_SIZES * l2_bytes // max(copy_bytes, 1)) + 1
    return max(1, min(steps, max(2, by_size)))


@dataclass(frozen=True, slots=True)
class Rotated(Generic[T]):
    """Copies of one weight, the same in shape and different in content."""

    copies: list[T]

    def at(self, step: int) -> T:
        """The copy to read in a step."""
        return self.copies[step % len(self.copies)]

    @property
    def first(self) -> T:
        """The copy that step 0 reads and references are made from."""
        return self.copies[0]
