"""Which findings stand on the first screen."""

from dataclasses import replace

from roofprof.advice.notes import notes_of
from roofprof.findings import Finding, Severity
from roofprof.results.report import RooflineReport


def test_what_the_whole_spends_stands_behind_what_is_wrong(decode: RooflineReport) -> None:
    whole = Finding("tiny-launches", Severity.INFO, "many")
    of_op = Finding("conversions", Severity.INFO, "some", op="rope")
    wrong = Finding("capture-partial", Severity.WARNING, "partial")
    notes = notes_of(replace(decode, findings=[of_op, whole, wrong]), [])
    assert notes.act_on == (wrong, whole)
    assert notes.explain == (of_op,)
