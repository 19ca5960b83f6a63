"""Markdown: hardware limits, the profiled GPU and the target each in a table of its own, and the model."""

from collections.abc import Set

from roofprof.document.sections import ReportSections
from roofprof.formatting import format_percent, format_si
from roofprof.hardware.ceilings import Ceilings
from roofprof.hardware.devices import DeviceSpec
from roofprof.hardware.roofline import LATENCY_THRESHOLD
from roofprof.reports.markdown.text import code, number, prose, rate, table

_PIPES = {
    "tensor_fp4": "FP4", "tensor_fp8": "FP8", "tensor_fp16": "FP16", "tensor_bf16": "BF16", "tensor_tf32": "TF32",
    "tensor_int8": "INT8", "fp64": "FP64", "fp32": "FP32",
}  # fmt: skip

_ALWAYS = {"tensor_fp4", "tensor_fp8", "tensor_fp16", "tensor_bf16", "fp32"}
"""Besides what the ops used: the reference document's precisions."""

MODEL = f"""```text
Performance = min(peak FLOP/s, arithmetic intensity × peak bytes/s)

arithmetic intensity (AI) = FLOPs / bytes to and from DRAM
ridge point               = peak FLOP/s / peak bytes/s
minimum time              = max(FLOPs / peak FLOP/s, bytes / peak bytes/s)
of roof                   = minimum time / measured time
headroom                  = measured time - minimum time
```

- AI below the ridge point: memory-bound; above it: compute-bound. An op under {format_percent(LATENCY_THRESHOLD)} of
  the datasheet's roof is bound by neither; what its counters show stands in its place: few blocks (fewer than SMs),
  start-up (short kernels), several kernels. Where they show nothing: *neither roof*, or *near its roof* for an op that
  reaches {format_percent(LATENCY_THRESHOLD)} of a measured one.
- *By formula*: FLOPs and compulsory bytes of the algorithm. *Measured*: what the hardware executed, padded tiles among
  it. *Useful*: the formula's FLOPs over the measured bytes.
- *Work ratio*, *byte ratio*: measured over formula. A layer's sums hold each op once, and not `lm_head`.
"""


def hardware(sections: ReportSections) -> list[str]:
    """Peaks, bandwidth and ridge points: profiled GPUs, then targets."""
    lines: list[str] = []
    used = {pipe for case in sections.cases for op in case.ops for pipe, count in op.flop_by_pipe.items() if count}
    ceilings = {case.gpu: case.source.ceilings for case in sections.cases}
    for gpu in sorted(sections.gpus, key=lambda gpu: gpu.name not in sections.ran):
        ran = gpu.name in sections.ran
        lines += [f"### {code(gpu.name)} ({'profiled' if ran else 'target, extrapolated'})", ""]
        lines += _limits(gpu, ceilings.get(gpu.name) if ran else None, used | _ALWAYS)
    return lines


def _limits(gpu: DeviceSpec, ceilings: Ceilings | None, shown: Set[str]) -> list[str]:
    measured = ceilings.peak_flop_per_s if ceilings else {}
    rows = []
    for pipe, name in _PIPES.items():
        if pipe in gpu.peak_flop_per_s and pipe in shown:
            ridge = gpu.ridge_point(pipe) if gpu.dram_bytes_per_s else None
            cells = [f"Peak compute, {name}", rate(gpu.peak_flop_per_s[pipe])]
            if ceilings:
                cells.append(rate(measured[pipe].burst) if pipe in measured else "—")
            rows.append([*cells, number(ridge, 4)])
    bandwidth = ["Peak bandwidth", format_si(gpu.dram_bytes_per_s, "B/s")]
    rows.append([*bandwidth, *([_bandwidths(ceilings)] if ceilings else []), "—"])
    heads = ["Metric", "Dense peak", *(["Measured"] if ceilings else []), "Ridge point (FLOP/byte)"]
    source = f"{prose(gpu.sku)}. Source: {prose(gpu.source)}."
    doubt = f" Doubtful: {prose(gpu.doubtful)}." if gpu.doubtful else ""
    if ceilings and ceilings.origin == "shipped":
        source += f" Measured on another {prose(ceilings.gpu)}, {prose(ceilings.created[:10])}."
    return [*table(heads, rows), source + doubt, ""]


def _bandwidths(ceilings: Ceilings) -> str:
    """`2.80 to 3.16 TB/s`: by the mix of reads and writes."""
    low, high = (format_si(f(ceilings.dram_bytes_per_s.values()), "B/s") for f in (min, max))
    return low if low == high else f"{low} to {high}"
