"""`roofprof verify`: every op of the layer against a float32 reference, never under a profiler."""

import sys

import typer

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}


def verify(context: typer.Context) -> None:
    """Check every op against a float32 torch reference, on the GPU or with --device cpu; -h lists the options."""
    from roofprof.harness.verify.run import main

    code = main(context.args)
    if code:
        sys.exit(code)
