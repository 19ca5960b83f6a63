"""The command line: one Typer app, and the one place that turns errors into two lines and an exit code.

A command is imported when it is run, and imports what it needs when it runs: --help needs typer alone.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from roofprof import __version__
from roofprof.cli.commands import ROOT_EXAMPLES, LazyGroup, epilog
from roofprof.errors import RoofprofError, crash

app = typer.Typer(
    name="roofprof",
    cls=LazyGroup,
    help="Rooflines of LLM kernels from measured hardware counters, formula beside measured.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=epilog(ROOT_EXAMPLES),
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        print(f"roofprof {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", envvar="ROOFPROF_CONFIG", help="Config file; the nearest roofprof.toml by default."
        ),
    ] = None,
    no_config: Annotated[bool, typer.Option("--no-config", help="Read no config file.")] = False,
) -> None:
    """Options of every command."""
    from roofprof.cli.settings import choose_config

    choose_config(config, no_config)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and give its exit code: 0, 1 on an error, 2 on wrong usage."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # These are understood anywhere before a `--`, not only before the command; after it, words are the workload's.
    end = arguments.index("--") if "--" in arguments else len(arguments)
    debug = "--debug" in arguments[:end]
    words = [word for word in arguments[:end] if word != "--debug"]
    arguments = [*_config_words(words), *words, *arguments[end:]]
    try:
        app(arguments, prog_name="roofprof", standalone_mode=True)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except BrokenPipeError:
        sys.stderr.close()  # stdout is a closed pipe: whoever read it has ended, so no message
        return 1
    except RoofprofError as error:
        if debug:
            raise
        return _report(error)
    except Exception as error:
        if debug:
            raise
        return _report(crash(error))
    return 0


def _config_words(words: list[str]) -> list[str]:
    """The words that choose a config file, taken out of the others."""
    taken: list[str] = []
    for place in reversed(range(len(words))):
        count = 2 if words[place] == "--config" else 1
        if words[place] in ("--config", "--no-config") or words[place].startswith("--config="):
            taken = words[place : place + count] + taken
            del words[place : place + count]
    return taken


def _report(error: RoofprofError) -> int:
    from roofprof.formatting import print_error

    print_error(error.message, error.hint)
    return error.exit_code
