"""`roofprof verify`: every op of the layer against a float32 reference, never under a profiler."""

import sys

import typer

SETTINGS = {
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
    "add_help_option": False,
}
"""What typer is told of the command: every word is the harness' own."""


def verify(context: typer.Context) -> None:
    """Check every op against a float32 torch reference, on the GPU or with --device cpu; -h lists the options."""
    from roofprof.harness.verify.run import main

    code = main(context.args)
    if code:
        sys.exit(code)
