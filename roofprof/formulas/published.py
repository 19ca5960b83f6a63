"""Published figures of kernels from a CSV file: what was run on which GPU, and how fast it is said to be.

docs/formulas.md describes the file. Nothing here knows a formula: `published_work` reads the shapes.
"""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from roofprof.errors import ReportError
from roofprof.files import read_text
from roofprof.formatting import escaped

COLUMNS = ("id", "op", "shape", "dtype", "gpu", "figure", "unit", "source")
"""What a file must have; `kind` and `caveat` are read where they are there, other columns are left alone."""
_HINT = "docs/formulas.md describes the file, docs/blackwell-figures.csv is one"
_MAX_BYTES = 64 << 20

SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
FLOP_PER_S = {"GFLOP/s": 1e9, "TFLOP/s": 1e12, "PFLOP/s": 1e15}
BYTES_PER_S = {"GB/s": 1e9, "TB/s": 1e12}
LINK_BYTES_PER_S = {"GB/s busbw": 1e9}
"""The bus bandwidth of nccl-tests: the rate on a link, whatever the collective."""
UNITS = SECONDS | FLOP_PER_S | BYTES_PER_S | LINK_BYTES_PER_S


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """One row, as it stands."""

    id: str
    op: str
    shape: str
    dtype: str
    gpu: str
    figure: float
    unit: str
    kind: str
    """How it was had: measured, a speed of light."""
    caveat: str
    source: str

    @property
    def seconds(self) -> float | None:
        """The time, where that is what was published."""
        return self.figure * SECONDS[self.unit] if self.unit in SECONDS else None

    @property
    def flop_per_s(self) -> float | None:
        """The rate of arithmetic, where that is what was published."""
        return self.figure * FLOP_PER_S[self.unit] if self.unit in FLOP_PER_S else None

    @property
    def bytes_per_s(self) -> float | None:
        """The rate of memory, where that is what was published."""
        return self.figure * BYTES_PER_S[self.unit] if self.unit in BYTES_PER_S else None

    @property
    def link_bytes_per_s(self) -> float | None:
        """The rate on a link, where that is what was published."""
        return self.figure * LINK_BYTES_PER_S[self.unit] if self.unit in LINK_BYTES_PER_S else None

    @property
    def clock_hz(self) -> float | None:
        """The clock that the figure is said to be at, in `gpu` (`B200@1.5GHz`) or in `kind` (`at 2.87 GHz`)."""
        found = re.search(r"@\s*([\d.]+)\s*GHz", self.gpu) or re.search(r"\bat ([\d.]+) GHz", self.kind)
        return float(found[1]) * 1e9 if found else None


def read_published(path: Path) -> list[PublishedFigure]:
    """The figures of a CSV file, in its order.

    Raises:
        ReportError: it cannot be read, is no such table, or a figure is not a positive number.
    """
    try:
        rows = csv.DictReader(io.StringIO(read_text(path, _HINT, _MAX_BYTES).removeprefix("\ufeff")), strict=True)
        names = [name.strip() for name in rows.fieldnames or ()]
        if missing := [name for name in COLUMNS if name not in names]:
            raise ReportError(f"{path} has no column {', '.join(missing)}", _HINT)
        found = [_figure(path, rows.line_num, dict(zip(names, row.values(), strict=False))) for row in rows]
    except csv.Error as error:
        raise ReportError(f"{path} is not a CSV table: {error}", _HINT) from None
    if not found:
        raise ReportError(f"{path} holds no figures", _HINT)
    return found


def _figure(path: Path, line: int, row: dict[str, str | None]) -> PublishedFigure:
    texts = {name: (row.get(name) or "").strip() for name in (*COLUMNS, "kind", "caveat")}
    number, unit = texts.pop("figure"), texts["unit"]
    if not re.fullmatch(r"\d+(\.\d*)?([eE][+-]?\d{1,2})?|\.\d+", number) or float(number) <= 0:
        raise ReportError(f"{path}, line {line}: figure = {escaped(number)[:60]!r}: expected a positive number", _HINT)
    if unit not in UNITS:
        known = ", ".join(UNITS)
        raise ReportError(f"{path}, line {line}: unit = {escaped(unit)[:60]!r}: expected one of {known}", _HINT)
    return PublishedFigure(figure=float(number), **texts)
