"""selfcheck.json: which counters were verified on which GPU with which ncu, and the floor under every figure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from roofprof import __version__
from roofprof.errors import ReportError
from roofprof.field_errors import FieldError
from roofprof.files import read_json
from roofprof.validate import built

SCHEMA_VERSION = 1
SELFCHECK = "selfcheck.json"
"""Its name in a capture's directory."""
State = Literal["passed", "failed", "missing"]


@dataclass(frozen=True, slots=True)
class Row:
    """One counter on one kernel."""

    kernel: str
    counter: str
    """Column of the launch frame."""
    relation: str
    """`exact`, `at least` or `within`."""
    low: float
    high: float | None
    measured_min: float | None
    measured_max: float | None
    repeats: int
    state: State
    why: str | None = None
    duration_ns: float | None = None
    """Median; shown, not checked, like its spread."""
    duration_spread: float | None = None
    """(maximum - minimum) / median."""
    metrics: tuple[str, ...] = ()
    """ncu metrics that fill the column."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What an empty kernel costs, and how much that varies."""

    duration_ns_min: float
    duration_ns_max: float
    dram_bytes_min: float
    dram_bytes_max: float
    repeats: int


@dataclass(frozen=True, slots=True)
class Selfcheck:
    """The result."""

    gpu: str
    """Display name."""
    ncu: str | None
    driver: str | None
    created: str | None
    """ISO 8601, UTC: when the kernels ran."""
    chip: str | None
    rows: Sequence[Row]
    floor: Floor | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Kernel -> why it did not run."""
    untested: str | None = None
    """Notes on kernels that were never tested on such a GPU."""

    @property
    def failed_counters(self) -> list[str]:
        """Columns that are wrong in a row, each once."""
        return list(dict.fromkeys(row.counter for row in self.rows if row.state == "failed"))

    @property
    def missing_counters(self) -> list[str]:
        """Columns that were to be collected and have no value."""
        return list(dict.fromkeys(row.counter for row in self.rows if row.state == "missing"))

    @property
    def passed(self) -> bool:
        """Whether every counter that ran is exact, or within its limits."""
        return bool(self.rows) and all(row.state == "passed" for row in self.rows)

    def as_dict(self) -> dict[str, object]:
        """The content of selfcheck.json."""
        own: dict[str, object] = {"schema_version": SCHEMA_VERSION, "roofprof": __version__, "passed": self.passed}
        return own | {"failed_counters": self.failed_counters, "missing_counters": self.missing_counters} | asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "Selfcheck":
        """The reverse of `as_dict`; unknown fields are left alone.

        Raises:
            FieldError: a field is missing, or of another form.
        """
        return built(cls, data)


def load_selfcheck(path: Path) -> Selfcheck:
    """Load a selfcheck.json.

    Raises:
        ReportError: missing, not JSON, or of another version.
    """
    hint = "give the selfcheck.json that roofprof selfcheck wrote"
    data = read_json(path, hint)
    if data.get("schema_version") != SCHEMA_VERSION:
        raise ReportError(f"{path} is not a self-check of schema version {SCHEMA_VERSION}", hint)
    try:
        return Selfcheck.from_dict(data)
    except FieldError as error:
        raise ReportError(f"{path}: {error}", hint) from None
