"""The report as one Markdown document, in the order of the reference document; every number from the analyses alone."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.document.sections import ReportSections, build_sections
from roofprof.errors import RoofprofError
from roofprof.files import write_whole
from roofprof.reports.markdown.bottlenecks import bottleneck_sections, scaling
from roofprof.reports.markdown.claims import document_sections, provenance
from roofprof.reports.markdown.opportunities import opportunity_sections
from roofprof.reports.markdown.placement import MODEL, formulas, hardware, placements
from roofprof.reports.markdown.text import code, joined, prose
from roofprof.results.report import RooflineReport


def render_markdown(reports: Sequence[RooflineReport]) -> str:
    """The document's text.

    Args:
        reports: at least one; their cases stand side by side.
    """
    sections = build_sections(reports)
    parts = (
        ("Hardware Limits", hardware(sections)),
        ("Roofline Model", MODEL.splitlines()),
        ("Kernel Placement", placements(sections)),
        ("Arithmetic Intensity Formulas", formulas(sections)),
        ("Bottleneck Analysis", bottleneck_sections(sections)),
        ("Scaling Behavior", scaling(sections)),
        ("Optimization Opportunities", opportunity_sections(sections)),
        ("What the Reference Document Said, What Was Measured", document_sections(sections)),
        ("Provenance", provenance(sections)),
    )
    lines = _head(sections)
    for title, body in parts:
        lines += [f"## {title}", "", *body, ""]
    return _tidy(lines)


def write_markdown(reports: Sequence[RooflineReport], path: Path) -> Path:
    """Write the document, whole or not at all.

    Raises:
        RoofprofError: the file cannot be written.
    """
    try:
        return write_whole(path, lambda partial: partial.write_text(render_markdown(reports), encoding="utf-8"))
    except OSError as error:
        raise RoofprofError(f"cannot write {path}: {error.strerror or error}", "choose another file with -o") from None


def _head(sections: ReportSections) -> list[str]:
    target = joined([code(gpu.name) for gpu in sections.gpus if gpu.name not in sections.ran]) or "the profiled GPU"
    ran = joined([code(name) for name in sections.ran])
    titles = [prose(case.title) for case in sections.cases]
    count = "1 case" if len(titles) == 1 else f"{len(titles)} cases"
    return [
        f"# Roofline Analysis: {target}, measured on {ran}",
        "",
        f"**Generated:** {joined([prose(date) for date in sections.provenance.generated])}",
        "",
        f"{count}: {'; '.join(titles)}." if titles else "No case: no launch lies in a range.",
        "",
    ]


def _tidy(lines: Sequence[str]) -> str:
    """One blank line at most, and a line end at the end."""
    out: list[str] = []
    for line in lines:
        if line or (out and out[-1]):
            out.append(line)
    return "\n".join(out).rstrip("\n") + "\n"
