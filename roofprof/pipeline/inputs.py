"""What a path on the command line is, and which options that kind of input takes: the one table of it."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from roofprof.errors import ReportError, UsageError
from roofprof.files import read_json
from roofprof.formats.manifest import MANIFEST
from roofprof.pipeline.names import REPORT_FILE
from roofprof.pipeline.rank_folders import is_of_ranks


class InputKind(StrEnum):
    """Kinds of input, as messages call them."""

    NCU_REPORT = "an ncu report"
    CAPTURE = "a capture"
    RANKS = "a capture over ranks"
    SAVED = "a saved analysis"
    ALL_KERNELS = "an all_kernels.csv"

    @property
    def saved(self) -> bool:
        """Whether the analysis is done already, and only its roofs and its choice of ops can change."""
        return self in (InputKind.SAVED, InputKind.ALL_KERNELS)


_SAVED_OPTIONS = ("gpu", "only", "ceilings")
_READING_OPTIONS = (*_SAVED_OPTIONS, "ranks", "domain", "ops", "by", "layers", "selfcheck", "reader")
ACCEPTED: Mapping[InputKind, Collection[str]] = {
    InputKind.NCU_REPORT: (*_READING_OPTIONS, "timeline"),
    InputKind.CAPTURE: _READING_OPTIONS,
    InputKind.RANKS: tuple(name for name in _READING_OPTIONS if name != "ranks"),
    InputKind.SAVED: _SAVED_OPTIONS,
    InputKind.ALL_KERNELS: _SAVED_OPTIONS,
}
"""Options of an analysis by kind of input; what is not here is refused, never ignored."""

_INSTEAD = {
    InputKind.NCU_REPORT: "leave it out",
    InputKind.CAPTURE: "leave it out: a capture has its own traces",
    InputKind.RANKS: "leave it out: such a capture says itself what its ranks and traces are",
    InputKind.SAVED: "give the capture or the .ncu-rep files that it was made from",
    InputKind.ALL_KERNELS: "give the capture or the .ncu-rep files that it was made from",
}


@dataclass(frozen=True, slots=True)
class Input:
    """One path of the command line, understood."""

    path: Path
    """What to read: of a folder with a saved analysis, the file in it."""
    kind: InputKind
    note: str | None = None
    """What the user should know about the choice, where a folder holds a capture and an analysis of it."""


def as_measured(path: Path) -> Input:
    """The input for `analyze`: a folder with a capture is that capture, whatever analysis lies beside it."""
    if os.path.isdir(path):
        saved = not os.path.lexists(path / MANIFEST) and os.path.isfile(path / REPORT_FILE)
        if saved:
            return Input(path / REPORT_FILE, InputKind.SAVED)
        return Input(path, InputKind.RANKS if is_of_ranks(path) else InputKind.CAPTURE)
    kinds = {".json": InputKind.SAVED, ".csv": InputKind.ALL_KERNELS}
    return Input(path, kinds.get(path.suffix.lower(), InputKind.NCU_REPORT))


def as_reported(path: Path, options: Collection[str]) -> Input:
    """The input for `report` and `compare`: a folder's saved analysis, unless that is of an earlier capture.

    Args:
        path: of the command line.
        options: names of those that were given; one that a saved analysis cannot apply needs the capture.
    """
    found, saved = as_measured(path), path / REPORT_FILE
    if found.kind not in (InputKind.CAPTURE, InputKind.RANKS) or not os.path.isfile(saved):
        return found
    needed = [name for name in ACCEPTED[InputKind.CAPTURE] if name in options and name not in _SAVED_OPTIONS]
    if needed:
        return Input(path, found.kind, f"{path}: analyzed again for --{needed[0]}; {saved} is left as it is")
    made, captured = _date(saved, "generated"), _date(path / MANIFEST, "created")
    if made and captured and made < captured:
        return Input(path, found.kind, f"{path}: analyzed again, for {saved} is older than the capture")
    when = f" of {made:%Y-%m-%d %H:%M} UTC" if made else ""
    return Input(saved, InputKind.SAVED, f"{path}: using the saved analysis {saved}{when}; roofprof analyze renews it")


def check_options(inputs: Sequence[Input], options: Collection[str]) -> None:
    """Refuse options that one of the inputs cannot apply; reads nothing.

    Raises:
        UsageError: naming the option and the input.
    """
    for item in inputs:
        for name in options:
            if name not in ACCEPTED[item.kind]:
                raise UsageError(f"--{name} does not apply to {item.kind}: {item.path}", _INSTEAD[item.kind])
    if "timeline" in options and len(inputs) > 1 and "ranks" not in options:
        raise UsageError("--timeline goes with one report", "analyze one report at a time, or a capture")


def _date(path: Path, key: str) -> datetime | None:
    """A date out of a JSON file; None where there is none, for the reader of the file will say what is wrong."""
    try:
        found = datetime.fromisoformat(str(read_json(path, None).get(key)))
    except (ReportError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
