"""Measured roofs of one GPU, as `roofprof ceilings` writes them: what can be reached."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated

from roofprof.errors import ReportError
from roofprof.field_errors import FieldError
from roofprof.files import read_json, read_toml
from roofprof.hardware.devices import PEAK, PIPES
from roofprof.hardware.roofline import Roofs
from roofprof.validate import Bounds, built

SCHEMA_VERSION = 1
READ_SHARES = {"read": 1.0, "triad": 2 / 3, "copy": 0.5, "write": 0.0}
"""Access mixes of DRAM by the share of reads in all bytes."""
MEASURED, SHIPPED = ORIGINS = ("measured", "shipped")
"""Whose figures: the profiled GPU's own, or those of another one of the same name that come with roofprof."""
_SHIPPED = Path(__file__).parent / "measured"
_POSITIVE = Bounds(positive=True)


@dataclass(frozen=True, slots=True)
class Peak:
    """Arithmetic in one precision."""

    burst: Annotated[float, PEAK]
    """FLOP/s, the best of short runs."""
    sustained: Annotated[float | None, PEAK] = None
    """FLOP/s over a second or more, when power and heat have their say; None where only bursts were run."""
    size: str | None = None
    """Of the best one, such as 8192x8192x8192."""


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What one GPU reached."""

    gpu: str
    """Display name."""
    created: str
    """ISO 8601, UTC."""
    dram_bytes_per_s: Annotated[Mapping[str, float], Bounds(positive=True, keys=tuple(READ_SHARES))]
    """By access mix, keys of `READ_SHARES`."""
    peak_flop_per_s: Annotated[Mapping[str, Peak], Bounds(keys=PIPES)]
    """By pipe."""
    l2_read_bytes_per_s: Annotated[float | None, _POSITIVE] = None
    mufu_per_s: Annotated[float | None, _POSITIVE] = None
    link_bytes_per_s: Annotated[float | None, _POSITIVE] = None
    """Sent to one other GPU, by a kernel that writes its memory."""
    launch_floor_ns: Mapping[str, float] = field(default_factory=dict)
    """Of an empty kernel: `eager` and `graph`, from one launch to the next."""
    conditions: Mapping[str, str | float | bool | None] = field(default_factory=dict)
    """Driver, clocks, power, data, versions."""
    skipped: Mapping[str, str] = field(default_factory=dict)
    origin: Annotated[str, Bounds(values=ORIGINS)] = MEASURED

    def dram_mix(self, read_bytes: float | None, write_bytes: float | None) -> str | None:
        """The access mix nearest to that of some bytes; `read` where they are unknown; None without any."""
        if not self.dram_bytes_per_s:
            return None
        total = (read_bytes or 0.0) + (write_bytes or 0.0)
        share = (read_bytes or 0.0) / total if total else 1.0
        return min(self.dram_bytes_per_s, key=lambda mix: abs(READ_SHARES[mix] - share))

    def roofs(self, mix: str | None) -> Roofs:
        """The measured roofs, for DRAM traffic of one mix; bursts, for an op's kernel is one."""
        peaks = {pipe: peak.burst for pipe, peak in self.peak_flop_per_s.items()}
        return Roofs(peaks, self.dram_bytes_per_s.get(mix) if mix else None, self.mufu_per_s)

    def link_time_s(self, sent_bytes: float | None) -> float | None:
        """The least time in which so much can be sent; None where it or the link's rate is unknown."""
        return None if sent_bytes is None or not self.link_bytes_per_s else sent_bytes / self.link_bytes_per_s

    def as_dict(self) -> dict[str, object]:
        """The content of a ceilings file."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "Ceilings":
        """The reverse of `as_dict`; unknown fields are left alone. A peak may be its burst alone.

        Raises:
            FieldError: a field is missing, or of another form; an unknown pipe or access mix.
        """
        peaks = data.get("peak_flop_per_s")
        if isinstance(peaks, Mapping):
            peaks = {pipe: peak if isinstance(peak, Mapping) else {"burst": peak} for pipe, peak in peaks.items()}
            data = {**data, "peak_flop_per_s": peaks}
        return built(cls, data)


@cache
def shipped_ceilings(device_name: str) -> Ceilings | None:
    """The roofs that come with roofprof for GPUs of this very display name; None where none was measured."""
    found = (load_ceilings(path) for path in sorted(_SHIPPED.iterdir()) if path.suffix == ".json")
    return next((replace(roofs, origin=SHIPPED) for roofs in found if roofs.gpu == device_name), None)


def load_ceilings(path: Path) -> Ceilings:
    """Load a ceilings file, JSON or TOML: of one GPU, or of the links between several, whose link's rate is taken.

    Raises:
        ReportError: missing, or not of that form.
    """
    hint = "give the file that roofprof ceilings -o wrote"
    data = read_toml(path, hint) if path.suffix == ".toml" else read_json(path, hint)
    if data.get("schema_version") != SCHEMA_VERSION:
        raise ReportError(f"{path} does not hold ceilings of schema version {SCHEMA_VERSION}", hint)
    if "peer_write_bytes_per_s" in data:  # of `roofprof ceilings --ranks`
        data = {
            "dram_bytes_per_s": {},
            "peak_flop_per_s": {},
            **data,
            "link_bytes_per_s": data["peer_write_bytes_per_s"],
        }
    try:
        return Ceilings.from_dict(data)
    except FieldError as error:
        raise ReportError(f"{path}: {error}", hint) from None


def completed(links: Ceilings, others: Ceilings | None) -> Ceilings:
    """Roofs of links alone with the other roofs that are known of such a GPU."""
    if links.dram_bytes_per_s or links.peak_flop_per_s or others is None or others.gpu != links.gpu:
        return links
    return replace(others, link_bytes_per_s=links.link_bytes_per_s)
