"""How a value was had that is not the counter of its name. Standard library only: the reading process uses it too."""

HOW = ("rate", "per_cycle", "opcodes", "percent_of_peak")
"""From the nearest to the counter to the furthest: a rate per second times the duration; a rate per cycle times the
cycles; the histogram of opcodes times what each does; percent of the peak times the peak."""


def furthest(*had: str | None) -> str | None:
    """How a sum was had: as the term that is furthest from a counter; None where all are counters."""
    found = [HOW.index(how) for how in had if how]
    return HOW[max(found)] if found else None
