"""The entry point: the one place that turns errors into two lines and an exit code."""

import sys


def main() -> None:
    """Run the command line."""
    from roofprof.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
