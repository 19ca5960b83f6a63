"""--gate and its like of `diff` and `baseline diff`, with what a config file says in their place."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias

import typer

from roofprof.errors import UsageError

GateOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="PERCENT",
        help="Exit 1 on a regression beyond it, 3 where in doubt, else 0; by default as the config file says.",
    ),
]
NoGateOption: TypeAlias = Annotated[bool, typer.Option("--no-gate", help="Leave out the config file's gate.")]
OnOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="METRIC",
        help="What the gate judges: each op's verdict (the default), its time, bytes, flops or roof alone, or any of "
        "these four.",
    ),
]


@dataclass(frozen=True, slots=True)
class GateWords:
    """What the command line says."""

    gate: str | None
    no_gate: bool
    on: str | None
    threshold: str | None = None


@dataclass(frozen=True, slots=True)
class GateChoice:
    """What holds."""

    threshold: float
    """A fraction."""
    metric: str | None
    """None: no gate."""
    only: str | None
    """A regular expression for the ops that the gate is on; None for all that are compared."""


def gate_choice(given: GateWords, only: str | None) -> GateChoice:
    """The command line, and below it the config file, which is said where it is used.

    Args:
        given: of the command line.
        only: --only, which takes the place of the file's choice of ops.

    Raises:
        UsageError: options that exclude each other, an unknown metric, or no percentage.
        ReportError: the config file cannot be used.
    """
    from roofprof.changes.diff import DEFAULT_THRESHOLD
    from roofprof.changes.gated import GATED, USUAL
    from roofprof.cli.settings import config, say

    _check(given)
    file = config()
    settings = file.settings.gate
    used = []
    if given.gate is not None:
        limit = _fraction(given.gate, "--gate")
    elif given.threshold is not None:
        limit = _fraction(given.threshold, "--threshold")
    elif settings.fraction is not None:
        limit = settings.fraction
        used.append("gate.threshold")
    else:
        limit = DEFAULT_THRESHOLD
    if given.no_gate or (given.gate is None and "gate.threshold" not in used):
        choice = GateChoice(limit, None, None)
    else:
        used += ["gate.on"] if settings.on and not given.on else []
        used += ["gate.only"] if settings.only and only is None else []
        choice = GateChoice(limit, GATED[given.on or settings.on or USUAL], settings.only if only is None else None)
    if used:
        say(file.said(used))
    return choice


def _check(given: GateWords) -> None:
    from roofprof.changes.gated import GATED

    if given.on is not None and given.on not in GATED:
        raise UsageError(f"unknown metric {given.on!r} in --on", f"use one of {', '.join(GATED)}")
    if given.gate is not None and given.threshold is not None:
        raise UsageError("--threshold and --gate say the same twice", "give the gate's alone")
    if given.gate is not None and given.no_gate:
        raise UsageError("--gate and --no-gate exclude each other", "give one of them")


def _fraction(text: str, option: str) -> float:
    from roofprof.options import percentage

    value = percentage(text)
    if value is None:
        raise UsageError(f"{option} {text!r} is no percentage below 100", f"write {option} 3%")
    return value
