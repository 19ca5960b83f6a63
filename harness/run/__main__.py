"""Runs the layer's ops in their NVTX ranges: the process that ncu and nsys profile.

`python -m roofprof.harness.run --phase decode --batch 64`. Inputs, warm-up and compilation come first; then
cudaProfilerStart, the ops in launch order as often as asked, cudaProfilerStop, for each case.
"""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from roofprof import __version__
from roofprof.errors import RoofprofError, UsageError
from roofprof.files import write_json
from roofprof.harness.inputs import environment
from roofprof.harness.inputs.context import Context, InputOptions
from roofprof.harness.inputs.counts import expected_counts
from roofprof.harness.inputs.lookup import why_missing
from roofprof.harness.inputs.machine import Machine, no_device, probe, synchronise
from roofprof.harness.inputs.op import FP4_CAPABILITY
from roofprof.harness.inputs.ranges import Ranges, case_range, open_ranges
from roofprof.harness.plan.choose import PlannedOp, require_runnable
from roofprof.harness.plan.memory import estimate_bytes, require_memory
from roofprof.harness.plan.options import CaseOptions, case_label, case_options, case_parser
from roofprof.harness.plan.record import UNTESTED, case_record, listing
from roofprof.harness.run.graph import capture_graphs
from roofprof.harness.run.prepare import ReadyOp, Report, empty_l2, prepare_ops
from roofprof.harness.run.region import ProfilerRegion


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    try:
        args = _parser().parse_args(argv)
        options = case_options(args)
        _check(args, options)
        if args.list:
            print(json.dumps(_listing(options), indent=1))
        else:
            _run(args, options)
    except RoofprofError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = case_parser("python -m roofprof.harness.run", "Runs a DeepSeek-R1 layer, each op in its NVTX range.")
    add = parser.add_argument
    add("--repeats", type=int, default=1, metavar="N", help="profiled passes through the layer")
    add(
        "--no-rotate",
        action="store_true",
        help="keep one copy of each weight: it may stay in L2 between passes",
    )
    add("--graph", action="store_true", help="decode: replay the layer as a CUDA graph")
    add(
        "--profiler-range",
        choices=("case", "once"),
        default="case",
        help="cudaProfilerStart and Stop round each case, or once from the first to the last",
    )
    add(
        "--json-out",
        type=Path,
        metavar="FILE",
        help="what was run: implementations, shapes, routing, versions",
    )
    add("--progress", type=Path, metavar="FILE", help="append one JSON line for each event")
    add("--list", action="store_true", help="print ops, implementations and why others cannot run, as JSON")
    return parser


def _check(args: argparse.Namespace, options: CaseOptions) -> None:
    if not 1 <= args.repeats <= 10_000:
        raise UsageError(f"--repeats {args.repeats} is out of range", "use 1 to 10000")
    if args.graph and options.phases != ("decode",):
        raise UsageError("--graph is decode's", "add --phase decode")
    if args.graph and options.device == "cpu":
        raise UsageError("--graph needs a GPU", "leave out --device cpu")


def _listing(options: CaseOptions) -> dict[str, object]:
    why = no_device(options.device)
    machine = Machine(None, why_missing) if why else probe(options.device)
    cases = [listing(case, options.plan(case, machine), options.experts) for case in options.cases(machine)]
    return {"machine": machine.label, "missing": why, "cases": cases}


def _run(args: argparse.Namespace, options: CaseOptions) -> None:
    machine = probe(options.device)
    cases = [(case, options.plan(case, machine)) for case in options.cases(machine)]
    l2_bytes, steps = 0 if args.no_rotate else machine.l2_bytes, args.repeats + 1
    for case, planned in cases:
        require_runnable(planned, machine)
        needed = estimate_bytes(planned, expected_counts(case, options.experts), l2_bytes, steps)
        require_memory(case_label(case), case, needed, machine.free_bytes)
    inputs = InputOptions(options.device, options.seed, options.skew, options.experts, l2_bytes, steps)
    ranges, records = open_ranges(options.device), []
    region = ProfilerRegion(options.device, once=args.profiler_range == "once")
    with _Progress(args.progress) as progress, contextlib.closing(region):
        for index, (case, planned) in enumerate(cases):
            progress("case_started", case=case_range(case), index=index, total=len(cases))
            ctx = Context(case, inputs)
            _run_case(ctx, planned, ranges, region, progress, args.repeats, args.graph, machine.l2_bytes)
            records.append(case_record(ctx, planned))
            _free(ctx)
        if args.json_out is not None:
            write_json(args.json_out, _manifest(args, machine, ranges, records))
        progress("done")


def _run_case(
    ctx: Context, planned: Sequence[PlannedOp], ranges: Ranges, region: ProfilerRegion, progress: "_Progress",
    repeats: int, graph: bool, l2_bytes: int,
) -> None:  # fmt: skip
    import torch

    def report(stage: str, op: str, index: int, total: int) -> None:
        progress("op_started", stage=stage, op=op, index=index, total=total)

    with torch.no_grad():
        ready = prepare_ops(ctx, planned, report)
        empty_l2(ctx.device, l2_bytes)
        with region.case():
            if graph:
                _replay(ctx, ready, ranges, repeats, report)
            else:
                _launch(ctx, ready, ranges, repeats, report)


def _launch(ctx: Context, ready: list[ReadyOp], ranges: Ranges, repeats: int, report: Report) -> None:
    for repeat in range(1, repeats + 1):
        with ranges.range(case_range(ctx.case)):
            for index, op in enumerate(ready):
                report("profile", op.planned.spec.op, index + (repeat - 1) * len(ready), repeats * len(ready))
                with ranges.range(op.range_name):
                    op.call.run(repeat)
        synchronise(ctx.device)


def _replay(ctx: Context, ready: list[ReadyOp], ranges: Ranges, repeats: int, report: Report) -> None:
    """One graph a repeat, each with its own copies of the weights; captured where profilers see the nodes' ranges."""
    name = case_range(ctx.case)
    graphs = capture_graphs(ready, ranges, name, range(1, repeats + 1))
    for repeat, graph in enumerate(graphs):
        report("profile", "graph", repeat, repeats)
        with ranges.range(name):
            graph.replay()
        synchronise(ctx.device)


def _free(ctx: Context) -> None:
    if ctx.device == "cuda":
        import torch

        torch.cuda.empty_cache()


def _manifest(
    args: argparse.Namespace, machine: Machine, ranges: Ranges, records: list[dict[str, object]]
) -> dict[str, object]:
    return {
        "tool": {"name": "roofprof", "version": __version__},
        "gpu": environment.gpu(args.device),
        "packages": environment.versions(),
        "nvtx_domain": ranges.domain,
        "seed": args.seed,
        "skew": args.skew,
        "repeats": args.repeats,
        "rotate": not args.no_rotate,
        "graph": args.graph,
        "untested": UNTESTED if (machine.capability or (0, 0)) >= FP4_CAPABILITY else None,
        "cases": records,
    }


class _Progress:
    """Appends events to a file, one JSON object per line; does nothing without a file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> "_Progress":
        if self._path is not None:
            try:
                self._file = open(self._path, "a", encoding="utf-8", buffering=1)
            except OSError as error:
                raise RoofprofError(f"cannot write {self._path}: {error.strerror}") from error
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._file.close()

    def __call__(self, event: str, **fields: object) -> None:
        if self._file is not None:
            line = {"event": event, **fields, "time_s": round(time.time(), 3)}
            self._file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    sys.exit(main())
