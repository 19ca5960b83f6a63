"""Reads the ranks of a job: a capture's rank000/, rank001/, ..., or files in the order of ranks."""

from collections.abc import Callable, Sequence
from pathlib import Path

from roofprof.analysis.analyze import Measured
from roofprof.errors import ReportError, UsageError
from roofprof.files import read_json
from roofprof.formats.manifest import MANIFEST
from roofprof.pipeline.rank_folders import rank_folders
from roofprof.ranks.analyze import Ranks
from roofprof.ranks.checks import RankReport

SUMMARY = "ranks.json"

Read = Callable[[Path, str, Sequence[Path]], list[Measured]]
"""Reads one input under a name, with its traces: a report, or each group of a capture."""


def read_rank_folders(folder: Path, label: str, read: Read) -> Ranks:
    """Every rank of a capture over ranks.

    Raises:
        ReportError: a rank stands twice, or a rank's capture cannot be read.
    """
    reports: list[RankReport] = []
    counts: list[int] = []
    places: dict[int, Path] = {}
    for number, path in rank_folders(folder).items():
        rank, count = _place(path, number)
        if rank in places:
            raise ReportError(
                f"{path} and {places[rank].name} are both rank {rank}", "keep the captures of one run in one folder"
            )
        places[rank] = path
        counts.append(count)
        own = f"{label}/{path.name}"
        reports += [RankReport(m.name.replace(own, label, 1), rank, m) for m in read(path, own, ())]
    counts.append(_summary_count(folder))
    return Ranks(_grouped(reports), max(*counts, max(places) + 1))


def read_rank_files(paths: Sequence[Path], labels: Sequence[str], traces: Sequence[Path], read: Read) -> Ranks:
    """Reports, or captures, that are ranks 0, 1, ... in this order, with a trace for each or none.

    Raises:
        UsageError: one file alone, or another number of traces.
        ReportError: no two are of the same phase and cache mode, or one is a report and the other a capture.
    """
    if len(paths) < 2:
        raise UsageError("--ranks needs the reports of two ranks or more", "leave --ranks out for one")
    if traces and len(traces) != len(paths):
        message = f"{len(paths)} ranks and {len(traces)} traces"
        raise UsageError(message, "repeat --timeline FILE once for each rank, in the order of the reports")
    reports: list[RankReport] = []
    job = f"{labels[0]} +{len(labels) - 1}"
    for rank, (path, label) in enumerate(zip(paths, labels, strict=True)):
        own = [traces[rank]] if traces else []
        reports += [RankReport(m.name.replace(label, job, 1), rank, m) for m in read(path, label, own)]
    by_job: dict[str, list[RankReport]] = {}
    for report in reports:
        by_job.setdefault(report.job, []).append(report)
    if all(len(own) == 1 for own in by_job.values()):
        told = [f"{own.measured.name} is rank {own.rank}'s" for own in reports[:2]]
        raise ReportError(
            f"these are no ranks of one job: {told[0]}, {told[1]}, and neither has what the other has",
            "give a report of each rank, or a capture of each rank of the same phase and cache mode",
        )
    return Ranks(_grouped(reports), len(paths))


def _grouped(reports: Sequence[RankReport]) -> list[RankReport]:
    """By job, ranks in order."""
    jobs = list(dict.fromkeys(report.job for report in reports))
    return sorted(reports, key=lambda report: (jobs.index(report.job), report.rank))


def _place(path: Path, number: int) -> tuple[int, int]:
    """Rank and number of ranks by a rank's manifest; by the folder's name where it does not say."""
    told = read_json(path / MANIFEST, "capture again").get("rank")
    if not isinstance(told, dict):
        return number, 0
    rank, count = told.get("rank"), told.get("count")
    return rank if isinstance(rank, int) else number, count if isinstance(count, int) else 0


def _summary_count(folder: Path) -> int:
    """Ranks that the capture was started with; 0 where nothing says it."""
    path = folder / SUMMARY
    count = read_json(path, "capture again").get("count") if path.is_file() else None
    return count if isinstance(count, int) else 0
