"""Cases of the sample that do not end well yet, by fault: mending one means deleting its lines."""

from collections.abc import Mapping, Sequence

BY_FAULT: Mapping[str, Sequence[str]] = {}
KNOWN_FAULTS = {label: fault for fault, labels in BY_FAULT.items() for label in labels}
"""Label to fault."""
