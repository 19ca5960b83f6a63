"""Markdown: hardware limits, the model, kernel placement, and the formulas with numbers."""

from roofprof.document.placement import Placement, PlacementRow
from roofprof.document.sections import ReportSections, WorkedExample
from roofprof.formatting import escaped, format_si
from roofprof.hardware.devices import DeviceSpec
from roofprof.reports.markdown.text import code, joined, number, percent, prose, rate, size, table, times, whole, word
from roofprof.results.op import kernel_words

_PIPES = {
    "tensor_fp4": "FP4", "tensor_fp8": "FP8", "tensor_fp16": "FP16", "tensor_bf16": "BF16", "tensor_tf32": "TF32",
    "tensor_int8": "INT8", "fp64": "FP64", "fp32": "FP32",
}  # fmt: skip

MODEL = """```
Performance = min(peak FLOP/s, arithmetic intensity × peak bytes/s)

arithmetic intensity (AI) = FLOPs / bytes to and from DRAM
ridge point               = peak FLOP/s / peak bytes/s

AI below the ridge point: memory bounds the rate; above it: arithmetic does.
minimum time    = max(FLOPs / peak FLOP/s, bytes / peak bytes/s)
of roof         = minimum time / measured time
```

- *by formula*: FLOPs and compulsory bytes of the algorithm; *measured*: FLOPs and DRAM bytes that the hardware counted.
- *work ratio* and *byte ratio*: measured over formula; measured AI = formula AI × work ratio / byte ratio.
- An op that reaches neither roof by 60 % is latency-bound on the profiled GPU. Work of several precisions: the times
  of the tensor precisions add, other pipes overlap with them.
"""


def hardware(sections: ReportSections) -> list[str]:
    """Peaks, bandwidth and ridge points of the target and of the profiled GPUs."""
    gpus = sections.gpus
    rows = []
    for pipe, name in _PIPES.items():
        if any(pipe in gpu.peak_flop_per_s for gpu in gpus):
            rows.append([f"Peak compute, {name}, dense", *(rate(gpu.peak_flop_per_s.get(pipe)) for gpu in gpus)])
    rows.append(["Peak bandwidth", *(format_si(gpu.dram_bytes_per_s, "B/s") for gpu in gpus)])
    for pipe, name in _PIPES.items():
        if any(_ridge(gpu, pipe) for gpu in gpus):
            rows.append([f"Ridge point, {name} (FLOP/byte)", *(number(_ridge(gpu, pipe), 4) for gpu in gpus)])
    heads = [f"{code(gpu.name)}{' (profiled)' if gpu.name in sections.ran else ''}" for gpu in gpus]
    lines = table(["Metric", *heads], rows)
    for gpu in gpus:
        doubt = f" Doubtful: {prose(gpu.doubtful)}." if gpu.doubtful else ""
        lines.append(f"- {code(gpu.name)}: {prose(gpu.sku)}. Source: {prose(gpu.source)}.{doubt}")
    return [*lines, ""]


def _ridge(gpu: DeviceSpec, pipe: str) -> float | None:
    return gpu.ridge_point(pipe) if gpu.dram_bytes_per_s else None


def placements(sections: ReportSections) -> list[str]:
    """One table per case: the reference document's 11 kernels, then the other ops."""
    lines: list[str] = []
    shown = {id(case) for case in sections.headline}
    left_out = [case for case in sections.cases if id(case) not in shown]
    if not sections.placements:
        return ["Nothing was measured.", ""]
    if any(placed.document_rows for placed in sections.placements):
        lines += [
            "The reference document's 11 kernels first; what ran in a kernel's place follows it. Rows marked *formula*",
            "were not measured: their bound and attainable rate are the formula's, for a whole layer on one GPU.",
            "",
        ]
    for placed in sections.placements:
        lines += _placement(placed)
    if left_out:
        titles = joined([prose(case.title) for case in left_out])
        lines += [f"Without a table of their own, and in every sum and series below: {titles}.", ""]
    return lines


def _placement(placed: Placement) -> list[str]:
    case = placed.case
    target, here = code(case.source.target.name), code(case.gpu)
    headings = [
        "Kernel", "Op", "Figures", "AI, formula", "AI, measured", "Work ratio", "Byte ratio", f"Bound on {target}",
        f"Attainable on {target}", f"Bound on {here}", "Achieved", "Of roof", "Notes",
    ]  # fmt: skip
    lines = [f"### {prose(case.title)}", ""]
    if words := kernel_words(case.ops):
        lines += [f"{words[0].upper()}{words[1:]}.", ""]
    if placed.document_rows:
        lines += table(headings, [_cells(row) for row in placed.document_rows])
    if placed.document_rows and placed.other_rows:
        lines += ["The layer's other ops, which the reference document's table leaves out:", ""]
    if placed.other_rows:
        lines += table(headings, [_cells(row) for row in placed.other_rows])
    return lines


def _cells(row: PlacementRow) -> list[str]:
    shape = f"{'formula of ' if row.source == 'formula' else ''}{code(row.shape)}" if row.shape else ""
    notes = [
        prose(row.reason) if row.reason else "",
        shape,
        f"by {code(row.ran)}" if row.ran else "",
        ", ".join(map(prose, row.findings)),
    ]
    achieved = rate(row.achieved_flop_per_s) if row.achieved_flop_per_s else format_si(
        row.achieved_dram_bytes_per_s, "B/s"
    )  # fmt: skip
    return [
        code(row.kernel), f"{row.mark} {code(row.op)}".strip(), word(row.source), number(row.formula_intensity),
        number(row.intensity), times(row.work_ratio), times(row.byte_ratio), word(row.bound),
        rate(row.attainable_flop_per_s), word(row.bound_here), achieved, percent(row.roof_fraction),
        "; ".join(note for note in notes if note),
    ]  # fmt: skip


def formulas(sections: ReportSections) -> list[str]:
    """Each formula with the numbers of the longest op that it describes."""
    if not sections.examples:
        return ["No op of these reports has a formula: range names carry no shapes.", ""]
    lines = []
    for example in sections.examples:
        lines += _example(example)
    return lines


def _example(example: WorkedExample) -> list[str]:
    op, worked = example.op, example.worked
    flops = " = ".join(dict.fromkeys((worked.flop_expression, whole(worked.flop_count))))
    title = f"### {code(worked.formula)}: {code(op.label)}, {prose(example.case.title)}"
    lines = [title, "", worked.says, "", "```", escaped(f"FLOPs = {flops}")]
    lines += [escaped(f"Bytes: {what} = {expression}") for what, expression in worked.byte_terms]
    lines += [f"Bytes = {whole(worked.dram_bytes)}"]
    if worked.arithmetic_intensity:
        counts = f"{whole(worked.flop_count)} / {whole(worked.dram_bytes)}"
        lines += [f"AI    = {counts} = {number(worked.arithmetic_intensity)} FLOP/byte"]
    return [*lines, "```", "", _measured_beside(example), ""]


def _measured_beside(example: WorkedExample) -> str:
    op = example.op
    counted = f"{_or_unknown(op.flop_count)} FLOPs and {_or_unknown(op.dram_bytes)} bytes ({size(op.dram_bytes)})"
    ratios = f"work ratio {times(op.work_ratio)}, byte ratio {times(op.byte_ratio)}"
    return f"Counted: {counted}, AI {number(op.arithmetic_intensity)} FLOP/byte; {ratios}."


def _or_unknown(value: float | None) -> str:
    return "unknown" if value is None else whole(value)
