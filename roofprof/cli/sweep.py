"""`roofprof sweep`: captures over batch sizes and lengths, and the scaling report of all of them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roofprof.cli.options import sizes, words
from roofprof.cli.progress import ProgressLine

if TYPE_CHECKING:
    from roofprof.profiler.sweep.plan import SweepOptions
    from roofprof.profiler.sweep.sweep import SweepResult


def sweep_command(
    phase: Annotated[str, typer.Option(help="decode, prefill or all.")] = "decode",
    batch: Annotated[str, typer.Option(help="Decode: sizes.")] = "1,2,4,8,16,32,64,128,256",
    seq_len: Annotated[str, typer.Option(help="Decode: KV lengths; a capture each.")] = "4096",
    prefill_batch: Annotated[str, typer.Option(help="Prefill: sizes; a capture for each pair with a length.")] = "1",
    prefill_len: Annotated[str, typer.Option(help="Prefill: new tokens of each sequence.")] = "1024",
    layer: Annotated[str, typer.Option(help="moe or dense.")] = "moe",
    recipe: Annotated[str, typer.Option(help="nvfp4, nvfp4-v2, fp8, bf16, or auto: what the GPU can run.")] = "auto",
    only: Annotated[str | None, typer.Option(help="Only the ops that this regular expression finds.")] = None,
    impl: Annotated[list[str] | None, typer.Option(help="op=name: another implementation of one op.")] = None,
    repeats: Annotated[int, typer.Option(help="Calls of each op.")] = 3,
    cache: Annotated[str, typer.Option(help="cold (flushed before each kernel), warm, or both.")] = "cold",
    groups: Annotated[str, typer.Option(help="Further counters, as for capture.")] = "",
    experts: Annotated[int | None, typer.Option(help="Routed experts, to fit a smaller GPU.")] = None,
    tp: Annotated[int, typer.Option(help="Tensor parallel size that this GPU's share is of.")] = 1,
    ep: Annotated[int, typer.Option(help="Expert parallel size that this GPU's share is of.")] = 1,
    seed: Annotated[int, typer.Option(help="Of inputs and routing.")] = 0,
    skew: Annotated[float | None, typer.Option(help="Skew of the routing; 0 is uniform.")] = None,
    rotate: Annotated[bool, typer.Option(help="Rotate weights so that none stays in L2.")] = True,
    nsys: Annotated[bool, typer.Option(help="Trace the same under nsys, for the timeline.")] = True,
    graph: Annotated[bool, typer.Option(help="Under nsys, replay decode as a CUDA graph too.")] = True,
    timeout: Annotated[float | None, typer.Option(help="End a run in which nothing moves for so many seconds.")] = None,
    gpu: Annotated[str, typer.Option(help="GPU whose roofs to use: a name, a TOML file, or 'same'.")] = "gb200",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder of captures and report.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Capture every point again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the captures and leave.")] = False,
    capture_only: Annotated[
        bool, typer.Option("--capture-only", help="Capture; the same command reports later, where polars is installed.")
    ] = False,
) -> None:
    """Capture the layer at several sizes and report how it scales; run again, it goes on where it stopped."""
    from roofprof.profiler.capture.options import CaptureOptions
    from roofprof.profiler.sweep.plan import SweepOptions, planned_captures
    from roofprof.profiler.sweep.sweep import sweep

    base = CaptureOptions(
        output=output or Path(f"sweep-{phase}"), phase=phase, batch=sizes("--batch", batch), layer=layer,
        recipe=recipe, tp=tp, ep=ep, experts=experts, only=only, impl=tuple(impl or ()), repeats=repeats, seed=seed,
        skew=skew, rotate=rotate, cache=cache, groups=words(groups), timeout_s=timeout, force=force, nsys=nsys,
        graph=graph,
    )  # fmt: skip
    options = SweepOptions(
        base,
        sizes("--seq-len", seq_len),
        sizes("--prefill-batch", prefill_batch),
        sizes("--prefill-len", prefill_len),
    )
    if dry_run:
        for item in planned_captures(options):
            print(f"{item.name}: batch {','.join(map(str, item.batches))}")
        return
    _check_gpu(gpu)
    result = sweep(options, ProgressLine(), _say)
    if not capture_only:
        _report(result, options, gpu)
    _tell(result)
    if result.failures:
        raise typer.Exit(1)


def _say(line: str) -> None:
    end = "\x1b[K" if sys.stderr.isatty() else ""
    print(f"{line}{end}", file=sys.stderr, flush=True)


def _check_gpu(gpu: str) -> None:
    """An unknown GPU is told before hours of capturing, not after."""
    from roofprof.hardware.devices import load_gpu

    if gpu != "same":
        load_gpu(gpu)


def _report(result: "SweepResult", options: "SweepOptions", gpu: str) -> None:
    """Write the scaling report of what is there, and say what is not."""
    from roofprof.document.cases import cases_of
    from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
    from roofprof.reports.outputs.registry import analysis_outputs, write_folder
    from roofprof.reports.plots.save import save_scaling
    from roofprof.reports.tables.scaling import case_lines, write_scaling

    folder = options.base.output
    report = analyze_files(AnalyzeRequest(result.captures, gpu))
    paths = write_folder(analysis_outputs(), [report], folder)
    paths += [*write_scaling(report, folder), *save_scaling([report], folder)]
    print("\n".join(case_lines(cases_of([report]))).rstrip())
    print(f"wrote {', '.join(path.name for path in paths)} to {folder}", file=sys.stderr)


def _tell(result: "SweepResult") -> None:
    for failure in result.failures:
        hint = f" ({failure.hint})" if failure.hint else ""
        print(f"warning: {failure.name}: {failure.message}{hint}", file=sys.stderr)
    if result.failures:
        print("hint: the same command again captures what is missing", file=sys.stderr)
