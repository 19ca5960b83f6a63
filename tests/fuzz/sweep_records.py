"""Mistakes in sweep.json, which a sweep is taken up again by."""

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

from cases import DATA, Case, chosen
from command_line import CommandLine, finish, start
from mutations import json_bytes, mistakes, whole_file
from outcomes import Answer, Outcome, Verdict, broken
from stubs import Tools, install

COUNT = 20
RECORD: dict[str, object] = {
    "schema_version": 1, "roofprof": "0.1.0", "conditions": {"recipe": "auto", "tp": 1},
    "captures": {"decode-s4096": {"phase": "decode", "seq_len": 4096, "batches": [1]}},
}  # fmt: skip
"""Of the form of a record; the real one is made by a sweep."""


def cases() -> list[Case]:
    """20 damaged records."""
    found = [_case(name, data) for name, data in whole_file(json_bytes(RECORD))]
    rest = [_case(name, json_bytes(tree)) for name, tree in mistakes(RECORD, nulls=False)]
    return [*found, *chosen("sweep.json", rest, COUNT - len(found))]


@cache
def _good() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="roofprof-fuzz-sweep-"))
    answer = _sweep(folder, install(folder / "tools"))
    assert answer.code == 0, answer
    return folder / "sweep"


def _sweep(folder: Path, tools: Tools) -> Answer:
    words = ["sweep", "-o", str(folder / "sweep"), "--no-nsys", "--batch", "1", "--capture-only"]
    return finish(start(words, folder, tools.environment("ok", FUZZ_DATA=str(DATA))), 60)


def _case(name: str, data: bytes) -> Case:
    def run(folder: Path, roofprof: CommandLine) -> Verdict:
        del roofprof
        tools = install(folder / "tools")
        shutil.copytree(_good(), folder / "sweep")
        (folder / "sweep" / "sweep.json").write_bytes(_with_real_conditions(data))
        answer = _sweep(folder, tools)
        tools.survivors(0)
        if bad := broken(answer):
            return bad
        return Verdict(Outcome.REFUSED if answer.code else Outcome.UNCHANGED, answer.err[:160])

    return Case("sweep.json", name, run)


def _with_real_conditions(data: bytes) -> bytes:
    """The damaged record with the conditions and captures of the real one, where those are not what is damaged."""
    real = json.loads((_good() / "sweep.json").read_text())
    try:
        damaged = json.loads(data)
        for key in ("conditions", "captures"):
            if damaged[key] == RECORD[key]:
                damaged[key] = real[key]
    except (ValueError, TypeError, KeyError, RecursionError):
        return data
    return json_bytes(damaged)
