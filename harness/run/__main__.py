"""Runs the layer's ops in their NVTX ranges: the process that ncu and nsys profile.

`python -m roofprof.harness.run --phase decode --batch 64`. Inputs, warm-up and compilation come first; then
cudaProfilerStart, the ops in launch order as often as asked, cudaProfilerStop, for each case.
"""

import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roofprof import __version__
from roofprof.errors import RoofprofError, UsageError
from roofprof.files import write_json
from roofprof.formatting import print_error
from roofprof.harness.inputs import environment
from roofprof.harness.inputs.context import Context, InputOptions
from roofprof.harness.inputs.counts import expected_counts
from roofprof.harness.inputs.lookup import why_missing
from roofprof.harness.inputs.machine import Machine, no_device, probe, synchronise
from roofprof.harness.inputs.op import FP4_CAPABILITY
from roofprof.harness.inputs.ranges import Ranges, case_range, open_ranges
from roofprof.harness.inputs.team import Team, open_team
from roofprof.harness.plan.choose import PlannedOp, require_runnable
from roofprof.harness.plan.memory import estimate_bytes, require_memory
from roofprof.harness.plan.options import RunOptions, case_label
from roofprof.harness.plan.record import UNTESTED, case_record, listing
from roofprof.harness.run.events import EventLog
from roofprof.harness.run.graph import capture_graphs
from roofprof.harness.run.prepare import ReadyOp, Report, empty_l2, prepare_ops
from roofprof.harness.run.region import ProfilerRegion

_PROG = "python -m roofprof.harness.run"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    words = sys.argv[1:] if argv is None else argv
    try:
        options = RunOptions.from_argv(words, "run", _PROG, "Runs a DeepSeek-R1 layer, each op in its NVTX range.")
        _check(options)
        if options.list:
            print(json.dumps(_listing(options), indent=1))
        else:
            with open_team(options.ranks, options.tp, options.device) as team:
                _run(options, team)
    except RoofprofError as error:
        print_error(error.message, error.hint)
        return error.exit_code
    return 0


def _check(options: RunOptions) -> None:
    if options.graph and options.phase != "decode":
        raise UsageError("--graph is for decode", "add --phase decode")
    if options.graph and options.device == "cpu":
        raise UsageError("--graph needs a GPU", "leave out --device cpu")


def _listing(options: RunOptions) -> dict[str, object]:
    why = no_device(options.device)
    machine = Machine(None, why_missing) if why else probe(options.device)
    cases = [listing(case, options.plan(case, machine), options.experts) for case in options.cases_here(machine)]
    return {"machine": machine.label, "missing": why, "cases": cases}


def _run(options: RunOptions, team: Team | None) -> None:
    machine = probe(options.device, options.ranks)
    cases = [(case, options.plan(case, machine)) for case in options.cases_here(machine)]
    l2_bytes, steps = machine.l2_bytes if options.rotate else 0, options.repeats + 1
    for case, planned in cases:
        require_runnable(planned, machine)
        needed = estimate_bytes(planned, expected_counts(case, options.experts), l2_bytes, steps)
        require_memory(case_label(case), case, needed, machine.free_bytes)
    inputs = InputOptions(options.device, options.seed, options.skew, options.experts, l2_bytes, steps)
    ranges, records = open_ranges(options.device), []
    region = ProfilerRegion(options.device, once=options.profiler_range == "once")
    with EventLog(options.progress) as log, contextlib.closing(region):
        for index, (case, planned) in enumerate(cases):
            log("case_started", case=case_range(case), index=index, total=len(cases))
            ctx = Context(case, inputs, team)
            _run_case(ctx, planned, _Runner(options, ranges, region, log, machine.l2_bytes))
            records.append(case_record(ctx, planned))
            _free(ctx)
        if options.json_out is not None:
            write_json(Path(options.json_out), _manifest(options, machine, ranges, records, team))
        log("done")


@dataclass(frozen=True, slots=True)
class _Runner:
    """What the cases of one process share."""

    options: RunOptions
    ranges: Ranges
    region: ProfilerRegion
    log: EventLog
    l2_bytes: int

    def report(self, stage: str, op: str, index: int, total: int) -> None:
        """Tell that an op is being prepared or run."""
        self.log("op_started", stage=stage, op=op, index=index, total=total)


def _run_case(ctx: Context, planned: Sequence[PlannedOp], runner: _Runner) -> None:
    import torch

    launch = _replay if runner.options.graph else _launch
    with torch.no_grad():
        ready = prepare_ops(ctx, planned, runner.report)
        empty_l2(ctx.device, runner.l2_bytes)
        if ctx.team:
            ctx.team.barrier()  # all begin together; what one is late by afterwards is the layer's own skew
        with runner.region.case():
            launch(ctx, ready, runner.ranges, runner.options.repeats, runner.report)


def _launch(ctx: Context, ready: list[ReadyOp], ranges: Ranges, repeats: int, report: Report) -> None:
    for repeat in range(1, repeats + 1):
        with ranges.range(case_range(ctx.case)):
            for index, op in enumerate(ready):
                report("profile", op.planned.spec.op, index + (repeat - 1) * len(ready), repeats * len(ready))
                with ranges.range(op.range_name):
                    op.call.run(repeat)
        synchronise(ctx.device)


def _replay(ctx: Context, ready: list[ReadyOp], ranges: Ranges, repeats: int, report: Report) -> None:
    """One graph per repeat, each with its own copies of the weights; captured where profilers see the nodes' ranges."""
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
    options: RunOptions, machine: Machine, ranges: Ranges, records: list[dict[str, object]], team: Team | None
) -> dict[str, object]:
    return {
        "tool": {"name": "roofprof", "version": __version__},
        "gpu": environment.gpu(options.device),
        "packages": environment.versions(),
        "nvtx_domain": ranges.domain,
        "seed": options.seed,
        "skew": options.skew,
        "repeats": options.repeats,
        "rotate": options.rotate,
        "graph": options.graph,
        "rank": team and team.rank,
        "ranks": options.ranks,
        "untested": UNTESTED if (machine.capability or (0, 0)) >= FP4_CAPABILITY else None,
        "cases": records,
    }


if __name__ == "__main__":
    sys.exit(main())
