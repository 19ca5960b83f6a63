"""GPU specifications: dense peaks and bandwidth with SKU and source, from gpus/*.toml or a user's own TOML."""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from roofprof.errors import ReportError, RoofprofError, UsageError
from roofprof.field_errors import FieldError, wrong
from roofprof.files import read_toml
from roofprof.validate import Bounds, built, checked, known_keys

if TYPE_CHECKING:
    from roofprof.hardware.roofline import Roofs

T = TypeVar("T")

PIPES = (
    "tensor_fp4", "tensor_fp6", "tensor_fp8", "tensor_fp16", "tensor_bf16", "tensor_tf32", "tensor_fp64",
    "tensor_int8", "fp64", "fp32", "fp16",
)  # fmt: skip
"""Keys of `flop_by_pipe` and of peaks."""
DEFAULT_GPU = "gb200"
"""The target of the roofline where none is named: the reference document's."""
SAME_GPU = "same"
"""In place of a name: the profiled GPU."""
_HINT = "docs/gpus.md shows the form"
_MAGNITUDES = {
    "dram_bytes_per_s": Bounds(1e9, 1e15, unit="B/s"),
    "l2_bytes_per_s": Bounds(1e9, 1e16, unit="B/s"),
    "mufu_per_s": Bounds(1e9, 1e17),
    "boost_clock_hz": Bounds(1e7, 1e11, unit="Hz"),
    "tensor_clock_hz": Bounds(1e7, 1e11, unit="Hz"),
    "nvlink_bytes_per_s": Bounds(1e8, 1e14, unit="B/s"),
    "pcie_bytes_per_s": Bounds(1e8, 1e14, unit="B/s"),
    "nic_bytes_per_s": Bounds(1e7, 1e14, unit="B/s"),
    "dram_bytes": Bounds(1e8, 1e15, unit="B"),
    "l2_cache_bytes": Bounds(1e4, 1e12, unit="B"),
    "sm_count": Bounds(1, 1e5),
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
    tensor_clock_hz: Annotated[float | None, _POSITIVE] = None
    """The clock that the tensor peaks (FP64's not among them) are at, where it is not the boost clock."""
    l2_cache_bytes: Annotated[float | None, _POSITIVE] = None
    l2_bytes_per_s: Annotated[float | None, _POSITIVE] = None
    nvlink_bytes_per_s: Annotated[float | None, _POSITIVE] = None
    """Each way, all links of the GPU together."""
    pcie_bytes_per_s: Annotated[float | None, _POSITIVE] = None
    """Each way."""
    nic_bytes_per_s: Annotated[float | None, _POSITIVE] = None
    """Each way, a GPU's share of the network, where a system of NVIDIA's defines it."""
    links_source: str | None = None
    compute_capability: str | None = None
    doubtful: str | None = None
    match: tuple[str, ...] = field(default=())
    """Display names by which a report's GPU is recognised, without the vendor's words before them."""

    def clock_of(self, pipe: str) -> float | None:
        """The clock in Hz that a pipe's peak is at, or None where it is unknown."""
        tensor = pipe.startswith("tensor_") and pipe != "tensor_fp64"
        return (self.tensor_clock_hz if tensor else None) or self.boost_clock_hz

    def ridge_point(self, pipe: str) -> float | None:
        """FLOP/byte at which a pipe's peak meets DRAM bandwidth, or None where either is unknown."""
        peak = self.peak_flop_per_s.get(pipe)
        return None if peak is None or not self.dram_bytes_per_s else peak / self.dram_bytes_per_s

    def roofline(self) -> "Roofs":
        """The datasheet's roofs, to place work under."""
        from roofprof.hardware.roofline import Roofs

        return Roofs.of(self)

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        data = asdict(self)
        data["peak_flop_per_s"] = dict(self.peak_flop_per_s)
        data.pop("match")
        return data


FAMILIES: Mapping[str, str] = {
    "blackwell": "Blackwell",
    "hopper": "Hopper",
    "ampere": "Ampere",
    "ada": "Ada",
    "volta-turing": "Volta and Turing",
    "rtx-pro": "RTX PRO Blackwell",
    "geforce-50": "GeForce RTX 50",
    "geforce-40": "GeForce RTX 40",
    "geforce-30": "GeForce RTX 30",
    "geforce-20": "GeForce RTX 20",
    "geforce-16": "GeForce GTX 16",
}
"""Files of gpus/ and their headings, in the order in which lists show them."""


class _ByName(Mapping[str, T]):
    """What the bundled files say of each GPU, family by family; a file is parsed when one of its GPUs is asked for."""

    def __init__(self, of_family: Callable[[str], Mapping[str, T]]) -> None:
        self._of_family = of_family

    def __getitem__(self, name: str) -> T:
        stem = next((stem for stem in FAMILIES if f"\n[{name}]\n" in _text(stem)), None)
        if stem is None:
            raise KeyError(name)
        return self._of_family(stem)[name]

    def __iter__(self) -> Iterator[str]:
        return (name for stem in FAMILIES for name in self._of_family(stem))

    def __len__(self) -> int:
        return sum(len(self._of_family(stem)) for stem in FAMILIES)

    def __repr__(self) -> str:
        return f"<GPUs: {', '.join(self)}>"


@cache
def bundled_gpus() -> Mapping[str, DeviceSpec]:
    """Every GPU that ships, by name, family by family."""
    return _ByName(_family)


@cache
def bundled_families() -> Mapping[str, Sequence[DeviceSpec]]:
    """The GPUs that ship, by heading."""
    return {heading: list(_family(stem).values()) for stem, heading in FAMILIES.items()}


@cache
def _family(stem: str) -> Mapping[str, DeviceSpec]:
    return _parse(_table(stem), f"gpus/{stem}.toml", _bundled_table())


@cache
def _text(stem: str) -> str:
    return (Path(__file__).parent / "gpus" / f"{stem}.toml").read_text(encoding="utf-8")


@cache
def _table(stem: str) -> Mapping[str, object]:
    return tomllib.loads(_text(stem))


@cache
def _bundled_table() -> Mapping[str, object]:
    return _ByName(_table)


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
        raise unknown_gpu(name_or_file)
    specs = _parse(read_toml(path, _HINT), str(path))
    if not specs:
        raise RoofprofError(f"{path} holds no GPU", "write a table such as [my-gpu], as docs/gpus.md shows")
    return next(iter(specs.values()))


def unknown_gpu(name: str) -> UsageError:
    """The error for a name that no GPU has, with those that it may mean."""
    near = difflib.get_close_matches(name.lower(), bundled_gpus(), n=5)
    known = f"did you mean {', '.join(near)}? " if near else ""
    return UsageError(f"unknown GPU {name!r}", f"{known}`roofprof gpus` lists the names; 'same' and a TOML file go too")


_VENDOR_WORDS = re.compile(r"^(NVIDIA |Tesla |GeForce )+")


def recognise_gpu(display_name: str, sm_count: float | None = None) -> DeviceSpec | None:
    """The bundled GPU that a report's device name means, or None: the name fits as a whole or not at all.

    Drivers write `Tesla T4`, `GeForce RTX 2070` or `NVIDIA GeForce RTX 2070` for one card; a laptop's GPU or a MIG
    slice has more words in its name and is another.

    Args:
        display_name: as the driver gives it.
        sm_count: tells cards of one name apart, such as the two RTX 3080.
    """
    words = _VENDOR_WORDS.sub("", " ".join(display_name.split()))
    families = [_family(stem) for stem in FAMILIES if words in _text(stem)]  # the others cannot match
    found = [spec for family in families for spec in family.values() if words in spec.match]
    return next((spec for spec in found if spec.sm_count == sm_count), found[0] if found else None)


def _parse(
    table: Mapping[str, object], origin: str, parents: Mapping[str, object] | None = None
) -> dict[str, DeviceSpec]:
    """The GPUs of a table, which inherit from those of it or of `parents`."""
    specs: dict[str, DeviceSpec] = {}
    for name, row in table.items():
        try:
            if not isinstance(row, dict):
                raise wrong(row, "a table of one GPU")
            specs[name] = _spec(name, row, table if parents is None else parents, origin)
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
