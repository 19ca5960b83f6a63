"""Measured roofs of one GPU, as `roofprof ceilings` writes them: what can be reached."""

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from roofprof.errors import RoofprofError
from roofprof.hardware.devices import PIPES
from roofprof.hardware.roofline import Roofs

SCHEMA_VERSION = 1
READ_SHARES = {"read": 1.0, "triad": 2 / 3, "copy": 0.5, "write": 0.0}
"""Access mixes of DRAM by the share of reads in all bytes."""


@dataclass(frozen=True, slots=True)
class Peak:
    """Arithmetic in one precision."""

    burst: float
    """FLOP/s, the best of short runs."""
    sustained: float | None = None
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
    dram_bytes_per_s: Mapping[str, float]
    """By access mix, keys of `READ_SHARES`."""
    peak_flop_per_s: Mapping[str, Peak]
    """By pipe."""
    l2_read_bytes_per_s: float | None = None
    mufu_per_s: float | None = None
    launch_floor_ns: Mapping[str, float] = field(default_factory=dict)
    """Of an empty kernel: `eager` and `graph`, from one launch to the next."""
    conditions: Mapping[str, Any] = field(default_factory=dict)
    """Driver, clocks, power, data, versions."""
    skipped: Mapping[str, str] = field(default_factory=dict)

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
        return Roofs(peaks, self.dram_bytes_per_s[mix] if mix else None, self.mufu_per_s)

    def as_dict(self) -> dict[str, Any]:
        """The content of a ceilings file."""
        return {"schema_version": SCHEMA_VERSION} | asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Ceilings":
        """The reverse of `as_dict`; unknown fields are left alone.

        Raises:
            ValueError: a figure is not a positive number, or a key is unknown.
        """
        known = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        known["peak_flop_per_s"] = {pipe: _peak(value) for pipe, value in known["peak_flop_per_s"].items()}
        found = cls(**known)
        if unknown := [*(set(found.peak_flop_per_s) - set(PIPES)), *(set(found.dram_bytes_per_s) - set(READ_SHARES))]:
            raise ValueError(f"an unknown key, {unknown[0]!r}")
        figures = [*found.dram_bytes_per_s.values(), *(p.burst for p in found.peak_flop_per_s.values())]
        figures += [x for x in (found.l2_read_bytes_per_s, found.mufu_per_s) if x is not None]
        if not all(isinstance(x, int | float) and math.isfinite(x) and x > 0 for x in figures):
            raise ValueError("a figure that is not a positive number")
        return found


def _peak(value: Any) -> Peak:
    """A table, or the burst alone; unknown keys are left alone."""
    if not isinstance(value, Mapping):
        return Peak(value)
    return Peak(**{key: item for key, item in value.items() if key in Peak.__dataclass_fields__})


def load_ceilings(path: Path) -> Ceilings:
    """Load a ceilings file, JSON or TOML.

    Raises:
        RoofprofError: missing, or not of that form.
    """
    hint = "give the file that roofprof ceilings -o wrote"
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise RoofprofError(f"cannot read {path}: {error.strerror}", hint) from None
    except ValueError as error:
        raise RoofprofError(f"{path} is not {'TOML' if path.suffix == '.toml' else 'JSON'}: {error}", hint) from None
    if not isinstance(data, dict) or data.get("schema_version") != SCHEMA_VERSION:
        raise RoofprofError(f"{path} does not hold ceilings of schema version {SCHEMA_VERSION}", hint)
    try:
        return Ceilings.from_dict(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RoofprofError(f"{path}: missing or invalid field: {error}", hint) from None
