"""From .nsys-rep to SQLite through nsys' own exporter."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roofprof.errors import ReportError, RoofprofError


@contextmanager
def exported(report: Path, nsys: Path | None = None) -> Iterator[Path]:
    """A SQLite export of the report in a temporary folder that goes when the reading is done.

    Args:
        report: an .nsys-rep.
        nsys: the program; None takes the one on PATH.

    Raises:
        RoofprofError: nsys is not there, or cannot export the file.
    """
    program = str(nsys) if nsys else shutil.which("nsys")
    if program is None:
        raise RoofprofError(
            f"{report} can be read through nsys alone, and nsys is not on PATH",
            f"where nsys is, run: nsys export -t sqlite -o {report.stem}.sqlite {report.name}",
        )
    with tempfile.TemporaryDirectory(prefix="roofprof-") as folder:
        target = Path(folder, report.stem + ".sqlite")
        command = [
            program,
            "export",
            "-t",
            "sqlite",
            "--force-overwrite",
            "true",
            "-o",
            str(target),
            str(report),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            raise RoofprofError(f"cannot run {program}: {error}", "check the installation of Nsight Systems") from error
        if done.returncode or not target.is_file():
            lines = (done.stderr or done.stdout).strip().splitlines()
            reason = lines[-1] if lines else f"exit code {done.returncode}"
            raise ReportError(f"nsys cannot export {report}: {reason}", "check that the file is a whole .nsys-rep")
        yield target
