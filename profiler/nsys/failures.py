"""What failures of an nsys run mean."""

from pathlib import Path

from roofprof.profiler.run.problems import Problem, ended_early, last_words, other_profiler, still_running, told_problem
from roofprof.profiler.run.runner import Ending, Outcome


def explain_nsys(outcome: Outcome, output: str, report: Path, done: bool = True) -> Problem | None:
    """What went wrong with a run, or None when nsys and the workload ended well.

    Args:
        outcome: of the run.
        output: what it printed.
        report: the .nsys-rep that was asked for.
        done: whether the workload says that it came to its end; nsys may hide its exit code.
    """
    well = done and outcome.returncode == 0 and report.exists()
    # nsys marks no line as its own; what it says matters where it made no report.
    if early := ended_early(outcome, "" if well or report.exists() else output):
        return early
    if outcome.ending is Ending.HUNG:
        return Problem(
            f"no progress under nsys; timed out{still_running(outcome)}",
            "allow more with --timeout, or leave nsys out: --no-nsys",
        )
    if well:
        return None
    if told := told_problem(output) or other_profiler(output):
        return told
    if not report.exists() and (report.with_suffix(".qdstrm").exists() or ".qdstrm" in output):
        hint = "its importer may miss a library: install libdw1 (libdw.so.1), or give --no-nsys"
        return Problem("nsys could not make a report of what it recorded", hint, fatal=True, code="importer")
    if outcome.returncode != 0:
        return Problem(f"nsys ended with exit code {outcome.returncode}", last_words(output))
    return Problem(
        "the workload ended early under nsys" if report.exists() else "nsys left no report", last_words(output)
    )
