"""GPU specifications: dense peaks and bandwidth with SKU and source, from gpus.toml or a user's own TOML."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated

from roofprof.errors import ReportError, RoofprofError, UsageError
from roofprof.field_errors import FieldError, wrong
from roofprof.files import read_toml
from roofprof.validate import Bounds, built, checked, known_keys

PIPES = (
    "tensor_fp4", "tensor_fp6", "tensor_fp8", "tensor_fp16", "tensor_bf16", "tensor_tf32", "tensor_fp64",
    "tensor_int8", "fp64", "fp32", "fp16",
)  # fmt: skip
"""Keys of `flop_by_pipe` and of peaks."""
_HINT = "docs/gpus.md shows the form"
_MAGNITUDES = {
    "dram_bytes_per_s": Bounds(1e9, 1e15, unit="B/s"),
    "l2_bytes_per_s": Bounds(1e9, 1e16, unit="B/s"),
    "mufu_per_s": Bounds(1e9, 1e17),
    "boost_clock_hz": Bounds(1e7, 1e11, unit="Hz"),
    "dram_bytes": Bounds(1e8, 1e15, unit="B"),
    "l2_cache_bytes": Bounds(1e4, 1e12, unit="B"),
    "sm_count": Bounds(1, 1e5),
    "nvlink_bytes_per_s": Bounds(1e9, 1e14, unit="B/s"),
    "pcie_bytes_per_s": Bounds(1e8, 1e14, unit="B/s"),
    "nic_bytes_per_s": Bounds(1e8, 1e14, unit="B/s"),
}
PEAK = Bounds(1e9, 1e19, unit="FLOP/s")
"""What any GPU has: figures beyond are in another unit, such as TFLOP/s or GB/s."""


_POSITIVE = Bounds(positive=True)


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """What one GPU can do at best."""

    name: str
    sku: str
    source: str
    """Where the figures are from; printed with every output."""
    peak_flop_per_s: Annotated[Mapping[str, float], Bounds(positive=True, unit="FLOP/s", keys=PIPES)]
    """Dense peaks by pipe; a pipe that is absent is unknown or not there."""
    dram_bytes_per_s: Annotated[float | None, _POSITIVE]
    """None for a GPU that no datasheet is known of, where its report holds no DRAM peak either."""
    dram_bytes: Annotated[float | None, _POSITIVE] = None
    mufu_per_s: Annotated[float | None, _POSITIVE] = None
    sm_count: Annotated[int | None, _POSITIVE] = None
    boost_clock_hz: Annotated[float | None, _POSITIVE] = None
    l2_cache_bytes: Annotated[float | None, _POSITIVE] = None
    l2_bytes_per_s: Annotated[float | None, _POSITIVE] = None
    nvlink_bytes_per_s: Annotated[float | None, _POSITIVE] = None
    """To other GPUs, each way."""
    pcie_bytes_per_s: Annotated[float | None, _POSITIVE] = None
    """Each way."""
    nic_bytes_per_s: Annotated[float | None, _POSITIVE] = None
    """The network's share of one GPU, each way."""
    compute_capability: str | None = None
    doubtful: str | None = None
    match: tuple[str, ...] = field(default=())
    """Parts of the display name by which a report's GPU is recognised."""

    def ridge_point(self, pipe: str) -> float | None:
        """FLOP/byte at which a pipe's peak meets DRAM bandwidth, or None where either is unknown."""
        peak = self.peak_flop_per_s.get(pipe)
        return None if peak is None or not self.dram_bytes_per_s else peak / self.dram_bytes_per_s

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        data = asdict(self)
        data["peak_flop_per_s"] = dict(self.peak_flop_per_s)
        data.pop("match")
        return data


@cache
def bundled_gpus() -> Mapping[str, DeviceSpec]:
    """Every GPU that ships, by name, in the order of gpus.toml."""
    return _parse(_bundled_table(), "gpus.toml")


