"""What a report itself tells of parts that were lost, doubled or swapped after ncu wrote it.

An .ncu-rep has no count of its launches and no end mark. It does have the number of the API call of each launch,
which no two launches of a process share, and the list of its devices.
"""

from collections.abc import Iterator
from itertools import pairwise

from roofprof.findings import Finding, Severity
from roofprof.parsers.ncu.reader import OwnReading

CLOCK_STEP_S = 2
"""By so much a clock may be set back during a capture."""
_HINT = "the file was altered after ncu wrote it; capture or copy it again"


def whole_findings(report: str, reading: OwnReading) -> Iterator[Finding]:
    """Findings about launches that stand twice or out of order, and about devices that the report does not list."""
    doubled, swapped = _calls(reading)
    if doubled:
        first, again = doubled[0]
        yield Finding(
            "launch-doubled",
            Severity.DOUBTFUL,
            f"{len(doubled)} launches stand in the report twice, such as launch {first} again as launch {again}"
            f" (block {reading.places[again].block}): sums count them twice",
            _HINT,
            report=report,
            values={"launch_ids": [again for _, again in doubled]},
        )
    if swapped:
        yield Finding(
            "launch-order",
            Severity.WARNING,
            f"launch {swapped[0]} (block {reading.places[swapped[0]].block}) was called before the launch in front of"
            f" it, and so were {len(swapped) - 1} more",
            "expected of programs that launch from several threads; of others, the file was altered",
            report=report,
            values={"launch_ids": swapped},
        )
    yield from _times(report, reading)
    for device in reading.results.devices.keys() - reading.session_devices:
        count = sum(len(group.launches) for group in reading.results.groups if group.device == device)
        yield Finding(
            "device-unlisted",
            Severity.DOUBTFUL,
            f"{count} launches ran on device {device}, which the report does not list: it was cut, or joined from two",
            _HINT,
            report=report,
            values={"device": device, "launch_count": count},
        )


def _times(report: str, reading: OwnReading) -> Iterator[Finding]:
    """A report is written as it is measured: time that runs backwards shows a foreign part."""
    known = [(launch, second) for launch, second in enumerate(reading.seconds) if second is not None]
    earlier = [launch for (_, before), (launch, second) in pairwise(known) if second < before - CLOCK_STEP_S]
    if earlier:
        place = reading.places[earlier[0]]
        yield Finding(
            "report-joined",
            Severity.DOUBTFUL,
            f"launch {earlier[0]} (block {place.block}) was measured before the launch in front of it:"
            " parts of the report come from another one",
            _HINT,
            report=report,
            values={"launch_ids": earlier},
        )


def _calls(reading: OwnReading) -> tuple[list[tuple[int, int]], list[int]]:
    """Pairs of launches of one call, and launches whose call came before that of the launch in front of them."""
    first: dict[tuple[int | None, int], int] = {}
    last: dict[int | None, int] = {}
    doubled: list[tuple[int, int]] = []
    swapped: list[int] = []
    for launch, (process, call) in enumerate(zip(reading.results.process_id, reading.calls, strict=True)):
        if call is None:
            continue
        earlier = first.setdefault((process, call), launch)
        if earlier != launch:
            doubled.append((earlier, launch))
        elif call < last.get(process, call):
            swapped.append(launch)
        last[process] = call
    return doubled, swapped
