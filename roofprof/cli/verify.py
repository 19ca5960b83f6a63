"""`roofprof verify`: every op of the layer against a float32 reference, never under a profiler."""

import sys

from roofprof.cli.options import Values, takes
from roofprof.harness.plan.options import VerifyOptions


@takes("verify", layer=VerifyOptions)
def verify(layer: Values) -> None:
    """Check every op against a float32 torch reference, on the GPU or with --device cpu."""
    from roofprof.harness.verify.run import main
    from roofprof.options import to_argv

    code = main(to_argv(VerifyOptions(**layer), "verify"))
    if code:
        sys.exit(code)
