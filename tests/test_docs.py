"""The documentation keeps up with the code."""

import re
from pathlib import Path

from roofprof.formulas.models import FORMULAS

KIND = re.compile(r'(?:Finding\(|\.finding\(|_finding\(\s*\w+,)\s*"([a-z0-9-]+)"')


def test_every_kind_of_finding_is_explained(root: Path) -> None:
    folders = ("roofprof", "parsers", "profiler", "harness", "reports")
    code = "\n".join(path.read_text() for folder in folders for path in (root / folder).rglob("*.py"))
    kinds = set(KIND.findall(code))
    explained = {kind for page in root.glob("docs/*.md") for kind in re.findall(r"`([a-z0-9-]+)`", page.read_text())}
    assert len(kinds) > 20
    assert kinds <= explained


def test_every_formula_is_listed(root: Path) -> None:
    listed = set(re.findall(r"^\| `([a-z0-9_]+)`", (root / "docs/formulas.md").read_text(), re.MULTILINE))
    assert set(FORMULAS) <= listed


def pages(root: Path) -> list[Path]:
    """Every page that people read."""
    top = [root / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")]
    return [*top, *root.glob("docs/**/*.md")]


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub links to them, and its own anchors."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return set(re.findall(r'<a id="([^"]+)">', text)) | {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings
    }


def test_links_lead_somewhere(root: Path) -> None:
    for page in pages(root):
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            path, _, anchor = target.partition("#")
            goal = page.parent / path if path else page
            assert target.startswith("http") or goal.exists(), f"{page.name}: {target}"
            assert not anchor or target.startswith("http") or anchor in anchors(goal), f"{page.name}: {target}"


def test_every_page_is_linked_from_another(root: Path) -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in pages(root)
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    folders = {path for path in linked if path.is_dir()}
    alone = [page for page in root.glob("docs/**/*.md") if page.resolve() not in linked and page.parent not in folders]
    assert not alone


# Ways of saying things that this project has left behind, and what a page says instead.
LEFT_BEHIND = {
    r"(?<!random )\bseed(?:s|'s)?\b": "the reference document; a seed is a random seed",
    r"\bGPU that ran\b|\bwhere it ran\b": "the profiled GPU",
    r"\bto (?:be won|win)\b|time_to_win": "headroom",
    r"\b(?:is|are|was|were) no (?:report|number|list|file|op|kernel|database|candidates?)\b": "is not a ...",
    r"\b(?:one|a) (?:row|pass|line|launch|call|marker) an? (?:op|kernel|launch|call|case|token)\b": "per",
    r"\byardsticks?\b|\btruths\b|\bproven\b|\bjudge[sd]?\b": "reference, expected counts, verified, checked",
    r"\blacks?\b": "is missing",
    r"\bby itself\b": "automatically, on its own",
    r"\bforeign-writes\b": "carried-over-writes",
}


def test_pages_use_the_words_of_the_glossary(root: Path) -> None:
    for page in pages(root):
        if page.name == "CHANGELOG.md":  # which tells what was renamed
            continue
        text = re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8"))
        for pattern, instead in LEFT_BEHIND.items():
            assert (found := re.search(pattern, text)) is None, f"{page.name}: {found[0] if found else ''}: {instead}"


def test_the_glossary_has_each_term_once_and_in_one_or_two_lines(root: Path) -> None:
    rows = re.findall(r"^\| (?!term|-)(.+?) \| (.+) \|$", (root / "docs/glossary.md").read_text(), re.MULTILINE)
    terms = [term for cell, _ in rows for term in cell.split(", ")]
    assert len(terms) == len(set(terms)) > 50
    assert max(len(meaning) for _, meaning in rows) <= 240
