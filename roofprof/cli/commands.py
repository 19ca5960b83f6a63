"""Commands whose modules are imported when they are run: what `roofprof --help` prints of them stands here."""

import os
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from roofprof.cli.values import without_converter


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is, and its line in `roofprof --help`."""

    module: str
    function: str
    summary: str
    """The first line of the function's docstring."""
    starts_programs: bool = False
    """Of others, which are to find the environment as it was."""

    def load(self, name: str) -> TyperCommand:
        """The command itself. `SETTINGS` of its module are the arguments of typer's decorator."""
        if not self.starts_programs:  # numpy comes with threads for matrix products, one per core: there are none here
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        module = import_module(self.module)
        alone = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
        alone.command(name, **getattr(module, "SETTINGS", {}))(getattr(module, self.function))
        command: Any = typer.main.get_command(alone)
        without_converter(command)
        loaded: TyperCommand = command
        return loaded


COMMANDS = {
    "analyze": LazyCommand(
        "roofprof.cli.analyze",
        "analyze",
        "Read ncu reports and place every op on a GPU's roofline, formula beside measured.",
    ),
    "demo": LazyCommand(
        "roofprof.cli.demo", "demo", "Analyze a sample capture that comes with roofprof: needs no GPU and no file."
    ),
    "ops": LazyCommand(
        "roofprof.cli.ops", "ops", "Print the layer op by op: FLOPs, compulsory bytes, AI and bound by formula."
    ),
    "gpus": LazyCommand(
        "roofprof.cli.gpus",
        "gpus",
        "List the GPUs that --gpu knows: dense peaks, bandwidth, ridge points, and where the figures are from.",
    ),
    "capture": LazyCommand(
        "roofprof.cli.capture",
        "capture_command",
        "Capture the DeepSeek-R1 layer, or another workload, under ncu and nsys into a directory.",
        starts_programs=True,
    ),
    "rank": LazyCommand(
        "roofprof.cli.rank",
        "rank_command",
        "Capture one rank of a job that torchrun, srun or mpirun started: DIR/rank000, rank001, ...",
    ),
    "doctor": LazyCommand(
        "roofprof.cli.doctor",
        "doctor_command",
        "Check whether capture can work on this machine, and say what to do where it cannot.",
        starts_programs=True,
    ),
    "sweep": LazyCommand(
        "roofprof.cli.sweep",
        "sweep_command",
        "Capture the layer at several sizes and report how it scales; run again, it resumes where it stopped.",
        starts_programs=True,
    ),
    "timeline": LazyCommand(
        "roofprof.cli.timeline", "timeline", "Show what each GPU did, and its ops and kernels, from an nsys trace."
    ),
    "selfcheck": LazyCommand(
        "roofprof.cli.selfcheck",
        "selfcheck",
        "Check each counter on kernels with expected counts; exit code 1 when one is wrong.",
        starts_programs=True,
    ),
    "ceilings": LazyCommand(
        "roofprof.cli.ceilings",
        "ceilings",
        "Measure DRAM, L2, GEMM, FFMA and MUFU rates and the launch floor; show them beside the datasheet's.",
        starts_programs=True,
    ),
    "report": LazyCommand(
        "roofprof.cli.report",
        "report",
        "Write the roofline document: placement, formulas, bottlenecks, scaling, opportunities, provenance.",
    ),
    "compare": LazyCommand(
        "roofprof.cli.compare",
        "compare",
        "Compare arithmetic intensity by formula with the measured one, op by op, worst first.",
    ),
    "verify": LazyCommand(
        "roofprof.cli.verify",
        "verify",
        "Check every op against a float32 torch reference, on the GPU or with --device cpu; -h lists the options.",
        starts_programs=True,
    ),
}
"""By name, in the order of `roofprof --help`."""


class LazyGroup(TyperGroup):
    """Holds a stub for each of COMMANDS until one is run."""

    # Typer carries its own copy of click in some releases and depends on it in others, hence Any.
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        without_converter(self)
        stubs = {name: TyperCommand(name, help=command.summary) for name, command in COMMANDS.items()}
        self.commands: Any = stubs | dict(self.commands)
        self._stubs = stubs

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the module of the command that is about to run."""
        name = args[0]
        if name in self._stubs and self.commands[name] is self._stubs[name]:
            self.commands[name] = COMMANDS[name].load(name)
        return super().resolve_command(ctx, args)
