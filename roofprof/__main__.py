"""The entry point: the one place that turns errors into two lines and an exit code."""

import gc
import os
import sys

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""
OBJECTS_BEFORE_COLLECTION = 200_000
"""The modules of a command make 100,000 objects that stay: looking through them for cycles is a tenth of its time."""


def main() -> None:
    """Run the command line. Ctrl-C ends it without a traceback, while it imports too."""
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    try:
        from roofprof.cli import run

        code = run()
        gc.freeze()  # else the interpreter looks through all of them once more while it ends
        sys.exit(code)
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)  # what is half imported would fail again while the interpreter ends


if __name__ == "__main__":
    main()
