"""Hostile names in every text of a report, and in every output that is made of it."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import browser
from cases import Case
from command_line import CommandLine
from markdown_it import MarkdownIt
from mutations import json_bytes
from outcomes import Answer, Outcome, Verdict, broken
from payloads import PAYLOADS
from user_files import good_report

FREE = {
    "op", "report", "implementation", "kernel_name", "kernel_demangled_name", "name", "sku", "source", "doubtful",
    "message", "hint", "device_name", "chip", "phase", "precision", "output", "created", "driver",
    "nvtx_path", "notes", "generated",
}  # fmt: skip
"""Keys whose texts are anybody's: names, words of files that others wrote."""
RESERVED = ({"nothing"}, {"generated", "precision", "output"}, {"generated", "precision", "output", "phase", "cache"})
"""Left alone, in turn, where a report with them is refused."""
NOT_A_NAME = {("formula", "name"), ("formula", "source"), ("tool", "name"), ("ops", "source")}
HARMLESS = "abc"

Check = Callable[[Answer, Path, str], str | None]
"""What is wrong with an output, if anything: the answer, the folder, and the payload."""


def cases() -> list[Case]:
    """Each payload in each output."""
    outputs = {name: output for name, output in OUTPUTS.items() if name != "HTML" or browser.there_is_one()}
    return [
        Case(f"hostile names, {output}", name, _run(text, words, check))
        for output, (words, check) in outputs.items()
        for name, text in PAYLOADS.items()
    ]


def poisoned(text: str, spared: set[str]) -> bytes:
    """The report with a text at the end, and at the start, of every name in it."""

    def spoil(value: Any, key: str, parent: str) -> Any:
        if isinstance(value, dict):
            return {k: spoil(v, k, key) for k, v in value.items()}
        if isinstance(value, list):
            return [spoil(v, key, parent) for v in value]
        named = key in FREE - spared and (parent, key) not in NOT_A_NAME
        return f"{text}{value}{text}" if isinstance(value, str) and named else value

    data = spoil(json.loads(good_report()), "", "")
    data["notes"].append(f"{text}a note{text}")
    data["ops"][0]["implementation"] = f"{text}made{text}"
    data["findings"].append(
        {
            "kind": "capture-partial", "severity": "warning", "op": f"{text}op", "report": None, "launch_id": None,
            "message": f"{text}message{text}", "hint": f"{text}hint{text}", "values": {},
        }
    )  # fmt: skip
    return json.dumps(data).encode() if "\ud800" in text else json_bytes(data)


def _run(text: str, words: Sequence[str], check: Check) -> Callable[[Path, CommandLine], Verdict]:
    def run(folder: Path, roofprof: CommandLine) -> Verdict:
        answer = Answer(None)
        for spared in RESERVED:
            answer = _made(text, spared, words, folder, roofprof)
            if bad := broken(answer):
                return bad
            if answer.code == 0:
                break
        if answer.code:
            return Verdict(Outcome.REFUSED, answer.err[:200])
        _harmless_twin(words[-1], folder, roofprof)
        wrong = check(answer, folder, text)
        return Verdict(Outcome.BROKEN, wrong[:240]) if wrong else Verdict(Outcome.UNCHANGED)

    return run


def _made(text: str, spared: set[str], words: Sequence[str], folder: Path, roofprof: CommandLine) -> Answer:
    (folder / "report.json").write_bytes(poisoned(text, spared))
    return roofprof.run([word.format(folder=folder) for word in words], folder, timeout_s=60)


def _harmless_twin(output: str, folder: Path, roofprof: CommandLine) -> None:
    """The same output of the same report with a harmless name, to compare with; kept over cases."""
    suffix = output.rpartition(".")[2]
    if suffix not in ("md", "html"):
        return
    with roofprof.lock:
        key = f"harmless {suffix}"
        if key not in roofprof.kept:
            answer = _made(HARMLESS, set(), ["report", REPORT, "-o", f"{folder}/harmless.{suffix}"], folder, roofprof)
            assert answer.code == 0, answer
            roofprof.kept[key] = Answer(0, (folder / f"harmless.{suffix}").read_text(encoding="utf-8"))
        (folder / f"harmless.{suffix}").write_text(roofprof.kept[key].out, encoding="utf-8")


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _control(text: str) -> str | None:
    found = _CONTROL.search(text)
    return (
        f"a control character {found[0]!r} after {text[max(0, found.start() - 40) : found.start()]!r}"
        if found
        else None
    )


def _terminal(answer: Answer, folder: Path, text: str) -> str | None:
    del folder, text
    return _control(answer.out.replace("\t", "\x1f"))


def _stderr(answer: Answer, folder: Path, text: str) -> str | None:
    del folder, text
    return _control(answer.err.replace("\t", "\x1f"))


