"""Names of inputs and of the reports in them: unique, for launches, ops and times are joined by them."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from roofprof.errors import UsageError
from roofprof.files import plain_name
from roofprof.findings import Finding
from roofprof.results.report import RooflineReport

REPORT_FILE = "report.json"


def unique_labels(paths: Sequence[Path]) -> list[str]:
    """The last part of each path, with as many folders before it as it takes to tell all of them apart.

    Every label has the same number of parts, so that none is the beginning of another one.

    Raises:
        UsageError: no path, or two that lead to the same file or folder.
    """
    if not paths:
        raise UsageError("no report was given", "roofprof analyze REPORT.ncu-rep")
    real = [os.path.realpath(path) for path in paths]
    for i, path in enumerate(paths):
        if real[i] in real[:i]:
            first = paths[real.index(real[i])]
            also = "" if first == path else f": {first} is the same"
            raise UsageError(f"{path} was given twice{also}", "name each report and capture once")
    # As the user wrote them; where links or `..` make these equal, as they really are.
    spelled = [os.path.abspath(path) for path in paths]
    parts = [Path(path).parts for path in (spelled if len(set(spelled)) == len(paths) else real)]
    depth = 1
    while len({path[-depth:] for path in parts}) < len(paths):
        depth += 1
    return [plain_name("/".join(path[-depth:])) for path in parts]


def with_unique_names(reports: Sequence[RooflineReport], labels: Sequence[str]) -> list[RooflineReport]:
    """The analyses with every report's name that stands in several of them made unique by the analysis' own label.

    Args:
        reports: analyses that are shown side by side.
        labels: of the file that each was loaded from, as `unique_labels` gives them.
    """
    counts = Counter(name for report in reports for name in _names(report))
    taken = set(counts)
    renamed = []
    for report, label in zip(reports, labels, strict=True):
        names = {name: name for name in _names(report)}
        for name in names:
            if counts[name] > 1:
                names[name] = _free(f"{label.removesuffix(f'/{REPORT_FILE}')}/{name}", taken)
                taken.add(names[name])
        renamed.append(report if all(old == new for old, new in names.items()) else _renamed(report, names))
    return renamed


def _names(report: RooflineReport) -> list[str]:
    found = [str(entry["name"]) for entry in report.reports] + [op.report for op in report.ops]
    return list(dict.fromkeys(found))


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _renamed(report: RooflineReport, names: Mapping[str, str]) -> RooflineReport:
    """The analysis with other names for its reports, wherever they stand."""

    def name(old: str) -> str:
        return names.get(old, old)

    def findings(found: Sequence[Finding]) -> list[Finding]:
        return [replace(f, report=None if f.report is None else name(f.report)) for f in found]

    return replace(
        report,
        reports=[{**entry, "name": name(entry["name"])} for entry in report.reports],
        ops=[replace(op, report=name(op.report), findings=findings(op.findings)) for op in report.ops],
        kernels=report.kernels.with_columns(pl.col("report").replace(dict(names))),
        unattributed=replace(
            report.unattributed,
            kernels=[{**kernel, "report": name(kernel["report"])} for kernel in report.unattributed.kernels],
        ),
        findings=findings(report.findings),
        joins=[{**join, "report": name(join["report"])} for join in report.joins],
    )
