"""nsys' own exporter: from an .nsys-rep to SQLite, for reading it or for keeping it scrubbed in a capture."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from roofprof.errors import ReportError, RoofprofError
from roofprof.profiler.nsys.command import export_command, find_nsys
from roofprof.profiler.nsys.scrub import Kept, Within, scrub
from roofprof.profiler.run.signals import interruptible

EXPORT_LIMIT_S = 1800.0
"""An export that takes longer is stuck: 5 million kernels take some minutes."""


@contextmanager
def exported(report: Path) -> Iterator[Path]:
    """A SQLite export of the report in a temporary folder that is removed when the reading is done.

    Args:
        report: an .nsys-rep.

    Raises:
        RoofprofError: nsys was not found, or cannot be run.
        ReportError: nsys cannot export the file.
    """
    nsys = find_nsys()
    if nsys is None:
        raise RoofprofError(
            f"reading {report} needs nsys, which was not found",
            f"where nsys is installed, run: nsys export -t sqlite -o {report.stem}.sqlite {report.name}",
        )
    with tempfile.TemporaryDirectory(prefix="roofprof-") as folder:
        target = Path(folder, report.stem + ".sqlite")
        _export(nsys, report, target, str(report), "check that the file is a complete .nsys-rep")
        yield target


def keep_scrubbed(
    nsys: Path,
    report: Path,
    target: Path,
    *,
    keep_report: bool = False,
    within: Within = None,
    clean: Callable[[str], str] | None = None,
) -> Kept:
    """Export a report, scrub the export into `target`, and delete the report with its secrets.

    Args:
        nsys: the program.
        report: an .nsys-rep.
        target: the .sqlite that the capture keeps.
        keep_report: leave the .nsys-rep, with the whole environment of the profiled process in it.
        within, clean: see `scrub.scrub`.

    Raises:
        RoofprofError: nsys cannot export the report, or the target cannot be written. The report is deleted
            all the same.
    """
    try:
        # Readable by this user alone: the export holds as much as the report.
        with tempfile.TemporaryDirectory(prefix="roofprof-", dir=report.parent) as folder:
            export = Path(folder, report.stem + ".sqlite")
            with interruptible():
                _export(nsys, report, export, report.name, "run the capture again")
            return scrub(export, target, within=within, clean=clean)
    finally:
        if not keep_report:
            report.unlink(missing_ok=True)


def _export(nsys: Path, report: Path, target: Path, named: str, hint: str) -> None:
    """Run `nsys export`.

    Args:
        nsys: the program.
        report: an .nsys-rep.
        target: the .sqlite to write.
        named: what messages call the report.
        hint: what to do about a report that cannot be exported.
    """
    command = export_command(nsys, report, target)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, timeout=EXPORT_LIMIT_S,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise RoofprofError(f"nsys did not finish exporting {named}", hint) from None
    except OSError as error:
        raise RoofprofError(f"cannot run {nsys}: {error.strerror}", "check the installation of nsys") from error
    if done.returncode or not target.is_file():
        lines = (done.stderr or done.stdout).strip().splitlines()
        reason = lines[-1] if lines else f"exit code {done.returncode}"
        raise ReportError(f"nsys cannot export {named}: {reason}", hint)
