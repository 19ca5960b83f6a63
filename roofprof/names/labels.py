"""Labels for many paths at once: as short as they can be, and no two alike."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

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
    every = list(dict.fromkeys(paths))
    proposed: dict[Path, str] = {}
    for same in _by(every, lambda path: _label(path, False)):
        if len(same) == 1:
            proposed[same[0]] = _label(same[0], False)
        else:
            # Paths with one innermost range are told apart by what is around it, and need none of its sizes.
            detailed = len({path[-1:] for path in same}) > 1
            proposed |= _told_apart(same, {path: _label(path, detailed) for path in same})
    return _numbered(every, proposed)


def _told_apart(paths: list[Path], labels: Mapping[Path, str]) -> dict[Path, str]:
    """Each label with the outer ranges that tell the paths apart, from the inside out."""
    found: dict[Path, str] = {}
    groups = [(same, labels[same[0]], 2) for same in _by(paths, labels.__getitem__)]
    while groups:
        same, text, up = groups.pop()
        if len(same) == 1 or all(len(path) < up for path in same):
            found |= dict.fromkeys(same, text)
            continue
        inner = _by(same, partial(_outer, up=up))
        for part in inner:
            before = _outer(part[0], up)
            shown = f"{before}{_BETWEEN}{text}" if before and len(inner) > 1 else text
            groups.append((part, shown, up + 1))
    return found


def _outer(path: Path, up: int) -> str:
    """The label of the range so many from the inside; empty beyond the outermost."""
    return reading_of(path[-up], layers="each").detailed if len(path) >= up else ""


def _label(path: Path, detailed: bool) -> str:
    if not path:
        return ""
    reading = reading_of(path[-1], layers="each")
    return reading.detailed if detailed else reading.name.label


def _numbered(paths: Sequence[Path], proposed: Mapping[Path, str]) -> dict[Path, str]:
    taken = set[str]()
    next_number: dict[str, int] = {}
    found = dict[Path, str]()
    for path in paths:
        short = label = _cut(proposed[path])
        while label in taken:
            next_number[short] = next_number.get(short, 1) + 1
            label = f"{short} ({next_number[short]})"
        taken.add(label)
        found[path] = label
    return found


def _cut(label: str) -> str:
    half = _LONGEST // 2
    return label if len(label) <= _LONGEST else f"{label[:half]}…{label[1 - half :]}"


def _by(paths: Iterable[Path], name: Callable[[Path], str]) -> Collection[list[Path]]:
    groups: defaultdict[str, list[Path]] = defaultdict(list)
    for path in paths:
        groups[name(path)].append(path)
    return groups.values()
