"""`roofprof mcp`: reports served to assistants, read-only."""

from pathlib import Path
from typing import Annotated

import typer

from roofprof.errors import RoofprofError


def mcp_command(
    folders: Annotated[list[Path], typer.Argument(help="Folders with captures and reports; nothing else is read.")],
) -> None:
    """Serve reports to AI assistants over the Model Context Protocol, on stdin and stdout; read-only.

    Tools: list_reports, top_ops, explain_op, compare. An assistant's program starts this command: docs/mcp.md has
    its configuration. It ends when stdin does.
    """
    try:
        from roofprof.mcp.server import serve
    except ImportError as error:
        if not (error.name or "").startswith(("mcp", "pydantic")):
            raise
        raise RoofprofError(f"roofprof mcp needs the MCP SDK: {error}", "pip install 'mcp>=2'") from error
    serve(folders)
