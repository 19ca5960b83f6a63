"""The entry point: the one place that turns errors into two lines and an exit code."""

import os
import sys

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def main() -> None:
    """Run the command line. Ctrl-C ends it without a traceback, while it imports too."""
    try:
        from roofprof.cli import run

        sys.exit(run())
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)  # what is half imported would fail again while the interpreter ends


if __name__ == "__main__":
    main()