def _json(answer: Answer, folder: Path, text: str) -> str | None:
    del folder
    try:
        found = json.loads(answer.out, parse_constant=lambda word: 1 / 0)
    except (ValueError, ZeroDivisionError):
        return "not JSON"
    kept = any(text in (op["op"] or "") for op in found["ops"])
    return None if kept else "the name is another one"


def _csv(name: str) -> Check:
    def check(answer: Answer, folder: Path, text: str) -> str | None:
        del answer, text
        data = (folder / name).read_bytes().decode("utf-8")
        rows = list(csv.reader(io.StringIO(data, newline="")))
        lengths = Counter(map(len, rows))
        if len(lengths) != 1:
            return f"rows of different lengths: {lengths}"
        if len(rows) != 1 + len(json.loads(good_report())["ops"]):
            return f"{len(rows)} rows"
        for cell in (cell for row in rows for cell in row):
            if cell[:1] in tuple("=+-@\t\r") and not _is_number(cell):
                return f"a cell that a spreadsheet runs: {cell[:60]!r}"
        return None

    return check


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


_MARKUP = (
    "html_inline", "html_block", "link_open", "image", "heading_open", "tr_open", "td_open", "th_open", "hr", "fence",
    "code_block", "blockquote_open", "em_open", "strong_open", "s_open", "list_item_open",
)  # fmt: skip


def _markdown(answer: Answer, folder: Path, text: str) -> str | None:
    del answer
    found = (folder / "roofline.md").read_text(encoding="utf-8")
    if bad := _control(found):
        return bad
    del text
    marks, expected = _marks(found), _marks((folder / "harmless.md").read_text(encoding="utf-8"))
    if marks != expected:
        return f"other markup: {dict(marks - expected)} more, {dict(expected - marks)} less"
    return None


def _marks(text: str) -> Counter[str]:
    reader = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"])
    tokens = [t for block in reader.parse(text) for t in (block, *(block.children or ()))]
    return Counter(t.type for t in tokens if t.type in _MARKUP)


def _html(answer: Answer, folder: Path, text: str) -> str | None:
    del answer, text
    counts, deeds = browser.look(folder / "roofline.html")
    if deeds:
        return "; ".join(deeds)
    expected, _ = browser.look(folder / "harmless.html")
    tags = ("script", "img", "iframe", "a", "style", "link", "form", "input", "b", "object", "embed", "details", "h1")
    for tag in (*tags, *(k for k in counts if k.startswith("attribute"))):
        if counts[tag] != expected[tag]:
            return f"{counts[tag]} <{tag}> for {expected[tag]}"
    return None


_SVG_TAGS = {
    "svg", "g", "path", "use", "defs", "style", "clipPath", "rect", "metadata", "RDF", "Work", "type", "date",
    "format", "creator", "Agent", "title", "text", "tspan", "symbol", "line", "circle",
}  # fmt: skip


def _svg(answer: Answer, folder: Path, text: str) -> str | None:
    del answer, text
    for path in sorted(folder.rglob("*.svg")):
        try:
            elements = list(ElementTree.parse(path).iter())
        except ElementTree.ParseError as error:
            return f"no XML: {error}"
        for element in elements:
            if element.tag.rpartition("}")[2] not in _SVG_TAGS:
                return f"an element <{element.tag}>"
            for key, value in element.attrib.items():
                outside = key.endswith("href") and not value.startswith("#")
                if key.startswith("on") or (outside and "purl.org" not in value and "w3.org" not in value):
                    return f"an attribute {key}={value[:60]!r}"
        if browser.there_is_one() and (deeds := browser.look(path)[1]):
            return "; ".join(deeds)
    return None


def _png(answer: Answer, folder: Path, text: str) -> str | None:
    del answer, text
    data = (folder / "picture.png").read_bytes()
    whole = data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82")
    return None if whole else "no whole PNG"


REPORT = "{folder}/report.json"
OUTPUTS: dict[str, tuple[Sequence[str], Check]] = {
    "terminal": (["analyze", REPORT, "--wide", "--explain"], _terminal),
    "stderr": (["analyze", REPORT, "--explain"], _stderr),
    "JSON": (["analyze", REPORT, "--json"], _json),
    "CSV": (["report", REPORT, "-o", "{folder}/all_kernels.csv"], _csv("all_kernels.csv")),
    "Markdown": (["report", REPORT, "-o", "{folder}/roofline.md"], _markdown),
    "HTML": (["report", REPORT, "-o", "{folder}/roofline.html"], _html),
    "SVG": (["report", REPORT, "-o", "{folder}/picture.svg"], _svg),
    "PNG": (["report", REPORT, "-o", "{folder}/picture.png"], _png),
}
