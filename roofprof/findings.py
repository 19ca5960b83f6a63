"""Findings: reasons to doubt or to explain a number, as values and not prints."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much a finding weakens the number that it stands beside."""

    INFO = "info"
    """Explains a number that is right."""
    DOUBTFUL = "doubtful"
    """The number may mean something else than it seems to."""
    WARNING = "warning"
    """A number is missing, or is wrong if taken as it stands."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, about which op or launch. docs/findings.md explains each kind."""

    kind: str
    severity: Severity
    message: str
    hint: str | None = None
    op: str | None = None
    launch_id: int | None = None
    report: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "kind": self.kind,
            "severity": str(self.severity),
            "op": self.op,
            "report": self.report,
            "launch_id": self.launch_id,
            "message": self.message,
            "hint": self.hint,
            "values": dict(self.values),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Finding":
        """The reverse of `as_dict`; unknown fields are left alone."""
        known = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        return cls(**{**known, "severity": Severity(data["severity"])})
