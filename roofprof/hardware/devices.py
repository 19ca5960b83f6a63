"""GPU specifications: dense peaks and bandwidth with SKU and source, from gpus.toml or a user's own TOML."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from roofprof.errors import RoofprofError, UsageError

PIPES = (
    "tensor_fp4", "tensor_fp6", "tensor_fp8", "tensor_fp16", "tensor_bf16", "tensor_tf32", "tensor_fp64",
    "tensor_int8", "fp64", "fp32", "fp16",
)  # fmt: skip
"""Keys of `flop_by_pipe` and of peaks."""


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """What one GPU can do at best."""

    name: str
    sku: str
    source: str
    """Where the figures are from; printed with every output."""
    peak_flop_per_s: Mapping[str, float]
    """Dense peaks by pipe; a pipe that is absent is unknown or not there."""
    dram_bytes_per_s: float | None
    """None for a GPU that no datasheet is known of, where its report holds no DRAM peak either."""
    dram_bytes: float | None = None
    mufu_per_s: float | None = None
    sm_count: int | None = None
    boost_clock_hz: float | None = None
    l2_cache_bytes: float | None = None
    l2_bytes_per_s: float | None = None
    compute_capability: str | None = None
    doubtful: str | None = None
    match: tuple[str, ...] = field(default=())
    """Parts of the display name by which a report's GPU is recognised."""

    def ridge_point(self, pipe: str) -> float | None:
        """FLOP/byte at which a pipe's peak meets DRAM bandwidth, or None where either is unknown."""
        peak = self.peak_flop_per_s.get(pipe)
        return None if peak is None or not self.dram_bytes_per_s else peak / self.dram_bytes_per_s

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        data = asdict(self)
        data["peak_flop_per_s"] = dict(self.peak_flop_per_s)
        data.pop("match")
        return data


def device_from_dict(data: Mapping[str, Any]) -> DeviceSpec:
    """The reverse of `DeviceSpec.as_dict`."""
    return DeviceSpec(**{k: v for k, v in data.items() if k in DeviceSpec.__dataclass_fields__})


@cache
def bundled_gpus() -> Mapping[str, DeviceSpec]:
    """Every GPU that ships, by name, in the order of gpus.toml."""
    text = (Path(__file__).parent / "gpus.toml").read_text(encoding="utf-8")
    return _parse(tomllib.loads(text), "gpus.toml")


def load_gpu(name_or_file: str) -> DeviceSpec:
    """A GPU by bundled name, or the first one of a TOML file of the same form.

    Raises:
        UsageError: neither a name nor a file.
        RoofprofError: the file is not TOML, or a figure is missing.
    """
    if name_or_file in bundled_gpus():
        return bundled_gpus()[name_or_file]
    path = Path(name_or_file)
    if path.suffix != ".toml" and not path.is_file():
        known = ", ".join(bundled_gpus())
        raise UsageError(f"unknown GPU {name_or_file!r}", f"use one of {known}, 'same', or a TOML file")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RoofprofError(f"cannot read {path}: {error}", "see docs/gpus.md for the form") from error
    except tomllib.TOMLDecodeError as error:
        raise RoofprofError(f"{path} is not TOML: {error}", "see docs/gpus.md for the form") from error
    specs = _parse(table, str(path))
    if not specs:
        raise RoofprofError(f"{path} holds no GPU", "write a table such as [my-gpu], as docs/gpus.md shows")
    return next(iter(specs.values()))


def recognise_gpu(display_name: str) -> DeviceSpec | None:
    """The bundled GPU that a report's device name means, or None. MIG slices are not the whole GPU."""
    if "MIG" in display_name:
        return None
    words = display_name.replace("-", " ").replace("_", " ")
    for spec in bundled_gpus().values():
        for part in spec.match:
            wanted = part.replace("-", " ")
            if f" {wanted} " in f" {words} ":
                return spec
    return None


def _parse(table: Mapping[str, Any], origin: str) -> dict[str, DeviceSpec]:
    specs: dict[str, DeviceSpec] = {}
    for name, row in table.items():
        if not isinstance(row, dict):
            raise RoofprofError(f"{origin}: {name!r} is not a table of one GPU", "see docs/gpus.md for the form")
        specs[name] = _spec(name, _inherit(row, table), origin)
    return specs


def _inherit(row: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """Fill what is missing in a row from the one that it inherits: of its own table, or a bundled one."""
    if "inherits" not in row:
        return dict(row)
    parent_name = row["inherits"]
    parent = table.get(parent_name)
    if parent is None and parent_name in bundled_gpus():
        parent = bundled_gpus()[parent_name].as_dict()
    if not isinstance(parent, dict):
        raise RoofprofError(f"no GPU {parent_name!r} to inherit from", "see docs/gpus.md for the form")
    merged = {k: v for k, v in parent.items() if k not in ("match", "name") and v is not None} | dict(row)
    merged["peak_flop_per_s"] = parent["peak_flop_per_s"] | row.get("peak_flop_per_s", {})
    del merged["inherits"]
    return merged


def _spec(name: str, row: dict[str, Any], origin: str) -> DeviceSpec:
    known = set(DeviceSpec.__dataclass_fields__) - {"name"}
    if unknown := sorted(set(row) - known):
        raise RoofprofError(f"{origin}: GPU {name!r} has unknown keys: {', '.join(unknown)}", "see docs/gpus.md")
    peaks = row.get("peak_flop_per_s")
    if not isinstance(peaks, dict) or not peaks:
        raise RoofprofError(f"{origin}: GPU {name!r} has no peak_flop_per_s table", "see docs/gpus.md for the form")
    if unknown := sorted(set(peaks) - set(PIPES)):
        raise RoofprofError(f"{origin}: GPU {name!r}: unknown pipe {unknown[0]!r}", f"use {', '.join(PIPES)}")
    figures = {
        **peaks,
        **{k: v for k, v in row.items() if k.endswith(("_per_s", "_hz")) and k != "peak_flop_per_s"},
    }
    figures.setdefault("dram_bytes_per_s", None)
    for key, value in figures.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            raise RoofprofError(f"{origin}: GPU {name!r}: {key} must be a positive number", "see docs/gpus.md")
    row = {"sku": name, "source": origin, **row, "match": tuple(row.get("match", ()))}
    return DeviceSpec(name=name, **row)
