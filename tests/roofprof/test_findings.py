"""Kinds of findings: every one that the code makes is declared, and nothing else is."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roofprof.findings import KINDS, Finding

FOLDERS = ("roofprof", "parsers", "profiler", "harness", "reports")
MAKERS = ("Finding", "finding", "_finding")


def kinds_made(tree: ast.AST) -> Iterator[str]:
    """First text among the arguments of each call that makes a finding."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
            texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if name in MAKERS and texts and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", texts[0]):
                yield texts[0]


def test_every_kind_that_the_code_makes_is_declared(root: Path) -> None:
    paths = [path for folder in FOLDERS for path in (root / folder).rglob("*.py")]
    made = {kind for path in paths for kind in kinds_made(ast.parse(path.read_text()))}
    assert made <= set(KINDS)
    assert len(made) > 45


def test_every_declared_kind_is_explained_with_its_severities(root: Path) -> None:
    pages = "\n".join((root / f"docs/{name}.md").read_text() for name in ("findings", "timeline"))
    explained = set(re.findall(r"`([a-z0-9-]+)`", pages))
    assert set(KINDS) <= explained
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| ([a-z, ]+) \|", pages, re.MULTILINE))
    for kind, severities in rows.items():
        if set(severities.split(", ")) <= {"info", "doubtful", "warning"}:
            assert set(severities.split(", ")) == {str(s) for s in KINDS[kind].severities}, kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_meaning_is_one_line(kind: str) -> None:
    assert KINDS[kind].meaning
    assert "\n" not in KINDS[kind].meaning
    assert not KINDS[kind].meaning.endswith(".")


@pytest.mark.parametrize("name", ["h100-decode-b64-s4096", "kinds/odd-names", "kinds/default-set", "kinds/no-nvtx"])
def test_findings_of_real_reports_have_a_declared_severity(analyzed: Callable, name: str) -> None:
    found: list[Finding] = analyzed(f"{name}.ncu-rep").findings
    assert found
    for finding in found:
        assert finding.severity in KINDS[finding.kind].severities, finding.kind
