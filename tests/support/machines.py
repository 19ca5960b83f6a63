"""Simulated machines, and the recorded signatures of the kernel packages."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roofprof.harness.inputs.machine import Machine

SIGNATURES = Path(__file__).parents[1] / "data" / "signatures"
MakeMachine = Callable[..., Machine]


@pytest.fixture
def make_machine() -> MakeMachine:
    """A machine of a compute capability on which every name exists but those that start with `missing`."""

    def make(
        capability: tuple[int, int] | None, missing: tuple[str, ...] = (), free_bytes: int | None = None
    ) -> Machine:
        def why_missing(name: str) -> str | None:
            return f"{name} is not there" if name.startswith(missing) else None

        return Machine(capability, why_missing if missing else lambda name: None, free_bytes, 50 << 20)

    return make


@pytest.fixture(scope="session")
def recorded() -> list[dict[str, Any]]:
    """What scripts/record_signatures.py wrote, one dictionary per wheel."""
    return [json.loads(path.read_text()) for path in sorted(SIGNATURES.glob("*.json"))]
