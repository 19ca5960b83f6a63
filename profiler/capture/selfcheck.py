"""Captures the kernels of the self-check, by the very path that any other workload takes."""

import json
import tempfile
from pathlib import Path

from roofprof.files import write_output
from roofprof.own_python import module_command
from roofprof.profiler.capture.session import CaptureResult, capture
from roofprof.profiler.ncu.plan import table_of_capability
from roofprof.profiler.run.gpu import need_gpu
from roofprof.profiler.run.options import CaptureOptions
from roofprof.profiler.run.secrets import collect_secrets
from roofprof.profiler.run.watch import ProgressCallback

CALIBRATION = "calibration.json"
"""What the harness says of its kernels, beside the manifest."""


def selfcheck_options(output: Path, record: Path, force: bool = False) -> CaptureOptions:
    """The capture of every counter that the chip has, of the calibration kernels.

    Args:
        output: the directory to make.
        record: where the harness writes what ran and what did not.
        force: replace an earlier capture.

    Raises:
        RoofprofError: no GPU, or none that there is a plan for.
    """
    gpu = need_gpu()
    table = table_of_capability(gpu.compute_capability, gpu.name)
    return CaptureOptions(
        output=output,
        cache="cold",
        groups=(*table.precisions, "mufu"),
        # The kernels' inputs are made before cudaProfilerStart.
        ncu_args=("--profile-from-start", "off"),
        command=tuple(module_command("roofprof.harness.calibration", "--json-out", str(record))),
        nsys=False,
        force=force,
    )


def capture_selfcheck(output: Path, force: bool = False, progress: ProgressCallback | None = None) -> CaptureResult:
    """Capture the calibration kernels into a directory.

    Raises:
        UsageError, RoofprofError: see `capture`.
    """
    with tempfile.TemporaryDirectory(prefix="roofprof-") as folder:
        record = Path(folder) / CALIBRATION
        result = capture(selfcheck_options(output, record, force), progress)
        if record.is_file():
            try:
                data = collect_secrets().scrub_data(json.loads(record.read_text(encoding="utf-8")))
            except ValueError:
                return result
            text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
            write_output(output / CALIBRATION, lambda partial: partial.write_text(text, encoding="utf-8"))
    return result
