"""The command `capture`: options in, one call, what it says out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from roofprof.cli.options import Values, takes
from roofprof.cli.progress import ProgressLine, print_json, print_next, print_result
from roofprof.cli.shared_options import DEADLINE_HELP
from roofprof.errors import UsageError
from roofprof.profiler.run.options import CaptureOptions

if TYPE_CHECKING:
    from roofprof.files import Json
    from roofprof.profiler.run.job import Job


class CaptureCommand(TyperCommand):
    """Splits the words after --ncu-args before the options are parsed.

    One quoted text after it is split as a shell would; without quotes everything up to `--` is ncu's.
    """

    # Typer carries its own copy of click in some releases and depends on it in others, hence Any.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Turn each word for ncu into a `--ncu-args=word` of its own."""
        end = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, [*_ncu_words(args[:end]), *args[end:]])


def _ncu_words(args: list[str]) -> list[str]:
    out: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if name != "--ncu-args":
            out.append(word)
            continue
        if not equals and not rest:
            raise UsageError("--ncu-args needs arguments", "put ncu's own options after it")
        quoted = equals or any(c.isspace() for c in rest[0])
        given = [value if equals else rest.pop(0)] if quoted else rest[:]
        if not quoted:
            rest.clear()
        import shlex

        try:
            words = [w for text in given for w in (shlex.split(text) if quoted else [text])]
        except ValueError as error:
            raise UsageError(f"--ncu-args cannot be split: {error}", "check its quotes") from None
        out += [f"--ncu-args={w}" for w in words]
    return out


SETTINGS = {"cls": CaptureCommand}
"""What typer is told of the command."""


@takes("capture", layer=CaptureOptions)
def capture_command(
    layer: Values,
    command: Annotated[
        list[str] | None,
        typer.Argument(help="After --: another workload than the layer, such as python serve.py."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Output directory; capture-PHASE or capture-workload by default."
        ),
    ] = None,
    selfcheck: Annotated[
        bool, typer.Option("--selfcheck", help="Also run kernels of known work, to verify the counters used.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier capture.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and the commands.")] = False,
    chip: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --dry-run: plan for this chip, such as gb100.")
    ] = None,
    show_output: Annotated[
        bool, typer.Option("--show-output", help="Show what profilers and workload print; it is in logs/ anyway.")
    ] = False,
    deadline: Annotated[float | None, typer.Option(help=DEADLINE_HELP, metavar="SECONDS")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Capture the DeepSeek-R1 layer, or another workload, under ncu and nsys into a directory."""
    from roofprof.profiler.capture.session import capture

    if layer["ranks"] > 1:
        from roofprof.cli.ranks import capture_on_ranks

        folder = output or Path(f"capture-{layer['ranks']}-ranks")
        alone = selfcheck, "--selfcheck is one GPU's: run roofprof selfcheck"
        capture_on_ranks(layer, folder, tuple(command or ()), force, deadline, dry_run, chip, as_json, alone)
        return
    if deadline is not None:
        raise UsageError("--deadline requires --ranks", "--timeout ends a run that makes no progress")
    folder = output or Path(f"capture-{'workload' if command else layer['phase']}")
    options = CaptureOptions(output=folder, command=tuple(command or ()), force=force, **layer)
    if dry_run:
        print_plan(options, chip, as_json)
        return
    if chip:
        raise UsageError("--chip requires --dry-run", "a capture plans for the GPU that is there")
    line = ProgressLine(show_output)
    try:
        result = capture(options, None if as_json else line)
    finally:
        line.end()
    print_result(result, as_json)
    if not as_json and any(record.file for record in result.records):
        print_next(result.path)
    if selfcheck:
        from roofprof.profiler.capture.selfcheck import capture_selfcheck

        check = capture_selfcheck(result.path / "selfcheck", progress=None if as_json else line)
        line.end()
        if not as_json:
            print_result(check, as_json=False)
    if result.state != "complete":
        raise typer.Exit(1)


def print_plan(options: CaptureOptions, chip: str | None, as_json: bool) -> None:
    """Print every process that a capture would run."""
    from roofprof.formatting import quantity
    from roofprof.profiler.capture.jobs import dry_run
    from roofprof.profiler.ncu.plan import chip_of_gpu
    from roofprof.profiler.run.gpu import gpus

    here = [] if chip else gpus()
    # Without a GPU the recipe tells which chip is meant: FP4 needs a Blackwell.
    usual = "gb100" if options.recipe.startswith("nvfp4") else "gh100"
    plan = dry_run(options, chip_of_gpu(here[0].compute_capability, here[0].name) if here else chip or usual)
    if as_json:
        parts = {part.backend.section: [_job_dict(job) for job in part.jobs] for part in plan.parts}
        ranks = {"ranks": options.ranks} if options.ranks > 1 else {}
        document = {
            "chip": plan.chip,
            "tested": plan.tested,
            "notes": list(plan.notes),
            **ranks,
            "runs": [],
            "nsys": [],
        }
        print_json(document | parts)
        return
    print(f"chip {plan.chip}, {'passes measured on ' + plan.tested if plan.tested else 'untested'}")
    for note in plan.notes:
        print(f"note: {note}")
    if options.command:
        from roofprof.profiler.run.settled import settled_region

        found = options.wanted_region().kind != "auto"
        print(f"region: {settled_region(options)}{'' if found else ', unless the trace shows another one'}")
    for part in plan.parts:
        for job in part.jobs:
            _print_job(job)
        if part.jobs:
            print(f"\n{part.backend.total(part.jobs)}")
    if options.command:
        looks = sum(bool(job.facts.get("look")) for part in plan.parts for job in part.jobs)
        more = f", {plan.job_count} where kernels are looked at again" if looks else ""
        starts = quantity(plan.job_count - looks, "start")
        print(f"{starts} of the workload{more}; each pays its start-up, --runs leaves some out")
        if earlier := _earlier_cost(options.output):
            print(f"in the capture that {options.output} holds they took {earlier}")


def _earlier_cost(folder: Path) -> str:
    """Seconds of each run of a capture that is there already; empty where there is none, or its manifest is damaged."""
    from roofprof.errors import RoofprofError
    from roofprof.formats.manifest import read_manifest

    try:
        manifest = read_manifest(folder)
    except (RoofprofError, OSError):
        return ""
    known = [(run.name, run.wall_s) for run in (*manifest.nsys, *manifest.runs) if run.wall_s is not None]
    each = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in known)
    return f"{each}; {sum(seconds for _, seconds in known):.0f} s together" if known else ""


def _job_dict(job: "Job") -> "dict[str, Json]":
    return {"name": job.name, "phase": job.phase, **job.facts, "command": list(job.command)}


def _print_job(job: "Job") -> None:
    import shlex

    print(f"\n{job.heading or job.title}")
    for line in job.details:
        print(f"  {line}")
    print(f"  {shlex.join(job.command)}")
