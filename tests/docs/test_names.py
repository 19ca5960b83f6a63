"""docs/names.md says what the readers do."""

import re
from pathlib import Path

from roofprof.names.reading import read_name


def rows(page: Path) -> list[list[str]]:
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_the_table_of_writers_is_true(root: Path) -> None:
    table = rows(root / "docs" / "names.md")
    assert len(table) == 11
    for writer, name, label, *formula in table:
        read = read_name(name.strip("`"))
        assert (read.writer, read.label) == (writer, label.strip("`"))
        if (said := re.sub(r"\W", "", "".join(formula))) != "asitsays":
            assert (read.formula or "") == said
