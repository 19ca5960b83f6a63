"""Commands whose modules are imported when they are run: what `roofprof --help` prints of them stands here."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from roofprof.cli.values import take_plain, without_converter


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is, and its line in `roofprof --help`."""

    module: str
    function: str
    summary: str
    """The first line of the function's docstring."""
    examples: tuple[str, ...] = ()
    """Commands that work as they stand, for the end of its help; after `roofprof demo` where they name its folder."""
    starts_programs: bool = False
    """Of others, which are to find the environment as it was."""

    def load(self, name: str) -> TyperCommand:
        """The command itself. `SETTINGS` of its module are the arguments of typer's decorator."""
        if not self.starts_programs:  # numpy comes with threads for matrix products, one per core: there are none here
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        module = import_module(self.module)
        alone = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
        settings = {"epilog": epilog(self.examples), **getattr(module, "SETTINGS", {})}
        alone.command(name, **settings)(getattr(module, self.function))
        command: Any = typer.main.get_command(alone)
        without_converter(command)
        loaded: TyperCommand = command
        return loaded


def epilog(examples: Sequence[str]) -> str | None:
    """Examples as the end of a help text, each on a line of its own; None without any."""
    # click keeps the line breaks of a paragraph that begins with \b.
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in examples)]) if examples else None


