"""Two commands at work in one folder."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

from capture_faults import LIMIT_S, capture, fault, left_by, state_of
from cases import Case
from command_line import finish, start
from outcomes import Outcome, Verdict, broken
from stubs import Tools
from user_files import good_report


def cases() -> list[Case]:
    """Captures, analyses during a capture, outputs."""
    outputs = [fault("two at once", f"analyze -o into one folder ({n})", _two_outputs) for n in range(5)]
    return [*_two_captures(), *_analysed_meanwhile(), *outputs]


def _two_captures() -> Iterator[Case]:
    for number in range(5):

        def two(folder: Path, tools: Tools, n: int = number) -> Verdict:
            processes = [capture(folder, tools, "slow")]
            time.sleep(0.01 * n)
            processes.append(capture(folder, tools, "slow"))
            answers = [finish(process, LIMIT_S) for process in processes]
            for answer in answers:
                if bad := broken(answer):
                    return bad
            if left := left_by(folder, tools):
                return Verdict(Outcome.BROKEN, left)
            codes = sorted(a.code or 0 for a in answers)
            if codes[0] != 0 or codes[1] == 0 or state_of(folder / "out") != "complete":
                said = " / ".join(a.err[:120] for a in answers if a.code)
                return Verdict(Outcome.BROKEN, f"exits {codes}, state {state_of(folder / 'out')}: {said}")
            return Verdict(Outcome.REFUSED, "the second one")

        yield fault("two at once", f"captures into one folder ({number})", two)


def _analysed_meanwhile() -> Iterator[Case]:
    for moment in (0.8, 1.8, 2.8):

        def during(folder: Path, tools: Tools, s: float = moment) -> Verdict:
            process = capture(folder, tools, "slow")
            time.sleep(s)
            answer = finish(start(["analyze", str(folder / "out"), "--json"], folder), LIMIT_S)
            captured = finish(process, LIMIT_S)
            if bad := broken(answer) or broken(captured):
                return bad
            if captured.code or state_of(folder / "out") != "complete":
                return Verdict(Outcome.BROKEN, f"the capture: {captured.err[:160]}")
            if answer.code:
                return Verdict(Outcome.REFUSED, answer.err[:160])
            said = "capture-partial" in answer.out + answer.err
            return Verdict(Outcome.SAID if said else Outcome.SILENT, answer.err[:160])

        yield fault("two at once", f"analyze {moment:g} s into a capture", during)


def _two_outputs(folder: Path, tools: Tools) -> Verdict:
    del tools
    (folder / "report.json").write_bytes(good_report())
    words = ["analyze", str(folder / "report.json"), "-o", str(folder / "out")]
    processes = [start(words, folder) for _ in range(3)]
    answers = [finish(process, LIMIT_S) for process in processes]
    for answer in answers:
        if bad := broken(answer):
            return bad
        if answer.code:
            return Verdict(Outcome.BROKEN, answer.err[:200])
    if left := [p.name for p in (folder / "out").iterdir() if "part" in p.name]:
        return Verdict(Outcome.BROKEN, f"left behind: {left}")
    try:
        json.loads((folder / "out" / "report.json").read_text())
    except (OSError, ValueError) as error:
        return Verdict(Outcome.BROKEN, f"report.json: {error}")
    return Verdict(Outcome.UNCHANGED)
