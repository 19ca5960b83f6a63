"""The site's page of commands: every command, argument and option, from what `--help` prints."""

from collections.abc import Iterator, Sequence
from typing import Any

import typer

from roofprof.cli import app
from roofprof.cli.commands import COMMANDS, ROOT_EXAMPLES

HEAD = """# Commands

Every command with its arguments and options, as `roofprof COMMAND --help` prints them. This page is made from the
commands themselves.

An error is a line `error:` with the file and what is wrong, mostly with a `hint:`; the exit code is then 1, and 2 for
wrong usage. What is printed on stdout is the result and nothing else.
"""


def commands_page() -> str:
    """The page, in Markdown."""
    group: Any = typer.main.get_command(app)
    lines = [HEAD, "| command | what it does |", "|---|---|"]
    lines += [f"| [`{name}`](#{name}) | {in_cell(command.summary)} |" for name, command in COMMANDS.items()]
    lines += ["", *_code(ROOT_EXAMPLES), "", "Before a command:", "", *_table("option", group, "roofprof")]
    for name in COMMANDS:
        lines += ["", *command_section(name)]
    return "\n".join(lines) + "\n"


def command_section(name: str) -> Iterator[str]:
    """One command: usage, what it does, arguments, options, examples."""
    command: Any = COMMANDS[name].load(name)
    usage = command.get_usage(typer.Context(command, info_name=f"roofprof {name}"))
    yield from (f"## {name}", "", *_code([usage.removeprefix("Usage: ")]), "", *(command.help or "").splitlines(), "")
    yield from (*_table("argument", command, name), *_table("option", command, name), *_code(COMMANDS[name].examples))


def _table(kind: str, command: Any, name: str) -> Iterator[str]:
    """The arguments or the options of a command, but for --help; nothing where it has none."""
    context = typer.Context(command, info_name=name)
    records = [parameter.get_help_record(context) for parameter in command.params if parameter.param_type_name == kind]
    rows = [f"| `{names}` | {in_cell(words)} |" for names, words in filter(None, records)]
    if rows:
        yield from (f"| {kind} | |", "|---|---|", *rows, "")


def _code(lines: Sequence[str]) -> list[str]:
    return ["```text", *lines, "```"] if lines else []


def in_cell(text: str) -> str:
    """A text for a cell of a table: bars and the brackets of HTML as what they are."""
    return text.replace("|", "\\|").replace("<", "&lt;")
