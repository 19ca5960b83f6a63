"""From the .nsys-rep that nsys wrote to the scrubbed SQLite file that a capture keeps."""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from roofprof.errors import RoofprofError
from roofprof.profiler.nsys.command import export_command
from roofprof.profiler.nsys.scrub import Kept, scrub

EXPORT_LIMIT_S = 1800.0
"""An export that takes longer has stuck: 5 million kernels take some minutes."""


def keep_scrubbed(
    nsys: Path,
    report: Path,
    target: Path,
    *,
    keep_report: bool = False,
    within: str | None = None,
    clean: Callable[[str], str] | None = None,
) -> Kept:
    """Export a report, scrub the export into `target`, and delete the report with its secrets.

    Args:
        nsys: the program.
        report: an .nsys-rep.
        target: the .sqlite that the capture keeps.
        keep_report: leave the .nsys-rep, with the whole environment of the profiled process in it.
        within, clean: see `nsys_scrub.scrub`.

    Raises:
        RoofprofError: nsys cannot export the report, or the target cannot be written. The report is deleted
            all the same.
    """
    try:
        # Readable by this user alone: the export holds as much as the report.
        with tempfile.TemporaryDirectory(prefix="roofprof-", dir=report.parent) as folder:
            export = Path(folder, report.stem + ".sqlite")
            command = export_command(nsys, report, export)
            try:
                done = subprocess.run(
                    command, capture_output=True, text=True, errors="replace", check=False, timeout=EXPORT_LIMIT_S,
                    stdin=subprocess.DEVNULL,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise RoofprofError(f"nsys did not end exporting {report.name}", "run the capture again") from None
            except OSError as error:
                raise RoofprofError(f"cannot run {nsys}: {error.strerror}", "check the installation of nsys") from error
            if done.returncode or not export.is_file():
                lines = (done.stderr or done.stdout).strip().splitlines()
                reason = lines[-1] if lines else f"exit code {done.returncode}"
                raise RoofprofError(f"nsys cannot export {report.name}: {reason}", "run the capture again")
            return scrub(export, target, within=within, clean=clean)
    finally:
        if not keep_report:
            report.unlink(missing_ok=True)
