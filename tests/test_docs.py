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
    listed = set(re.findall(r"^\| `([a-z_]+)`", (root / "docs/formulas.md").read_text(), re.MULTILINE))
    assert set(FORMULAS) <= listed


def test_links_lead_somewhere(root: Path) -> None:
    for page in [root / "README.md", *root.glob("docs/**/*.md"), root / "benchmarks/README.md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_glossary_has_each_term_once_and_in_one_or_two_lines(root: Path) -> None:
    rows = re.findall(r"^\| (?!term|-)(.+?) \| (.+) \|$", (root / "docs/glossary.md").read_text(), re.MULTILINE)
    terms = [term for cell, _ in rows for term in cell.split(", ")]
    assert len(terms) == len(set(terms)) > 50
    assert max(len(meaning) for _, meaning in rows) <= 240
