"""Labels for many paths at once: as short as they can be, and no two alike."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

from roofprof.names.name import Reading
from roofprof.names.reading import reading_of

Path = tuple[str, ...]

_BETWEEN = " / "
_LONGEST = 200
"""Characters of a label."""


def distinct_labels(paths: Collection[Path]) -> dict[Path, str]:
    """A label for each path, distinct for distinct paths.

    Args:
        paths: keys of `ReadPath`, from the outermost range in.

    Returns:
        The innermost range's label where only one path has it; else with its sizes, or with those of the ranges
        around it that tell the paths apart; numbered where even the whole path does not, because a label shows less
        than a key.
    """
    inner = {path: _read(path[-1]) if path else None for path in paths}
    labels = {path: reading.name.label if reading else "" for path, reading in inner.items()}
    for same in _by(labels, labels.__getitem__):
        # Paths with one innermost range are told apart by what is around it, and need none of its sizes.
        if len(same) > 1 and len({path[-1:] for path in same}) > 1:
            labels |= {path: reading.detailed for path in same if (reading := inner[path])}
        if len(same) > 1:
            labels |= _told_apart(same, labels)
    return _numbered(labels)


def _told_apart(paths: Collection[Path], labels: Mapping[Path, str]) -> dict[Path, str]:
    """Each label with the outer ranges that tell the paths apart, from the inside out."""
    found: dict[Path, str] = {}
    groups = [(same, labels[same[0]], 2) for same in _by(paths, labels.__getitem__)]
    while groups:
        same, text, up = groups.pop()
        if len(same) == 1 or all(len(path) < up for path in same):
            found |= dict.fromkeys(same, text)
            continue
        parts = _by(same, partial(_outer, up=up))
        for part in parts:
            before = _outer(part[0], up)
            shown = _cut(f"{before}{_BETWEEN}{text}") if before and len(parts) > 1 else text
            groups.append((part, shown, up + 1))
    return found


def _outer(path: Path, up: int) -> str:
    """The label of the range so many from the inside; empty beyond the outermost."""
    return _read(path[-up]).detailed if len(path) >= up else ""


def _read(name: str) -> Reading:
    """A layer's number that still stands in a key is a part of it."""
    return reading_of(name, layers="each")


def _numbered(labels: Mapping[Path, str]) -> dict[Path, str]:
    """The labels, cut, with a number behind one that stands there already."""
    taken: dict[str, Path] = {}
    next_number: defaultdict[str, int] = defaultdict(lambda: 2)
    for path, whole in labels.items():
        short = label = _cut(whole)
        while label in taken:
            label = f"{short} ({next_number[short]})"
            next_number[short] += 1
        taken[label] = path
    return {path: label for label, path in taken.items()}


def _cut(label: str) -> str:
    half = _LONGEST // 2
    return label if len(label) <= _LONGEST else f"{label[:half]}…{label[1 - half :]}"


def _by(paths: Iterable[Path], name: Callable[[Path], str]) -> Collection[list[Path]]:
    groups: defaultdict[str, list[Path]] = defaultdict(list)
    for path in paths:
        groups[name(path)].append(path)
    return groups.values()
