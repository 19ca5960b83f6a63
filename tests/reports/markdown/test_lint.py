"""What a Markdown linter asks for: headings in order and told apart, blank lines around blocks, tables in shape."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from markdown_it import MarkdownIt

from roofprof.reports.markdown.report import render_markdown
from roofprof.results.report import RooflineReport

NAMES = ["decode", "layers", "h100-calibration-cold", "kinds/no-nvtx", "kinds/odd-names", "kinds/time-only"]


@pytest.fixture(params=NAMES)
def text(request: pytest.FixtureRequest, analyzed) -> str:  # type: ignore[no-untyped-def]
    name = str(request.param)
    report: RooflineReport = request.getfixturevalue(name) if name in NAMES[:2] else analyzed(f"{name}.ncu-rep")
    return render_markdown([report])


def blocks(text: str) -> Iterator[list[str]]:
    """Lines between blank lines, code apart."""
    code, block = False, list[str]()
    for line in text.splitlines():
        code ^= line.startswith("```")
        if line or code:
            block.append(line)
        elif block:
            yield block
            block = []
    yield block


def test_headings(text: str) -> None:
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^(#+) (.*)$", outside, re.MULTILINE)
    levels = [len(marks) for marks, _ in headings]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert len({words for _, words in headings}) == len(headings)
    assert not [words for _, words in headings if words.rstrip()[-1] in ".,;:!"]


def test_blank_lines_around_headings_tables_lists_and_code(text: str) -> None:
    for block in blocks(text):
        if block[0].startswith("```"):
            assert block[-1] == "```"
        else:
            kinds = {"heading" if re.match(r"#+ ", line) else "table" if line[0] == "|" else "other" for line in block}
            assert len(kinds) == 1, block
            assert "heading" not in kinds or len(block) == 1


def test_spaces_and_ends(text: str) -> None:
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    assert "\n\n\n" not in text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert "\t" not in text


def test_every_table_is_read_as_one(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    tables = [block for block in blocks(text) if block[0].startswith("|")]
    assert sum(token.type == "table_open" for token in tokens) == len(tables)
    for block in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block}) == 1, block
        assert re.fullmatch(r"\|( -+:? \|)+", block[1])
        assert len(block) > 2
        assert all(len(cell.strip()) for cell in block[0].strip("|").split("|"))


def test_code_says_its_language(text: str) -> None:
    opened = re.findall(r"^```(\w*)$", text, re.MULTILINE)[::2]
    assert opened
    assert all(opened)
