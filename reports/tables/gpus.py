"""The GPUs known, for a terminal of 80 columns: one line each, or the whole sheet of those asked for."""

from collections.abc import Iterator, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roofprof.formatting import format_number, format_si
from roofprof.hardware.devices import DeviceSpec
from roofprof.reports.tables.terminal import shown

WIDTH = 80
_PIPES = ("tensor_fp4", "tensor_fp8", "tensor_fp16", "tensor_tf32", "fp32")


def print_gpus(families: Mapping[str, Sequence[DeviceSpec]], details: bool = False) -> None:
    """GPUs by family, TFLOP/s dense; with their sources where `details` asks for them."""
    console = Console(width=WIDTH, highlight=False, markup=False, emoji=False)
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=0, pad_edge=False)
    for heading in ("name", "FP4", "FP8", "FP16", "TF32", "FP32", "TB/s", "ridge", "GB", "NVLink"):
        table.add_column(heading, justify="left" if heading == "name" else "right", no_wrap=True)
    for heading, specs in families.items():
        table.add_section()
        table.add_row(Text(heading, style="bold"))
        for spec in specs:
            table.add_row(shown(f" {spec.name}{'*' if spec.doubtful else ''}"), *_cells(spec))
    console.print(table)
    console.print(
        "FP4 to TF32: tensor cores, FP32: CUDA cores; TFLOP/s, dense, with FP32 accumulation (half the rate of FP16 "
        "accumulation on GeForce cards). Ridge of FP16 in FLOP/byte; NVLink in GB/s each way."
    )
    if details:
        for spec in (spec for specs in families.values() for spec in specs):
            console.print()
            for line in _sheet(spec):
                console.print(shown(line))
    else:
        console.print(
            "* doubtful in part. What, every source and the other figures: roofprof gpus NAME, or --json. A file of "
            "your own: docs/gpus.md"
        )


def _cells(spec: DeviceSpec) -> Iterator[str]:
    for pipe in _PIPES:
        yield _scaled(spec.peak_flop_per_s.get(pipe), 1e12)
    yield _scaled(spec.dram_bytes_per_s, 1e12)
    yield _scaled(spec.ridge_point("tensor_fp16"), 1)
    yield _scaled(spec.dram_bytes, 1e9)
    yield _scaled(spec.nvlink_bytes_per_s, 1e9)


def _scaled(figure: float | None, unit: float) -> str:
    """As sheets print it: 989.4 and 1979, but 75 and not 75.00."""
    text = format_number(None if figure is None else figure / unit, 4)
    return text.rstrip("0").removesuffix(".") if "." in text else text


def _sheet(spec: DeviceSpec) -> Iterator[str]:
    """All that is known of one GPU, a line each."""
    yield f"{spec.name}: {spec.sku}"
    yield f"  source: {spec.source}"
    if spec.doubtful:
        yield f"  doubtful: {spec.doubtful}"
    peaks = ", ".join(f"{pipe} {format_si(peak)}" for pipe, peak in spec.peak_flop_per_s.items())
    yield f"  peaks, FLOP/s: {peaks}" + (f"; special functions {format_si(spec.mufu_per_s)}/s" * bool(spec.mufu_per_s))
    figures = {
        "SMs": spec.sm_count, "boost": format_si(spec.boost_clock_hz, "Hz"),
        "tensor peaks at": format_si(spec.tensor_clock_hz, "Hz"), "L2": format_si(spec.l2_cache_bytes, "B"),
        "compute capability": spec.compute_capability,
    }  # fmt: skip
    yield "  " + ", ".join(f"{name} {figure}" for name, figure in figures.items() if figure not in (None, "—"))
    links = {"NVLink": spec.nvlink_bytes_per_s, "PCIe": spec.pcie_bytes_per_s, "NIC": spec.nic_bytes_per_s}
    if known := ", ".join(f"{name} {format_si(rate, 'B/s')}" for name, rate in links.items() if rate):
        yield f"  links, each way: {known} ({spec.links_source})"
