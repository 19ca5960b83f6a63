"""What an op must do, by formula: FLOPs, and the bytes that move, by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Bytes = Mapping[str, float]
"""What moves -> its bytes, in the order in which a reader wants them."""


@dataclass(frozen=True, slots=True)
class Work:
    """What an op must do, by formula."""

    flop_count: float
    reads: Bytes = field(default_factory=dict)
    """Every input once."""
    writes: Bytes = field(default_factory=dict)
    """Every output once."""
    pipe: str = "fp32"
    """The key of `flop_by_pipe` that does the FLOPs."""
    link_bytes: float = 0
    """Bytes that this GPU sends to others (collectives only)."""

    @property
    def dram_read_bytes(self) -> float:
        """Compulsory bytes read."""
        return sum(self.reads.values())

    @property
    def dram_write_bytes(self) -> float:
        """Compulsory bytes written."""
        return sum(self.writes.values())

    @property
    def dram_bytes(self) -> float:
        """Compulsory bytes, read and written."""
        return self.dram_read_bytes + self.dram_write_bytes

    @property
    def arithmetic_intensity(self) -> float | None:
        """FLOPs per compulsory byte, or None where no byte moves."""
        return self.flop_count / self.dram_bytes if self.dram_bytes else None
