"""Reads what a client named, inside the folders, and keeps the last few: a large capture takes seconds."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from roofprof.errors import RoofprofError, UsageError
from roofprof.formats.manifest import MANIFEST, read_manifest
from roofprof.hardware.devices import SAME_GPU, bundled_gpus
from roofprof.library.report import Report
from roofprof.mcp.folders import Folders, Stamp
from roofprof.pipeline.analyze import AnalyzeRequest, load_reports
from roofprof.pipeline.timeline_report import is_trace, timeline_report

KEPT = 4
"""Analyses; one of 10,000 launches takes some 40 MB."""


@dataclass(frozen=True, slots=True)
class Read:
    """One analysis."""

    report: Report
    notes: tuple[str, ...]
    """How it was chosen, where a folder holds a capture and an analysis of it."""


class Reports:
    """The analyses of served inputs. Threads may ask at once; one reads at a time."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders
        self._kept: OrderedDict[tuple[Path, str | None], tuple[Stamp, Read]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, path: str, gpu: str | None = None) -> Read:
        """An input as an analysis; kept until a file of it changes.

        Args:
            path: as a client names it.
            gpu: target: the name of a bundled GPU, or `same`; a file is refused, for it may lie anywhere.

        Raises:
            UsageError: a path that leads out, or no such GPU.
            RoofprofError: it cannot be read.
        """
        if gpu is not None and gpu != SAME_GPU and gpu not in bundled_gpus():
            raise UsageError(f"unknown GPU {gpu!r}", f"one of {', '.join(bundled_gpus())}, or {SAME_GPU}")
        real = self.folders.real(path)
        with self._lock:
            stamp, key = self.folders.stamp(real), (real, gpu)
            known = self._kept.get(key)
            if known is None or known[0] != stamp:
                known = stamp, self._read(real, gpu)
                self._kept[key] = known
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return known[1]

    def _read(self, real: Path, gpu: str | None) -> Read:
        name = self.folders.shown(real)
        if is_trace(real):
            if gpu is not None:
                raise UsageError(f"gpu does not apply to an nsys trace: {name}", "leave it out")
            return Read(Report(timeline_report(real, read_only=True), name), ())
        _refuse_exports(real)
        notes: list[str] = []
        (data,) = load_reports(AnalyzeRequest([real], gpu), notes.append)
        return Read(Report(data, name), tuple(map(self.folders.hidden, notes)))


def _refuse_exports(real: Path) -> None:
    """Refuse a capture that names an .nsys-rep: reading it starts nsys, and here nothing is started.

    Raises:
        RoofprofError: naming the trace.
    """
    for manifest in real.rglob(MANIFEST) if real.is_dir() else ():
        for run in read_manifest(manifest.parent).nsys:
            if run.trace and run.trace.lower().endswith(".nsys-rep"):
                raise RoofprofError(
                    f"{manifest.parent / run.trace} must be exported by nsys before it can be read here",
                    "save the analysis with roofprof analyze -o, and ask for that",
                )
