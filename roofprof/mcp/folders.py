"""The folders that are served, and nothing else: a path of a client becomes a real one inside them, or an error.

What counts is where a path really leads, links and `..` followed. Of a folder that is read as a whole, every link in it
is looked at too, for readers follow them.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from roofprof.errors import RoofprofError, UsageError
from roofprof.files import cause, plain_name
from roofprof.pipeline.names import unique_labels

MAX_FILES = 20_000
"""Of one input: a capture of 512 ranks has fewer."""
MAX_BYTES = 1 << 30
"""Of one input."""
LIST_HINT = "list_reports says what there is"

Stamp = tuple[tuple[str, int, int, int], ...]
"""Name, inode, size and time of every file of an input: equal as long as nothing was changed."""


@dataclass(frozen=True, slots=True)
class Folder:
    """One that is served."""

    label: str
    """What paths in it begin with, where several are served."""
    root: Path
    """Without links."""


class Folders:
    """The folders that are served.

    Raises:
        UsageError: a path is no folder, or two are the same.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        for path in paths:
            if not os.path.isdir(path):
                raise UsageError(f"no such folder: {path}", "give folders that hold captures and reports")
        labels = unique_labels(paths)
        roots = [Path(os.path.realpath(path)) for path in paths]
        self.folders = tuple(map(Folder, labels, roots))

    def real(self, text: str) -> Path:
        """Where a path leads that a client gave, as `shown` writes it, or absolute.

        Raises:
            UsageError: it is no path, or leads out of the folders. Whether something is there is not told.
            RoofprofError: nothing is there.
        """
        try:
            os.fsencode(text)
        except UnicodeEncodeError:
            text = ""
        if not text or "\0" in text:
            raise UsageError("path is empty, or no path", LIST_HINT)
        folder, rest = self._split(text)
        real = Path(os.path.realpath(folder.root / rest))
        if not self._holds(real):
            raise UsageError(f"{text} leads out of the folders that are served", LIST_HINT)
        if not os.path.lexists(real):
            raise RoofprofError(f"no such file: {text}", LIST_HINT)
        return real

    def shown(self, real: Path) -> str:
        """A path inside as clients write it: relative to its folder, with the folder's label where there are several.

        Args:
            real: without links.
        """
        folder = self._of(real)
        rest = plain_name(real.relative_to(folder.root))
        if len(self.folders) == 1:
            return rest
        return folder.label if rest == "." else f"{folder.label}/{rest}"

    def hidden(self, text: str) -> str:
        """A message with the paths of the folders as clients write them."""
        for folder in sorted(self.folders, key=lambda f: -len(str(f.root))):
            if folder.root == folder.root.parent:
                continue  # the root of the file system is a part of every path
            label = "" if len(self.folders) == 1 else f"{folder.label}/"
            text = text.replace(f"{folder.root}/", label).replace(str(folder.root), label.rstrip("/") or ".")
        return text

    def stamp(self, real: Path) -> Stamp:
        """What an input is now; every file of it is inside the folders.

        Raises:
            UsageError: a link in it leads out, or to a folder.
            RoofprofError: it is too large, or cannot be looked at.
        """
        found, size = [], 0
        for path in self._files(real):
            try:
                state = os.stat(path)
            except OSError as error:
                raise RoofprofError(f"cannot read {path}: {cause(error)}", LIST_HINT) from None
            found.append((str(path), state.st_ino, state.st_size, state.st_mtime_ns))
            size += state.st_size
            if len(found) > MAX_FILES or size > MAX_BYTES:
                limit = f"{MAX_FILES:,} files" if len(found) > MAX_FILES else f"{MAX_BYTES >> 30} GiB"
                raise RoofprofError(
                    f"{real} is larger than {limit}",
                    "make report.json of it with roofprof analyze -o, and ask for that",
                )
        return tuple(found)

    def _files(self, real: Path) -> Iterator[Path]:
        if not os.path.isdir(real):
            yield real
            return
        for folder, folders, files in os.walk(real):
            folders.sort()
            for name in sorted(files) + folders:
                path = Path(folder, name)
                if path.is_symlink():
                    leads_to = Path(os.path.realpath(path))
                    if name in folders or not self._holds(leads_to):
                        where = "to a folder" if self._holds(leads_to) else "out of the folders that are served"
                        raise UsageError(f"{path} is a link that leads {where}", "copy what it leads to in its place")
                if name not in folders:
                    yield path

    def _split(self, text: str) -> tuple[Folder, str]:
        """The folder that a path is in, and the rest of it."""
        if len(self.folders) == 1 or os.path.isabs(text):
            return self.folders[0], text
        named = [f for f in self.folders if text == f.label or text.startswith(f"{f.label}/")]
        if not named:
            labels = ", ".join(f.label for f in self.folders)
            raise UsageError(f"{text} begins with none of the folders {labels}", LIST_HINT)
        folder = max(named, key=lambda f: len(f.label))
        return folder, text[len(folder.label) + 1 :]

    def _holds(self, real: Path) -> bool:
        return any(real.is_relative_to(folder.root) for folder in self.folders)

    def _of(self, real: Path) -> Folder:
        return max((f for f in self.folders if real.is_relative_to(f.root)), key=lambda f: len(f.root.parts))
