"""The report as one Markdown document, in the order of the reference document; every number from the analyses alone."""

from collections.abc import Sequence
from pathlib import Path

from roofprof.document.sections import ReportSections, build_sections
from roofprof.errors import RoofprofError
from roofprof.files import write_whole
from roofprof.reports.markdown.appendix import all_ops, findings
from roofprof.reports.markdown.bottlenecks import bottleneck_sections
from roofprof.reports.markdown.claims import document_sections, provenance
from roofprof.reports.markdown.formulas import formulas, further_formulas
from roofprof.reports.markdown.generate import generate
from roofprof.reports.markdown.hardware import MODEL, hardware
from roofprof.reports.markdown.opportunities import opportunity_sections
from roofprof.reports.markdown.placement import placements
from roofprof.reports.markdown.scaling import scaling
from roofprof.reports.markdown.summary import summary
from roofprof.reports.markdown.text import code, joined, prose
from roofprof.reports.markdown.view import View
from roofprof.results.report import RooflineReport

_FIRST_OF_APPENDIX = "Appendix: All Ops"


def render_markdown(reports: Sequence[RooflineReport], picture: str = "roofline.png") -> str:
    """The document's text.

    Args:
        reports: at least one; their cases stand side by side.
        picture: name of the picture beside the document, which it links.
    """
    sections = build_sections(reports)
    view = View(sections, picture)
    parts = (
        ("Summary", summary(view)),
        ("Hardware Limits", hardware(sections)),
        ("Roofline Model", MODEL.splitlines()),
        ("Kernel Placement", placements(view)),
        ("Arithmetic Intensity Formulas", formulas(view)),
        ("Bottleneck Analysis", bottleneck_sections(view)),
        ("Scaling Behavior", scaling(view)),
        ("Optimization Opportunities", opportunity_sections(view)),
        ("How to Generate Roofline Plot", generate()),
        ("Appendix: All Ops", all_ops(view)),
        ("Appendix: Further Formulas", further_formulas(view)),
        ("Appendix: What the Reference Document Said", document_sections(view)),
        ("Appendix: Findings", findings(view)),
        ("Appendix: Provenance", provenance(view)),
    )
    lines = _head(sections)
    for title, body in parts:
        if title == _FIRST_OF_APPENDIX:
            lines += ["---", ""]
        lines += [f"## {title}", "", *body, ""]
    return _tidy(lines)


def write_markdown(reports: Sequence[RooflineReport], path: Path) -> Path:
    """Write the document, whole or not at all.

    Raises:
        RoofprofError: the file cannot be written.
    """
    text = render_markdown(reports, path.with_suffix(".png").name)
    try:
        return write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise RoofprofError(f"cannot write {path}: {error.strerror or error}", "choose another file with -o") from None


def _head(sections: ReportSections) -> list[str]:
    target = joined([code(gpu.name) for gpu in sections.gpus if gpu.name not in sections.ran]) or "the profiled GPU"
    ran = joined([code(name) for name in sections.ran])
    return [
        f"# Roofline Analysis: {target}, measured on {ran}",
        "",
        f"**Generated:** {joined([prose(date) for date in sections.provenance.generated])}",
        "",
    ]


def _tidy(lines: Sequence[str]) -> str:
    """One blank line at most, and a line end at the end."""
    out: list[str] = []
    for line in lines:
        if line or (out and out[-1]):
            out.append(line)
    return "\n".join(out).rstrip("\n") + "\n"
