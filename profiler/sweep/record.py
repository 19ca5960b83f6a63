"""sweep.json: what the captures of a sweep hold, so that it can be taken up again."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypedDict

from roofprof import __version__
from roofprof.errors import FieldError, RoofprofError, UsageError
from roofprof.files import Json, read_json, write_whole
from roofprof.options import conditions, free_text
from roofprof.profiler.run.directory import MANIFEST
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.sweep.plan import SweepCapture, SweepOptions
from roofprof.validate import Bounds, built

RECORD = "sweep.json"
SCHEMA_VERSION = 1
_NAME = re.compile(r"[a-z0-9-]+")


class Held(TypedDict):
    """What one capture was asked for."""

    phase: str
    seq_len: int
    batches: list[int]


@dataclass(slots=True)
class SweepRecord:
    """Under which conditions a folder's captures are, and which batches each was asked for."""

    folder: Path
    conditions: Mapping[str, Json]
    captures: dict[str, Held]

    @classmethod
    def open(cls, options: SweepOptions) -> "SweepRecord":
        """The folder's record, or a new one; nothing is written yet.

        Raises:
            UsageError: the folder holds something else, or a sweep under other conditions.
            RoofprofError: its record cannot be read.
        """
        folder, now = options.base.output, _conditions(options.base)
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file", "give a directory with -o")
        if not os.path.lexists(folder / RECORD):
            if folder.is_dir() and any(folder.iterdir()):
                raise UsageError(f"{folder} is not empty and not a sweep", "give another directory with -o")
            return cls(folder, now, {})
        captures, before = _read(folder / RECORD)
        record = cls(folder, now, captures)
        if options.base.force or not any(_state(record.path(name)) for name in captures):
            return cls(folder, now, {})
        # An option that a newer release added had its default before.
        before = _conditions(CaptureOptions(output=folder)) | before
        if changed := sorted(k for k in now.keys() | before.keys() if now.get(k) != before.get(k)):
            raise UsageError(
                f"{folder} holds a sweep with other options: {', '.join(changed)}",
                "give another directory with -o, or --force to capture every point again",
            )
        return record

    def path(self, name: str) -> Path:
        """A capture's directory."""
        return self.folder / "captures" / name

    def complete(self, item: SweepCapture) -> list[str]:
        """Names of the complete captures that hold a point of this one."""
        return [name for name, batches in self._complete(item) if set(batches) & set(item.batches)]

    def missing(self, item: SweepCapture) -> tuple[int, ...]:
        """Batches that no complete capture holds."""
        held = {batch for _, batches in self._complete(item) for batch in batches}
        return tuple(batch for batch in item.batches if batch not in held)

    def begin(self, item: SweepCapture, batches: tuple[int, ...]) -> str:
        """Write down what a capture is about to hold, under a name that no complete one has."""
        taken = {name for name, _ in self._complete(item)}
        name = next(n for n in _names(item.name) if n not in taken)
        self.captures[name] = {"phase": item.phase, "seq_len": item.seq_len, "batches": list(batches)}
        data = {
            "schema_version": SCHEMA_VERSION, "roofprof": __version__, "conditions": self.conditions,
            "captures": self.captures,
        }  # fmt: skip
        text = json.dumps(data, indent=1) + "\n"
        try:
            self.path(name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / RECORD, lambda partial: partial.write_text(text, encoding="utf-8"))
        except OSError as error:
            raise RoofprofError(
                f"cannot write to {self.folder}: {error.strerror}", "give another directory with -o"
            ) from None
        return name

    def _complete(self, item: SweepCapture) -> Iterator[tuple[str, list[int]]]:
        for name, held in self.captures.items():
            same = held["phase"] == item.phase and held["seq_len"] == item.seq_len
            if same and _state(self.path(name)) == "complete":
                yield name, held["batches"]


def _names(stem: str) -> Iterable[str]:
    yield stem
    yield from (f"{stem}-{number}" for number in range(2, 10_000))


def _conditions(base: CaptureOptions) -> dict[str, Json]:
    """What the captures must agree in; free text as a digest, since what users write freely is not kept."""
    kept = conditions(base)
    for name in kept.keys() & free_text(CaptureOptions):
        if kept[name]:
            kept[name] = "sha256:" + hashlib.sha256(json.dumps(kept[name]).encode()).hexdigest()[:16]
    plain: dict[str, Json] = json.loads(json.dumps(kept))  # as it reads back: tuples are lists
    return plain


@dataclass(frozen=True, slots=True)
class _Saved:
    """sweep.json as it is checked."""

    schema_version: Annotated[int, Bounds(SCHEMA_VERSION, SCHEMA_VERSION)]
    conditions: Mapping[str, object]
    captures: Mapping[str, "_SavedCapture"]


@dataclass(frozen=True, slots=True)
class _SavedCapture:
    phase: str
    seq_len: int
    batches: list[int]


def _read(path: Path) -> tuple[dict[str, Held], dict[str, Json]]:
    hint = "give another directory with -o"
    data = read_json(path, hint)
    try:
        saved = built(_Saved, data)
    except FieldError as error:
        raise UsageError(f"{path} is not the record of a sweep: {error}", hint) from None
    if wrong := [name for name in saved.captures if not _NAME.fullmatch(name)]:
        raise UsageError(f"{path} names a directory that no sweep makes: {wrong[0]!r:.60}", hint)
    captures: dict[str, Held] = {
        name: {"phase": held.phase, "seq_len": held.seq_len, "batches": held.batches}
        for name, held in saved.captures.items()
    }
    conditions: dict[str, Json] = data["conditions"]  # type: ignore[assignment]  # checked above
    return captures, conditions


def _state(folder: Path) -> str | None:
    """State of a capture by its manifest."""
    try:
        state = read_json(folder / MANIFEST, None).get("state")
    except RoofprofError:
        return None
    return state if isinstance(state, str) else None
