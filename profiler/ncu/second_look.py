"""Whether a capture of another workload has to look again, and at which kernels, by the reports that it has."""

from collections.abc import Mapping, Sequence

from roofprof.hardware.chip import Chip
from roofprof.profiler.ncu.look import left_to_count, matrix_functions, not_sampled, unexplained
from roofprof.profiler.ncu.plan import PlannedRun, precision_look
from roofprof.profiler.ncu.scope import names_in
from roofprof.profiler.run.backend import NotNeeded, Setting
from roofprof.profiler.run.record import RunRecord

_EXPLAINED = "the tensor work of every kernel is counted"
_NO_OTHERS = "no kernel ran matrix instructions that the counted precisions leave open"


def second_look(
    run: PlannedRun, chip: Chip, setting: Setting, earlier: Sequence[RunRecord]
) -> tuple[PlannedRun, tuple[str, ...]] | NotNeeded:
    """The run, with the precisions that are left, and the functions that it is made of.

    Args:
        run: of the plan, with a `look`.
        chip: whose counters they are.
        setting: of the capture.
        earlier: records of ncu that have a report.

    Raises:
        ReportError: a report is damaged.
    """
    reports = {r.job.name: setting.work.parent / str(r.file) for r in earlier if r.job.facts["cache"] == "cold"}
    if "core" not in reports:
        return NotNeeded("there is no report of core to tell which kernels need it")
    counted = {name: _precisions(chip, groups) for name, groups in _groups(earlier).items()}
    left = [p for p in chip.precisions if not any(p in found for found in counted.values())]
    if run.look == "precisions" and "tensor_ops" in reports:
        names, precisions = left_to_count(matrix_functions(reports["tensor_ops"], chip), left)
        return (precision_look(chip, precisions), tuple(names)) if names else NotNeeded(_NO_OTHERS)
    names = unexplained(reports["core"], chip, counted["core"])
    if not names:
        return NotNeeded(_EXPLAINED)
    if run.look == "instructions":
        return run, tuple(names)
    if setting.options.runs and "tensor_ops" not in setting.options.runs:
        return precision_look(chip, left), tuple(names)
    return NotNeeded("tensor_ops left no report to tell which kernels need it")


def unseen(record: RunRecord, setting: Setting, earlier: Sequence[RunRecord]) -> list[str]:
    """Functions of which a sample lacks a template instance that core has profiled.

    Args:
        record: of the sample.
        setting: of the capture.
        earlier: records of ncu, with that of core.

    Raises:
        ReportError: a report is damaged.
    """
    core = next(str(r.file) for r in earlier if r.job.name == "core" and r.file and r.job.facts["cache"] == "cold")
    sample = setting.work.parent / record.file if record.file else None
    return not_sampled(setting.work.parent / core, sample, names_in(record.job, "kernels"))


def _groups(records: Sequence[RunRecord]) -> Mapping[str, list[str]]:
    """Groups of counters by name of run."""
    found = {r.job.name: r.job.facts["groups"] for r in records}
    return {name: [str(g) for g in groups] for name, groups in found.items() if isinstance(groups, list)}


def _precisions(chip: Chip, groups: Sequence[str]) -> list[str]:
    return [p for p in chip.precisions if f"tensor_{p}" in groups]
