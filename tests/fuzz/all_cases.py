"""Every case of every kind, in the order of the table."""

import altered_captures
import at_once
import capture_faults
import damaged_traces
import full_disks
import hostile_names
import planted_modules
import special_files
import sweep_records
import user_files
from cases import Case

MODULES = (
    planted_modules, capture_faults, full_disks, at_once, altered_captures, damaged_traces, user_files, sweep_records,
    special_files, hostile_names,
)  # fmt: skip


def all_cases() -> list[Case]:
    """All of them; labels are unique."""
    found = [case for module in MODULES for case in module.cases()]
    assert len({case.label for case in found}) == len(found)
    return found
