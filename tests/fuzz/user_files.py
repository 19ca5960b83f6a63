"""Mistakes in the files that users write and in those that roofprof wrote and somebody edited or damaged."""

import csv
import io
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jsonschema
from cases import DOCS, NINE, Case, chosen, compared
from command_line import ROOT, CommandLine, copied
from mutations import Tree, json_bytes, mistakes, toml_bytes, unknown_keys, whole_file
from outcomes import GOOD, Outcome

STRICT = frozenset({Outcome.REFUSED, Outcome.SAID})
"""A mistake in a file that a user wrote is refused even where nothing comes of it."""

OPS: Tree = {
    "case": {"phase": "decode", "batch": 64, "seq_len": 4096, "cache": "cold"},
    "op": [
        {
            "match": "^scale_add$", "op": "q_b_proj", "formula": "gemm", "implementation": "made",
            "shape": {"m": 64, "n": 24576, "k": 1536, "precision": "fp8", "output": "bf16"},
        },
        {"match": "copy", "op": "copied"},
    ],
}  # fmt: skip
GPU: Tree = {
    "mine": {
        "sku": "mine, at our power cap", "source": "measured", "dram_bytes_per_s": 3.35e12, "sm_count": 132,
        "mufu_per_s": 4e12, "boost_clock_hz": 1.98e9, "l2_cache_bytes": 5e7, "l2_bytes_per_s": 5.5e12,
        "dram_bytes": 8e10, "compute_capability": "9.0", "doubtful": "not sure",
        "peak_flop_per_s": {"tensor_bf16": 9.89e14, "tensor_fp8": 1.979e15, "fp32": 6.7e13},
    }
}  # fmt: skip
EMPTY = ("empty", "only spaces")
CONFIG: Tree = {
    "gpu": "h100", "ops": "h100-decode-b64-s4096", "ceilings": str(DOCS / "h100" / "ceilings.json"),
    "gate": {"threshold": "3%", "on": "time", "only": "^moe_"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class UserFile:
    """A kind of file: a good one, how it is written, and the command that reads it."""

    kind: str
    name: str
    """Of the file."""
    good: Callable[[], Tree]
    write: Callable[[Tree], bytes | None]
    words: Callable[[Path], Sequence[str]]
    """The command, given the file."""
    count: int
    own: bool
    """Whether roofprof writes it: then unknown keys are tolerated, and null may be unknown."""
    required: tuple[str, ...] | None = None
    """Ends of places that must be there; None where all must."""


def _analyze(option: str) -> Callable[[Path], Sequence[str]]:
    return lambda path: ["analyze", str(NINE), "--json", option, str(path)]


@cache
def good_report() -> bytes:
    """report.json of the smallest report, with a formula."""
    roofprof = CommandLine()
    folder = Path(__file__).parent
    answer = roofprof.run(["analyze", str(NINE), "--json", "--ops", "h100-decode-b64-s4096"], folder)
    roofprof.close()
    assert answer.code == 0, answer
    return answer.out.encode()


def _report() -> Tree:
    found: Tree = json.loads(good_report())
    return found


def _document(name: str) -> Callable[[], Tree]:
    return lambda: dict(json.loads((DOCS / "h100" / name).read_text()))


def _manifest() -> Tree:
    run = {
        "name": "core", "phase": "decode", "cache": "cold", "report": "ncu/one.ncu-rep", "groups": ["core"],
        "metrics": ["gpu__time_duration.sum"], "expected_passes": 1, "passes": [1], "launches": 9, "ncu_args": [],
        "state": "complete", "cause": None, "wall_s": 1.5,
    }  # fmt: skip
    case = {
        "range_name": "decode:case:b64:s4096", "phase": "decode", "implementations": {"scale_add": "torch"},
        "not_run": {"rope": "why"}, "untested": ["copy"],
    }  # fmt: skip
    return {
        "schema_version": 1, "roofprof": "0.1.0", "created": "2026-11-22T14:24:18+00:00", "state": "partial",
        "workload": "layer", "versions": {"ncu": "2025.3.1.0", "packages": {"torch": "2.11.0"}}, "chip": "gh100",
        "recipe": "fp8", "cases": [case], "runs": [run, {**run, "name": "l1", "report": None, "state": "failed"}],
        "merge": [["ncu/one.ncu-rep"]], "nsys": [],
    }  # fmt: skip


def _capture_words(path: Path) -> Sequence[str]:
    (path.parent / "ncu").mkdir()
    copied(NINE, path.parent / "ncu" / "one.ncu-rep")
    return ["analyze", str(path.parent), "--json"]


FILES = (
    UserFile("ops TOML", "ops.toml", lambda: OPS, toml_bytes, _analyze("--ops"), 60, own=False,
             required=("match", "op.0.op", "shape.m", "shape.n", "shape.k")),
    UserFile("GPU TOML", "gpu.toml", lambda: GPU, toml_bytes, _analyze("--gpu"), 70, own=False,
             required=("peak_flop_per_s", "dram_bytes_per_s")),
    UserFile("config TOML", "roofprof.toml", lambda: CONFIG, toml_bytes,
             lambda path: ["config", "--json", "--config", str(path)], 40, own=False, required=()),
    UserFile("manifest.json", "manifest.json", _manifest, json_bytes, _capture_words, 70, own=True),
    UserFile("report.json", "report.json", _report, json_bytes, lambda p: ["analyze", str(p), "--json"], 90, own=True),
    UserFile("selfcheck.json", "selfcheck.json", _document("selfcheck.json"), json_bytes, _analyze("--selfcheck"), 40,
             own=True),
    UserFile("ceilings.json", "ceilings.json", _document("ceilings.json"), json_bytes, _analyze("--ceilings"), 40,
             own=True,
             required=("gpu", "created", "dram_bytes_per_s", "peak_flop_per_s", "schema_version", "burst")),
)  # fmt: skip


def cases() -> list[Case]:
    """About 450 files."""
    return [case for file in FILES for case in of_file(file)] + all_kernels()


def of_file(file: UserFile) -> list[Case]:
    """The whole-file damage, and a choice of mistakes."""
    good = file.write(file.good())
    assert good is not None
    damaged = [(name, data) for name, data in whole_file(good) if file.kind != "config TOML" or name not in EMPTY]
    found = [_case(file, name, data) for name, data in damaged]  # a config file may be empty
    mistaken = [(name, file.write(tree), tree) for name, tree in _mistakes(file)]
    rest = [_case(file, name, data) for name, data, tree in mistaken if data and _is_mistake(file, tree)]
    return [*found, *chosen(file.kind, rest, file.count - len(found))]


def _mistakes(file: UserFile) -> Iterator[tuple[str, Tree]]:
    tree = file.good()
    for name, wrong in mistakes(tree, nulls=not file.own or file.kind == "report.json"):
        place = name.removesuffix(" is not there")
        if place == name or file.required is None or place.endswith(file.required):
            yield name, wrong
    if file.own:
        return
    yield from unknown_keys(tree)
    if file.kind == "GPU TOML":
        peaks = {pipe: peak / 1e12 for pipe, peak in GPU["mine"]["peak_flop_per_s"].items()}
        yield "peaks in TFLOP/s", {"mine": {**GPU["mine"], "peak_flop_per_s": peaks}}
        yield "bandwidth in GB/s", {"mine": {**GPU["mine"], "dram_bytes_per_s": 3350}}
        yield "peaks beyond any GPU", {"mine": {**GPU["mine"], "peak_flop_per_s": {"tensor_bf16": 1e30}}}
    elif file.kind == "ops TOML":
        yield "a group that is no number", {"op": [{**OPS["op"][0], "match": r"^(?P<m>\w+)$"}]}
        yield "a group that is empty", {"op": [{**OPS["op"][0], "match": r"^(?P<m>)scale"}]}
        yield "a regular expression without end", {"op": [{"match": "(", "op": "a"}]}
        yield "a name for a table of ops", {"op": {"match": "a", "op": "b"}}


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((ROOT / "roofprof" / "report.schema.json").read_text()))


def _is_mistake(file: UserFile, tree: Tree) -> bool:
    """Whether the schema of report.json forbids it: a null where unknown is allowed is no mistake."""
    if file.kind != "report.json":
        return True
    numbers = re.search(r"NaN|Infinity|-7\b|\d{400}", json.dumps(tree))
    return bool(numbers) or not _validator().is_valid(tree)


def _case(file: UserFile, name: str, data: bytes) -> Case:
    def make(folder: Path) -> Sequence[str]:
        (folder / file.name).write_bytes(data)
        return file.words(folder / file.name)

    def whole(folder: Path) -> Sequence[str]:
        (folder / file.name).write_bytes(file.write(file.good()) or b"")
        return file.words(folder / file.name)

    wanted = GOOD if file.own else STRICT
    if file.kind == "ops TOML" and name in EMPTY:
        wanted |= {Outcome.SILENT}  # a file without rules is one
    return Case(file.kind, name, compared(make, whole, file.kind), wanted)


def all_kernels() -> list[Case]:
    """Cells of all_kernels.csv that are not what they must be."""
    found = [_csv_case(name, change) for name, change in _csv_changes()]
    return chosen("all_kernels.csv", found, 40)


@cache
def good_csv() -> bytes:
    """all_kernels.csv of the smallest report."""
    import tempfile

    roofprof = CommandLine()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "report.json"
        path.write_bytes(good_report())
        answer = roofprof.run(["report", str(path), "-o", f"{name}/all_kernels.csv"], Path(name))
        assert answer.code == 0, answer
        roofprof.close()
        return (Path(name) / "all_kernels.csv").read_bytes()


Rows = list[dict[str, str]]


def _csv_changes() -> Iterator[tuple[str, Callable[[], bytes]]]:
    for name, data in whole_file(good_csv()):
        yield name, lambda d=data: d  # type: ignore[misc]
    rows = list(csv.DictReader(io.StringIO(good_csv().decode())))
    numbers = ("duration_ns", "dram_bytes", "batch", "calls", "clock_outlier_count", "formula_flop_count", "work_ratio")
    for column in numbers:
        for what, cell in {
            "a text": "abc",
            "NaN": "nan",
            "infinite": "inf",
            "negative": "-7",
            "beyond": "1e999",
        }.items():
            yield f"{column} is {what}", lambda c=column, v=cell: _csv(rows, c, v)  # type: ignore[misc]
    for column in ("nvtx_path", "kernels", "launches", "findings", "gpu", "target", "notes", "reports", "joins"):
        for what, cell in {"a text": '"abc"', "a number": "5", "null": "null", "deep": "[" * 100_000,
                           "a table": '{"a": 1}', "no JSON": "abc", "a list": "[[1]]"}.items():  # fmt: skip
            yield f"{column} is {what}", lambda c=column, v=cell: _csv(rows, c, v)  # type: ignore[misc]
    for column in ("op", "duration_ns", "generated", "gpu"):
        yield f"{column} is not there", lambda c=column: _csv(rows, c, None)  # type: ignore[misc]


def _csv(rows: Rows, column: str, cell: str | None) -> bytes:
    new = [dict(row) for row in rows]
    if cell is None:
        for row in new:
            del row[column]
    else:
        new[0][column] = cell
    out = io.StringIO()
    writer = csv.DictWriter(out, list(new[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(new)
    return out.getvalue().encode()


def _csv_case(name: str, change: Callable[[], bytes]) -> Case:
    def words(folder: Path, data: bytes) -> Sequence[str]:
        (folder / "all_kernels.csv").write_bytes(data)
        return ["compare", str(folder / "all_kernels.csv"), "--json"]

    run = compared(lambda f: words(f, change()), lambda f: words(f, good_csv()), "all_kernels.csv")
    return Case("all_kernels.csv", name, run)


assert tomllib.loads((toml_bytes(GPU) or b"").decode()) == GPU
