"""Reads .ncu-rep files into the launch frame, in child processes that cannot take the user's one down."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from roofprof.errors import ReportError
from roofprof.findings import Finding
from roofprof.formats.ncu_rep import Block, without_results
from roofprof.formats.ncu_rep_file import open_report, read_blocks
from roofprof.formats.protobuf import Data
from roofprof.launches.schema import LAUNCH_SCHEMA, check_schema
from roofprof.parsers.ncu.findings import reading_findings

BATCH_LAUNCHES = 500
"""Launches that one child reads: about 0.6 MB each in ncu_report with 400 metrics."""
BATCH_BYTES = 64 << 20
CHILD_SECONDS_PER_LAUNCH, CHILD_SECONDS = 0.5, 120.0

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class NcuReport:
    """What one .ncu-rep holds."""

    name: str
    """File name, without its folder."""
    launches: pl.DataFrame
    """One row a launch, `LAUNCH_SCHEMA`."""
    devices: Mapping[str, Mapping[str, Any]]
    """Device index to its attributes."""
    findings: tuple[Finding, ...]


def read_ncu_report(path: str | Path, progress: Progress | None = None, name: str | None = None) -> NcuReport:
    """Read every launch of a report.

    Args:
        path: an .ncu-rep file.
        progress: called with (launches read, launches in all).
        name: what to call the report; its file name by default.

    Raises:
        ReportError: not a report, damaged, without kernels, or ncu_report crashed on it.
    """
    path = Path(path)
    label = name or path.name
    data = open_report(path)
    blocks = read_blocks(data, path)
    total = sum(block.result_count for block in blocks)
    answers = _read_batches(path, data, blocks, total, progress)
    read = sum(answer["launch_count"] for answer in answers)
    if read < total:
        raise ReportError(
            f"{path} is damaged: {total} launches are framed in it, ncu-report reads {read}",
            "a part inside a block was altered; capture or copy it again",
        )
    launches = _frame(answers, label)
    return NcuReport(label, launches, _devices(answers), tuple(reading_findings(label, launches, answers)))


def _read_batches(
    path: Path, data: Data, blocks: list[Block], total: int, progress: Progress | None
) -> list[dict[str, Any]]:
    """The answers of the children in launch order, at most one child a core at a time."""
    if total <= BATCH_LAUNCHES and len(data) <= BATCH_BYTES:
        return [_read_in_child(path, total, path)]
    batches = list(_batches(blocks))
    done = 0
    answers: list[dict[str, Any]] = []

    def read(batch: list[Block]) -> dict[str, Any]:
        with _part(data, blocks, batch) as part:
            return _read_in_child(part, sum(block.result_count for block in batch), path)

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for answer in pool.map(read, batches):
            answers.append(answer)
            done += answer["launch_count"]
            if progress:
                progress(done, total)
    return answers


def _batches(blocks: list[Block]) -> Iterator[list[Block]]:
    """Blocks with results, in runs that one child can hold."""
    batch: list[Block] = []
    launches = size = 0
    for block in blocks:
        if not block.result_count:
            continue
        grown = size + block.end - block.start
        if batch and (launches + block.result_count > BATCH_LAUNCHES or grown > BATCH_BYTES):
            yield batch
            batch, launches, size = [], 0, 0
        batch.append(block)
        launches += block.result_count
        size += block.end - block.start
    if batch:
        yield batch


@contextmanager
def _part(data: Data, blocks: list[Block], batch: list[Block]) -> Iterator[Path]:
    """A report with the results of one batch only; the strings and session data of all blocks stay."""
    wanted = {block.start for block in batch}
    with tempfile.NamedTemporaryFile(prefix="roofprof-", suffix=".ncu-rep") as file:
        file.write(data[: blocks[0].start])
        for block in blocks:
            keep = block.start in wanted
            file.write(data[block.start : block.end] if keep else without_results(data, block))
        file.flush()
        yield Path(file.name)


def _read_in_child(part: Path, launches: int, path: Path) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "roofprof.parsers.ncu.worker", str(part)]
    limit = CHILD_SECONDS + launches * CHILD_SECONDS_PER_LAUNCH
    try:
        child = subprocess.run(command, capture_output=True, timeout=limit, env=_child_environment())
    except subprocess.TimeoutExpired:
        raise ReportError(
            f"{path}: ncu-report did not finish reading in {limit:.0f} s",
            "the file may be damaged; capture it again",
        ) from None
    if child.returncode != 0:
        raise ReportError(f"{path}: the reading process {_death(child.returncode)}", _death_hint(child.stderr))
    answer: dict[str, Any] = json.loads(child.stdout)
    if "error" in answer:
        raise ReportError(answer["error"].replace(str(part), str(path)), answer["hint"])
    return answer


def _child_environment() -> dict[str, str]:
    """The child must find this very package, installed or not."""
    root = str(Path(__file__).resolve().parents[2])
    existing = os.environ.get("PYTHONPATH")
    source = [root] if (Path(root) / "roofprof" / "__init__.py").exists() else []
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*source, *([existing] if existing else [])])}


def _death(code: int) -> str:
    return f"crashed (signal {-code})" if code < 0 else f"failed (exit status {code})"


def _death_hint(stderr: bytes) -> str:
    text = stderr.decode(errors="replace")
    if "No module named 'ncu_report'" in text:
        return "install NVIDIA's reader: pip install ncu-report"
    last = text.strip().splitlines()[-1:] or ["nothing was said"]
    return f"ncu-report could not read it ({last[0][:200]}); the file is likely damaged inside a block"


def _frame(answers: list[dict[str, Any]], name: str) -> pl.DataFrame:
    """The launch frame of all answers."""
    frames = [_answer_frame(answer["columns"], answer["launch_count"]) for answer in answers if answer["launch_count"]]
    launches = pl.concat(frames).with_columns(
        pl.lit(name).alias("report"), pl.int_range(pl.len(), dtype=pl.Int64).alias("launch_id")
    )
    return check_schema(launches.select(LAUNCH_SCHEMA.names()), LAUNCH_SCHEMA, "reading")


def _answer_frame(columns: Mapping[str, list[Any]], length: int) -> pl.DataFrame:
    series = []
    for column, dtype in LAUNCH_SCHEMA.items():
        values = columns.get(column, [None] * length)
        if dtype == pl.Int64:
            values = [None if v is None else int(v) for v in values]
        elif isinstance(dtype, pl.List) and dtype.inner == pl.Int64:
            values = [None if v is None or None in v else [int(x) for x in v] for v in values]
        series.append(pl.Series(column, values, dtype=dtype))
    return pl.DataFrame(series)


def _devices(answers: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    devices: dict[str, dict[str, Any]] = {}
    for answer in answers:
        devices |= answer["devices"]
    return devices
