"""What a profiled process prints, as it comes: the profiler's own lines apart from the workload's, in bounded memory.

A workload may print 100 MB, in one line, in millions, or without a readable letter: every step here is linear, works
on pieces rather than lines, and keeps the first and the last of what it has read.
"""

import re
from dataclasses import dataclass, field

from roofprof.formatting import printable

MARK = re.compile(r"==(?:PROF|ERROR|WARNING|NOTE)== ")
"""What ncu's own lines begin with, wherever the workload's line before was broken off."""
_MARK_LENGTH = len("==WARNING== ")
MAX_LINE = 1 << 16
"""Characters of a profiler's line; what is longer is taken for two."""


def readable(line: str) -> str:
    """The line without a terminal's control sequences, so that whoever prints it or opens a log gets text alone."""
    line = line.expandtabs()
    return line if line.isprintable() else printable(line)


def readable_lines(text: str) -> str:
    """The lines of a text that hold anything, each made readable."""
    return "\n".join(readable(line) for line in text.splitlines() if line.strip())


@dataclass(slots=True)
class KeptText:
    """The beginning and the end of a text that may be of any length."""

    head_size: int = 1 << 19
    tail_size: int = 1 << 18
    length: int = 0
    _head: list[str] = field(default_factory=list)
    _tail: list[str] = field(default_factory=list)
    _head_length: int = 0
    _tail_length: int = 0

    def add(self, text: str) -> None:
        """Take the next piece."""
        self.length += len(text)
        if self._head_length < self.head_size:
            part = text[: self.head_size - self._head_length]
            self._head.append(part)
            self._head_length += len(part)
            text = text[len(part) :]
        if text:
            self._tail.append(text[-self.tail_size :])
            self._tail_length += len(self._tail[-1])
            if self._tail_length > 4 * self.tail_size:
                self._tail = ["".join(self._tail)[-self.tail_size :]]
                self._tail_length = len(self._tail[0])

    def text(self) -> str:
        """What is kept; what is not is counted where it was."""
        tail = "".join(self._tail)[-self.tail_size :]
        left_out = self.length - self._head_length - len(tail)
        between = f"\n[{left_out} characters left out]\n" if left_out else ""
        return "".join(self._head) + between + tail


@dataclass(slots=True)
class Sorter:
    """Cuts a stream of text into the profiler's lines and what the workload printed."""

    open_line: str = ""
    """The profiler's line that has no end yet, or what may become the beginning of one."""
    _at_start: bool = True
    """Whether the workload's last character was a line feed, or none."""

    def feed(self, text: str) -> tuple[list[str], str]:
        """The lines of the profiler that the next piece ends, and the workload's text in it."""
        text, self.open_line = self.open_line + text, ""
        own: list[str] = []
        workload: list[str] = []
        place = 0
        while found := MARK.search(text, place):
            self._add(workload, text[place : found.start()])
            end = text.find("\n", found.start())
            if end < 0:
                if len(text) - found.start() <= MAX_LINE:
                    self.open_line = text[found.start() :]
                    return own, "".join(workload)
                end = found.start() + MAX_LINE
            own.append(text[found.start() : end])
            if not self._at_start:
                self._add(workload, "\n")
            place = end + (text[end : end + 1] == "\n")
        begin = text.find("=", max(place, len(text) - _MARK_LENGTH))
        begin = begin if begin >= 0 else len(text)
        self.open_line = text[begin:]
        self._add(workload, text[place:begin])
        return own, "".join(workload)

    def finish(self) -> tuple[list[str], str]:
        """What is left when the stream has ended."""
        left, self.open_line = self.open_line, ""
        return ([left], "") if MARK.match(left) else ([], left)

    def _add(self, workload: list[str], text: str) -> None:
        if text:
            workload.append(text)
            self._at_start = text.endswith("\n")
