"""The command line: each command parses its options, calls one function and prints.

Heavy imports stand inside the commands, so that --help needs typer alone.
"""

import sys
from typing import Annotated

import typer

from roofprof import __version__
from roofprof.errors import RoofprofError

app = typer.Typer(
    name="roofprof",
    help="Rooflines of LLM kernels from measured hardware counters, formula beside measured.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(value: bool) -> None:
    if value:
        print(f"roofprof {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the command."""


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and give its exit code: 0, 1 on an error, 2 on wrong usage."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    try:
        app([a for a in arguments if a != "--debug"], standalone_mode=True)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except RoofprofError as error:
        if debug:
            raise
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return 1
    except Exception as error:
        if debug:
            raise
        print(f"error: roofprof itself failed: {type(error).__name__}: {error}", file=sys.stderr)
        print("hint: run it again with --debug and report the traceback", file=sys.stderr)
        return 1
    return 0