COMMANDS = {
    "analyze": LazyCommand(
        "roofprof.cli.analyze",
        "analyze",
        "Read ncu reports and place every op on a GPU's roofline, formula beside measured.",
        examples=(
            "roofprof analyze roofprof-demo/deepseek-r1",
            "roofprof analyze roofprof-demo/deepseek-r1 --sort time --top 0 --gpu h200",
            "roofprof analyze trace.ncu-rep -o out   # picture, tables, report.json",
        ),
    ),
    "demo": LazyCommand(
        "roofprof.cli.demo",
        "demo",
        "Analyze a sample capture that comes with roofprof: needs no GPU and no file.",
        examples=(
            "roofprof demo",
            "roofprof demo sglang -o /tmp/roofprof-demo",
        ),
    ),
    "ops": LazyCommand(
        "roofprof.cli.ops",
        "ops",
        "Print the layer op by op: FLOPs, compulsory bytes, AI and bound by formula.",
        examples=(
            "roofprof ops --phase decode --batch 1,64,128",
            "roofprof ops --phase prefill --recipe fp8 --sort time --top 10",
        ),
    ),
    "gpus": LazyCommand(
        "roofprof.cli.gpus",
        "gpus",
        "List the GPUs that --gpu knows: dense peaks, bandwidth, ridge points, and where the figures are from.",
        examples=(
            "roofprof gpus",
            "roofprof gpus h100",
        ),
    ),
    "capture": LazyCommand(
        "roofprof.cli.capture",
        "capture_command",
        "Capture the DeepSeek-R1 layer, or another workload, under ncu and nsys into a directory.",
        examples=(
            "roofprof capture --phase decode --batch 1,64",
            "roofprof capture -o serve -- python serve.py",
            "roofprof capture --dry-run --chip gh100   # the plan, without a GPU",
        ),
        starts_programs=True,
    ),
    "rank": LazyCommand(
        "roofprof.cli.rank",
        "rank_command",
        "Capture one rank of a job that torchrun, srun or mpirun started: DIR/rank000, rank001, ...",
        examples=(
            "torchrun --nproc-per-node 4 --no-python -- roofprof rank -o DIR -- ./app",
            "srun --ntasks 8 roofprof rank -o DIR -- python app.py",
        ),
    ),
    "doctor": LazyCommand(
        "roofprof.cli.doctor",
        "doctor_command",
        "Check whether capture can work on this machine, and say what to do where it cannot.",
        examples=(
            "roofprof doctor",
            "roofprof doctor --json",
        ),
        starts_programs=True,
    ),
    "sweep": LazyCommand(
        "roofprof.cli.sweep",
        "sweep_command",
        "Capture the layer at several sizes and report how it scales; run again, it resumes where it stopped.",
        examples=(
            "roofprof sweep --batch 1,16,64,128 -o sweep",
            "roofprof sweep --phase prefill --prefill-len 512,1024 --dry-run",
        ),
        starts_programs=True,
    ),
    "timeline": LazyCommand(
        "roofprof.cli.timeline",
        "timeline",
        "Show what each GPU did, and its ops and kernels, from an nsys trace.",
        examples=(
            "roofprof timeline roofprof-demo/deepseek-r1",
            "roofprof timeline roofprof-demo/deepseek-r1 --by kernel --top 10",
        ),
    ),
    "selfcheck": LazyCommand(
        "roofprof.cli.selfcheck",
        "selfcheck",
        "Check each counter on kernels with expected counts; exit code 1 when one is wrong.",
        examples=(
            "roofprof selfcheck -o selfcheck",
            "roofprof selfcheck selfcheck   # what was captured, again",
        ),
        starts_programs=True,
    ),
    "ceilings": LazyCommand(
        "roofprof.cli.ceilings",
        "ceilings",
        "Measure DRAM, L2, GEMM, FFMA and MUFU rates and the launch floor; show them beside the datasheet's.",
        examples=(
            "roofprof ceilings --quick",
            "roofprof ceilings -o ceilings.json",
        ),
        starts_programs=True,
    ),
    "report": LazyCommand(
        "roofprof.cli.report",
        "report",
        "Write the roofline document: placement, formulas, bottlenecks, scaling, opportunities, provenance.",
        examples=(
            "roofprof report roofprof-demo/deepseek-r1 -o roofline.html",
            "roofprof report roofprof-demo/deepseek-r1 -o roofline.png --theme dark",
        ),
    ),
    "compare": LazyCommand(
        "roofprof.cli.compare",
        "compare",
        "Compare arithmetic intensity by formula with the measured one, op by op, worst first.",
        examples=(
            "roofprof compare roofprof-demo/deepseek-r1 --top 5",
            "roofprof compare roofprof-demo/deepseek-r1 --against document",
        ),
    ),
    "diff": LazyCommand(
        "roofprof.cli.diff",
        "diff_command",
        "Compare two analyses op by op: what changed, by how much, and whether that is more than chance.",
        examples=(
            "roofprof diff old-trace.ncu-rep new-trace.ncu-rep -o diff.md",
            "roofprof diff old-trace.ncu-rep new-trace.ncu-rep --gate 3% --on time",
        ),
    ),
    "baseline": LazyCommand(
        "roofprof.cli.baseline",
        "baseline",
        "Keep analyses by name, list them, and compare a new one with one of them.",
        examples=(
            "roofprof baseline save main trace.ncu-rep",
            "roofprof baseline diff main new-trace.ncu-rep --gate 3%",
        ),
    ),
    "config": LazyCommand(
        "roofprof.cli.config",
        "config_command",
        "Show the config file's settings, the defaults of the others, and which file is read.",
        examples=(
            "roofprof config",
            "roofprof config --json",
        ),
    ),
    "mcp": LazyCommand(
        "roofprof.cli.mcp",
        "mcp_command",
        "Serve reports to AI assistants over the Model Context Protocol, on stdin and stdout; read-only.",
        examples=(
            "roofprof mcp roofprof-demo",
            "roofprof mcp roofprof-demo/deepseek-r1 .",
        ),
    ),
    "verify": LazyCommand(
        "roofprof.cli.verify",
        "verify",
        "Check every op against a float32 torch reference, on the GPU or with --device cpu.",
        examples=(
            "roofprof verify --phase decode --batch 64",
            "roofprof verify --device cpu --experts 16 --batch 1 --only layernorm",
        ),
        starts_programs=True,
    ),
}
"""By name, in the order of `roofprof --help`."""

ROOT_EXAMPLES = (
    "roofprof demo                           # needs no GPU and no file",
    "roofprof analyze trace.ncu-rep -o out   # your own report",
    "roofprof capture -- python app.py       # on a GPU: any workload",
)
"""What to begin with."""


class LazyGroup(TyperGroup):
    """Holds a stub for each of COMMANDS until one is run."""

    # Typer carries its own copy of click in some releases and depends on it in others, hence Any.
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        without_converter(self)
        stubs = {name: TyperCommand(name, help=command.summary) for name, command in COMMANDS.items()}
        self.commands: Any = stubs | dict(self.commands)
        self._stubs = stubs

    def get_params(self, ctx: Any) -> Any:
        """Its parameters: typer adds those of shell completion when the group is made."""
        parameters: list[Any] = self.params
        for parameter in parameters:
            take_plain(parameter)
        return super().get_params(ctx)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Every command with its whole summary: click cuts it to a line, with dots."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help or "") for name, command in self.commands.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the module of the command that is about to run."""
        name = args[0]
        if name in self._stubs and self.commands[name] is self._stubs[name]:
            self.commands[name] = COMMANDS[name].load(name)
        return super().resolve_command(ctx, args)
