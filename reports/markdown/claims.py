"""Markdown: provenance, and what the reference document said beside what was measured."""

from roofprof.document.claimed_statements import MeasuredClaim
from roofprof.document.provenance import ReportOrigin, Span
from roofprof.document.sections import ReportSections
from roofprof.formatting import format_si
from roofprof.reports.markdown.text import code, number, prose, rate, table, word
from roofprof.results.op import OpResult


def document_sections(sections: ReportSections) -> list[str]:
    """Every claim of each kernel, then every sentence."""
    if not sections.claims:
        return ["Nothing measured here can be compared with the reference document.", ""]
    lines = [
        "AI by formula is roofprof's at the claim's tokens (M) and precision. AI measured is that of the nearest case",
        "and of what ran there, padded tiles counted. Claims are checked by the formulas, sentences by measurement.",
        "",
    ]
    heads = ["Kernel", "Op", "Bound, document", "Measured in", "By", "Bound, measured", "M", "AI, document",
             "AI, formula", "AI, measured", "Attainable, document", "Attainable, formula", "Verdict"]  # fmt: skip
    lines += table(heads, [_claim(claim) for claim in sections.claims])
    rows = [[prose(s.claim), prose(s.measured), f"**{s.verdict}**"] for s in sections.statements]
    return [*lines, *table(["The document said", "Measured", "Verdict"], rows)]


def _claim(row: MeasuredClaim) -> list[str]:
    claim, op = row.claim, row.op
    note = f" ({prose(claim.note)})" if claim.note else ""
    here = "not measured" if op is None else f"{word(op.bound)} ({word(op.measured_on.bound)} on the profiled GPU)"
    return [
        code(claim.kernel) + note, code(claim.op), word(claim.claimed_bound),
        prose(row.case.title) if row.case else "—", code(_ran(op)) if op else "—", here, str(claim.m),
        number(claim.claimed_arithmetic_intensity),
        number(claim.arithmetic_intensity), number(op.arithmetic_intensity if op else None),
        rate(claim.claimed_attainable_flop_per_s), rate(claim.attainable_flop_per_s), prose(claim.verdict),
    ]  # fmt: skip


def _ran(op: OpResult) -> str:
    precision = op.formula.shape.get("precision") if op.formula else None
    return f"{op.implementation or op.op}{f', {precision}' if precision else ''}"


def provenance(sections: ReportSections) -> list[str]:
    """GPU, clocks, versions, cache mode, passes, dates, notes."""
    found = sections.provenance
    lines = [f"- {prose(note)}" for note in found.notes]
    if found.findings:
        counts = ", ".join(f"{count} {prose(severity)}" for severity, count in found.findings.items())
        lines.append(f"- Findings: {counts}. `roofprof analyze --explain` prints them.")
    if found.unattributed_launches:
        lines.append(f"- {found.unattributed_launches} launches lie in no range: they count in the rows of kernels.")
    heads = ["Report", "GPU", "Captured", "Cache", "Time by", "Launches", "Passes per launch", "SM clock", "DRAM clock"]
    lines += ["", *table(heads, [_origin(origin) for origin in found.origins])]
    for origin in found.origins:
        if origin.versions:
            versions = ", ".join(f"{prose(name)} {prose(version)}" for name, version in origin.versions.items())
            lines += [f"- Versions of {code(origin.name)}: {versions}."]
    return [*lines, ""]


def _origin(origin: ReportOrigin) -> list[str]:
    sources = [*map(prose, origin.time_sources), *(code(trace) for trace in origin.traces)]
    return [
        code(origin.name), prose(origin.device or "unknown"), prose(origin.created or "—"),
        ", ".join(prose(mode) for mode in origin.cache_modes) or "—", ", ".join(sources) or "—",
        str(origin.launch_count), "/".join(map(str, origin.replay_passes)) or "—", _span(origin.sm_clock_hz),
        _span(origin.dram_clock_hz),
    ]  # fmt: skip


def _span(span: Span) -> str:
    if span is None:
        return "—"
    low, high = format_si(span[0], "Hz"), format_si(span[1], "Hz")
    return low if low == high else f"{low} to {high}"
