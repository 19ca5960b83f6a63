"""What can become of an input, and how an answer of the command line is judged."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Outcome(StrEnum):
    """One column of the table in docs/robustness.md."""

    REFUSED = "refused"
    """An error in two lines that names what is wrong; nothing was made of the input."""
    UNCHANGED = "unchanged"
    """The answer is that to the whole input: nothing depends on what was damaged."""
    SAID = "said"
    """Another answer, with a finding or a state that tells why."""
    SILENT = "silent"
    """Another answer, and not a word about it."""
    BROKEN = "promise broken"
    """A name that runs or injects, a good run refused, something left behind, a stranger's code or file used."""
    FAILED = "roofprof failed"
    """An exception of ours where the user has made a mistake."""
    CRASH = "crash"
    """A traceback, a signal, or an exit code without an error."""
    HANG = "hang"
    """No end within the time allowed."""
    MEMORY = "memory"
    """More than 2 GB."""


GOOD = frozenset({Outcome.REFUSED, Outcome.UNCHANGED, Outcome.SAID})


@dataclass(frozen=True, slots=True)
class Answer:
    """What one command said."""

    code: int | None
    """None where it had to be ended."""
    out: str = ""
    err: str = ""
    ending: Outcome | None = None
    """HANG, MEMORY or CRASH where the process did not come to its own end."""
    where: str = ""
    """The last line of our code in the traceback of an exception."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one case, with what to look at."""

    outcome: Outcome
    note: str = ""


def broken(answer: Answer) -> Verdict | None:
    """The verdict on an answer that is bad whatever was asked; None where it is not."""
    if answer.ending:
        return Verdict(answer.ending, answer.err[-200:])
    if "roofprof failed" in answer.err:
        return Verdict(Outcome.FAILED, f"{_line(answer.err, 'roofprof failed')} {answer.where}")
    if "Traceback (most recent call last)" in answer.err + answer.out:
        return Verdict(Outcome.CRASH, (answer.err + answer.out)[-300:])
    if answer.code and not re.search(r"^(error|Error|│ .*):? ", answer.err, re.MULTILINE):
        return Verdict(Outcome.CRASH, f"exit {answer.code} without an error: {answer.err[-200:]}")
    return None


def judge(answer: Answer, whole: Answer, folder: Path) -> Verdict:
    """Compare the answer to a damaged input with that to the whole one, both from a folder like `folder`."""
    if bad := broken(answer):
        return bad
    if answer.code:
        return Verdict(Outcome.REFUSED, _line(answer.err, "rror"))
    numbers, words = content(answer, folder)
    whole_numbers, whole_words = content(whole, folder)
    if added := list((words - whole_words).elements()):
        return Verdict(Outcome.SAID, added[0][:200])
    if numbers == whole_numbers:
        return Verdict(Outcome.UNCHANGED)
    return Verdict(Outcome.SILENT, _difference(numbers, whole_numbers))


_SUMMARY = re.compile(r"wrote |\d+ explanations|and \d+ more ")


def content(answer: Answer, folder: Path) -> tuple[Any, Counter[str]]:
    """The numbers of an answer, and all that it says beside them: its findings and its lines on stderr."""
    text, said = answer.out.replace(str(folder), "FOLDER"), answer.err.replace(str(folder), "FOLDER")
    lines = [line.strip() for line in said.splitlines() if line.strip() and not _SUMMARY.match(line.strip())]
    try:
        data = json.loads(text)
    except ValueError:
        return text, Counter(lines)
    others = [line for line in lines if not line.startswith(("warning [", "doubtful [", "hint: "))]
    return _numbers_of(data), Counter([*others, *_words_of(data)])


def _words_of(data: Any) -> list[str]:
    """Messages of every finding, wherever it stands, but for explanations; one without a message tells nothing."""
    found: list[str] = []
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "findings" and isinstance(value, list):
                doubts = [f for f in value if isinstance(f, dict) and f.get("severity") != "info"]
                # The same doubt with another count is no new one.
                found += [re.sub(r"\d[\d.,]*", "N", str(f["message"])) for f in doubts if f.get("message")]
            else:
                found += _words_of(value)
    elif isinstance(data, list):
        for item in data:
            found += _words_of(item)
    return found


def _numbers_of(data: Any) -> Any:
    if isinstance(data, dict):
        return {k: _numbers_of(v) for k, v in data.items() if k not in ("findings", "generated", "tool")}
    return [_numbers_of(item) for item in data] if isinstance(data, list) else data


def _difference(new: Any, old: Any, path: str = "") -> str:
    """The first place where two answers differ."""
    if isinstance(new, dict) and isinstance(old, dict):
        for key in old.keys() | new.keys():
            if new.get(key) != old.get(key):
                return _difference(new.get(key), old.get(key), f"{path}.{key}")
    if isinstance(new, list) and isinstance(old, list):
        if len(new) != len(old):
            return f"{path}: {len(old)} became {len(new)}"
        for at, (left, right) in enumerate(zip(new, old, strict=True)):
            if left != right:
                return _difference(left, right, f"{path}[{at}]")
    return f"{path}: {str(old)[:60]} became {str(new)[:60]}"


def _line(text: str, part: str) -> str:
    return next((line.strip()[:240] for line in text.splitlines() if part in line), "")