@cache
def _bundled_table() -> Mapping[str, object]:
    return tomllib.loads((Path(__file__).parent / "gpus.toml").read_text(encoding="utf-8"))


def load_gpu(name_or_file: str) -> DeviceSpec:
    """A GPU by bundled name, or the first one of a TOML file of the same form.

    Raises:
        UsageError: neither a name nor a file.
        RoofprofError: the file is not TOML, or a figure is missing.
    """
    if name_or_file in bundled_gpus():
        return bundled_gpus()[name_or_file]
    path = Path(name_or_file)
    if path.suffix != ".toml" and not os.path.isfile(path):
        known = ", ".join(bundled_gpus())
        raise UsageError(f"unknown GPU {name_or_file!r}", f"use one of {known}, 'same', or a TOML file")
    specs = _parse(read_toml(path, _HINT), str(path))
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


def _parse(table: Mapping[str, object], origin: str) -> dict[str, DeviceSpec]:
    specs: dict[str, DeviceSpec] = {}
    for name, row in table.items():
        try:
            if not isinstance(row, dict):
                raise wrong(row, "a table of one GPU")
            specs[name] = _spec(name, row, table, origin)
        except FieldError as error:
            raise ReportError(f"{origin}: {error.inside(name)}", _HINT) from None
    return specs


def _spec(name: str, row: Mapping[str, object], table: Mapping[str, object], origin: str) -> DeviceSpec:
    """One GPU, each figure checked.

    Raises:
        FieldError: a key is missing, unknown, or not what it must be.
    """
    known_keys(row, (*(key for key in DeviceSpec.__dataclass_fields__ if key != "name"), "inherits"))
    whole = _inherit(row, table)
    whole = {"sku": name, "source": origin, "dram_bytes_per_s": None, **whole, "name": name}
    if not whole.get("peak_flop_per_s"):
        raise FieldError(" is missing: expected a table of FLOP/s by pipe", "peak_flop_per_s")
    if whole["dram_bytes_per_s"] is None:
        raise FieldError(" is missing: expected a number in B/s", "dram_bytes_per_s")
    spec = built(DeviceSpec, whole, refuse_unknown=True)
    for key, limits in _MAGNITUDES.items():
        _check_magnitude(key, getattr(spec, key), limits)
    for pipe, peak in spec.peak_flop_per_s.items():
        _check_magnitude(f"peak_flop_per_s.{pipe}", peak, PEAK)
    return spec


def _check_magnitude(key: str, figure: float | None, bounds: Bounds) -> None:
    try:
        checked(float | None, figure, bounds)
    except FieldError as error:
        raise error.inside(key) from None


def _inherit(row: Mapping[str, object], table: Mapping[str, object]) -> dict[str, object]:
    """Fill what is missing in a row from the one that it inherits: of its own table, or a bundled one.

    Figures of its own are not the parent's: neither are its name and where they are from.
    """
    if "inherits" not in row:
        return dict(row)
    parent_name = row["inherits"]
    if not isinstance(parent_name, str):
        raise wrong(parent_name, "the name of a GPU").inside("inherits")
    parent = table.get(parent_name)
    if parent is None and table is not _bundled_table() and parent_name in bundled_gpus():
        parent = bundled_gpus()[parent_name].as_dict()
    if not isinstance(parent, dict) or parent is row or "inherits" in parent:
        raise FieldError(
            f" = {parent_name!r:.60}: expected a GPU that inherits from none, bundled or of this file", "inherits"
        )
    merged = {k: v for k, v in parent.items() if k not in _OWN and v is not None} | dict(row)
    inherited, own = parent.get("peak_flop_per_s", {}), row.get("peak_flop_per_s", {})
    merged["peak_flop_per_s"] = inherited | own if isinstance(inherited, dict) and isinstance(own, dict) else own
    merged.setdefault("source", f"own figures; what they leave out: {parent.get('source', parent_name)}")
    del merged["inherits"]
    return merged


_OWN = ("match", "name", "sku", "source")
