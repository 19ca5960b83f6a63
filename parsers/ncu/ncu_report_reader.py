"""NVIDIA's ncu_report as a second reader, in child processes that cannot take the user's one down.

For reports that our own reader refuses, and for the tests that hold ours against it.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from roofprof.errors import ReportError
from roofprof.formats.ncu_rep import Block, without_results
from roofprof.formats.ncu_rep_file import open_report, read_blocks
from roofprof.formats.ncu_rep_nvtx import OpenRanges
from roofprof.formats.protobuf import Data
from roofprof.hardware.opcodes import opcode_work
from roofprof.own_python import module_command, module_environment
from roofprof.parsers.ncu.ncu_report_worker import Answer, GroupAnswer, Printed
from roofprof.parsers.ncu.results import Device, MetricGroup, Progress, Results, flop_per_sm_cycle, plan_for

BATCH_LAUNCHES = 500
"""Launches that one child reads: about 0.6 MB each in ncu_report with 400 metrics."""
BATCH_BYTES = 64 << 20
CHILD_SECONDS_PER_LAUNCH, CHILD_SECONDS = 0.5, 120.0


def read_results(path: Path, progress: Progress | None = None) -> Results:
    """Read every result of a report.

    Args:
        path: an .ncu-rep file.
        progress: called with (launches read, launches in all) as it goes on.

    Raises:
        ReportError: not a report, damaged, without kernels, ncu-report is not installed or crashed on it.
    """
    data = open_report(path)
    blocks = read_blocks(data, path)
    total = sum(block.result_count for block in blocks)
    answers = _read_batches(path, data, blocks, total, progress)
    read = sum(len(answer["function"]) for answer in answers)
    if read < total:
        raise ReportError(
            f"{path} is damaged: {total} launches are framed in it, ncu-report reads {read}",
            "a part inside a block was altered; capture or copy it again",
        )
    results = Results()
    for answer in answers:
        _add(results, answer)
    return results


def _add(results: Results, answer: Answer) -> None:
    before, count = len(results.function), len(answer["function"])
    results.workload += answer["workload"]
    results.process_id += answer["process_id"]
    results.function += answer["function"]
    results.demangled += answer["demangled"]
    results.nvtx += [[OpenRanges(*ranges) for ranges in state] for state in answer["nvtx"]]
    results.grid += [None] * count
    results.block += [None] * count
    for key, device in answer["devices"].items():
        results.devices.setdefault(key, device)
    results.groups += [_group(group, results.devices[group["device"]], before) for group in answer["groups"]]


def _group(answer: GroupAnswer, device: Device, before: int) -> MetricGroup:
    chip, plan = plan_for(frozenset(answer["names"]), device)
    device.setdefault("flop_per_sm_cycle", flop_per_sm_cycle(chip))
    values = np.array(answer["values"], np.float64).reshape(len(answer["launches"]), len(answer["metrics"]))
    columns = {metric: values[:, place] for place, metric in enumerate(answer["metrics"])}
    opcodes = [opcode_work(*histograms) if any(histograms) else None for histograms in answer["opcodes"]]
    return MetricGroup(np.array(answer["launches"], np.int64) + before, answer["device"], chip, plan, columns, opcodes)


def _read_batches(path: Path, data: Data, blocks: list[Block], total: int, progress: Progress | None) -> list[Answer]:
    """The answers of the children in launch order, at most one child per core at a time."""
    if total <= BATCH_LAUNCHES and len(data) <= BATCH_BYTES:
        return [_read_in_child(path, total, path)]
    batches = list(_batches(blocks))
    done = 0
    answers: list[Answer] = []

    def read(batch: list[Block]) -> Answer:
        with _part(data, blocks, batch) as part:
            return _read_in_child(part, sum(block.result_count for block in batch), path)

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for answer in pool.map(read, batches):
            answers.append(answer)
            done += len(answer["function"])
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


def _read_in_child(part: Path, launches: int, path: Path) -> Answer:
    command = module_command("roofprof.parsers.ncu.ncu_report_worker", str(part))
    limit = CHILD_SECONDS + launches * CHILD_SECONDS_PER_LAUNCH
    try:
        child = subprocess.run(command, capture_output=True, timeout=limit, env=module_environment())
    except subprocess.TimeoutExpired:
        raise ReportError(
            f"{path}: ncu-report did not finish reading in {limit:.0f} s",
            "the file may be damaged; capture it again",
        ) from None
    if child.returncode != 0:
        raise ReportError(f"{path}: the reading process {_death(child.returncode)}", _death_hint(child.stderr))
    printed: Printed = json.loads(child.stdout)
    refusal, answer = printed["refusal"], printed["answer"]
    if refusal:
        raise ReportError(refusal["error"].replace(str(part), str(path)), refusal["hint"])
    assert answer is not None  # the worker prints one of both
    return answer


def _death(code: int) -> str:
    return f"crashed (signal {-code})" if code < 0 else f"failed (exit status {code})"


def _death_hint(stderr: bytes) -> str:
    text = stderr.decode(errors="replace")
    if "No module named 'ncu_report'" in text:
        return "install NVIDIA's reader: pip install ncu-report"
    last = text.strip().splitlines()[-1:] or ["nothing was said"]
    return f"ncu-report could not read it ({last[0][:200]}); the file is likely damaged inside a block"
