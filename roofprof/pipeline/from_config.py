"""What of a config file an analysis used: said once, and kept in its notes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from roofprof.analysis.analyze import Measured
from roofprof.hardware.ceilings import Ceilings
from roofprof.results.report import RooflineReport

if TYPE_CHECKING:
    from roofprof.pipeline.analyze import AnalyzeRequest

Say = Callable[[str], None]
"""Gets a line that the user should read."""


def with_note(
    report: RooflineReport,
    measured: Sequence[Measured],
    request: "AnalyzeRequest",
    ceilings: Ceilings | None,
    say: Say | None,
) -> RooflineReport:
    """The analysis with a note on what it took from a config file.

    Args:
        report: as analysed.
        measured: what it was made of.
        request: what was given, and the config file.
        ceilings: the config file's.
        say: gets the same line.
    """
    config = request.config
    used = {
        "gpu": config.settings.gpu is not None and request.gpu is None,
        "ops": config.settings.ops is not None and request.ops is None,
        "ceilings": ceilings is not None and any(item.ceilings is ceilings for item in measured),
    }
    keys = [key for key, is_used in used.items() if is_used]
    if not keys:
        return report
    if say:
        say(config.said(keys))
    return replace(report, notes=[*report.notes, config.said(keys, config.name)])
