"""Markdown: provenance, and what the reference document said beside what was measured."""

from roofprof.document.claimed_statements import UNKNOWN, MeasuredClaim, Statement
from roofprof.document.provenance import ReportOrigin, Span
from roofprof.formatting import format_si, quantity
from roofprof.reports.markdown.text import bullets, code, joined, number, percent, prose, rate, table, word
from roofprof.reports.markdown.view import View


def document_sections(view: View) -> list[str]:
    """Every sentence, then every claim of each kernel."""
    sections = view.sections
    told = [s for s in sections.statements if s.verdict != UNKNOWN]
    if len(told) < 2 and not any(claim.op for claim in sections.claims):  # the first is of datasheets alone
        return ["Nothing measured here can be compared with the reference document.", ""]
    ran = joined([code(name) for name in sections.ran])
    target = view.target_words(sections.cases)
    lines = [f"Sentences, against what was measured on {ran}:", ""]
    heads = ["The document said", "Measured", "Verdict"]
    lines += table(heads, [_statement(s) for s in sections.statements if not s.extrapolated])
    if there := [s for s in sections.statements if s.extrapolated]:
        lines += [f"The same sentences on {target}, by its roofs and the measured work:", ""]
        lines += table(["The document said", "By its roofs", "Verdict"], [_statement(s) for s in there])
    lines += [f"Claims of its table and its examples, against roofprof's formulas on {target}:", ""]
    heads = ["Kernel", "Op", "M", "AI, document", "AI, formula", "Attainable, document", "Attainable, formula",
             "Bound, document", "Bound, formula", "Verdict"]  # fmt: skip
    lines += table(heads, [_claim(claim) for claim in sections.claims])
    return [*lines, *_measured(view)]


def _statement(statement: Statement) -> list[str]:
    return [prose(statement.claim), prose(statement.measured), f"**{prose(statement.verdict)}**"]


def _claim(row: MeasuredClaim) -> list[str]:
    claim = row.claim
    note = f" ({prose(claim.note)})" if claim.note else ""
    return [
        code(claim.kernel) + note, code(claim.op), str(claim.m), number(claim.claimed_arithmetic_intensity),
        number(claim.arithmetic_intensity), rate(claim.claimed_attainable_flop_per_s),
        rate(claim.attainable_flop_per_s), word(claim.claimed_bound), word(claim.bound), prose(claim.verdict),
    ]  # fmt: skip


def _measured(view: View) -> list[str]:
    """Like with like: the claim's own kernel at the claim's tokens."""
    rows, missing = [], []
    for row in view.sections.claims:
        if row.op is None or row.case is None:
            missing.append(f"{code(row.claim.kernel)} for {code(row.claim.op)} at M {row.claim.m}")
            continue
        rows.append([
            code(row.claim.kernel), code(row.claim.op), str(row.claim.m), view.head(row.case),
            number(row.claim.claimed_arithmetic_intensity), number(row.op.arithmetic_intensity),
            word(row.claim.claimed_bound), prose(view.cause(row.op)), percent(row.op.of_roof),
        ])  # fmt: skip
    lines: list[str] = []
    if rows:
        ran = joined([code(name) for name in view.sections.ran])
        lines += [f"The same claims where that very kernel ran on {ran} at that M:", ""]
        heads = ["Kernel", "Op", "M", "Case", "AI, document", "AI, measured", "Bound, document", "What binds",
                 "Of roof"]  # fmt: skip
        lines += table(heads, rows)
    if missing:
        lines += [f"Not measured, and set beside nothing else: {joined(list(dict.fromkeys(missing)))}.", ""]
    return lines


def provenance(view: View) -> list[str]:
    """GPU, clocks, versions, cache mode, passes, dates, notes."""
    found = view.sections.provenance
    notes = [prose(note) for note in found.notes]
    if found.findings:
        counts = ", ".join(f"{count} {prose(severity)}" for severity, count in found.findings.items())
        notes.append(f"Findings: {counts}. `roofprof analyze --explain` prints them.")
    if found.unattributed_launches:
        launches = quantity(found.unattributed_launches, "launch lies", "launches lie")
        notes.append(f"{launches} in no range: they count in the rows of kernels.")
    heads = ["Report", "GPU", "Captured", "Cache", "Time by", "Launches", "Passes per launch", "SM clock", "DRAM clock"]
    lines = [*bullets(notes), *table(heads, [_origin(origin) for origin in found.origins])]
    versions: dict[str, list[str]] = {}
    for origin in found.origins:
        if origin.versions:
            text = ", ".join(f"{prose(name)} {prose(version)}" for name, version in origin.versions.items())
            versions.setdefault(text, []).append(code(origin.name))
    return [*lines, *bullets([f"Versions of {joined(names)}: {text}." for text, names in versions.items()])]


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
