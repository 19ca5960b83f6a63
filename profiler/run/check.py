"""What a look at the machine found."""

from dataclasses import asdict, dataclass
from typing import Literal

from roofprof.files import Json

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    """`fail` means that capture cannot work."""
    detail: str
    remedy: str | None = None

    def as_dict(self) -> dict[str, Json]:
        """Plain data for JSON."""
        return asdict(self)
