"""The analysis after reading, at so many launches: attribution, formulas, placement, and then the outputs.

python benchmarks/analysis.py [LAUNCHES]
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from large_report import make

from roofprof.analysis.analyze import Measured, Options, analyze
from roofprof.formulas.ops_file import load_ops_config
from roofprof.hardware.devices import load_gpu
from roofprof.launches.attribution import attribute
from roofprof.parsers.ncu.report import read_ncu_report
from roofprof.reports.outputs.registry import analysis_outputs


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        report = read_ncu_report(make(count, Path(folder) / "large.ncu-rep"))

        def attributed() -> Measured:
            launches, findings = attribute(report.launches)
            return Measured(report.name, launches, report.devices, [*report.findings, *findings])

        options = Options(ops_config=load_ops_config("h100-decode-b64-s4096"))
        target = load_gpu("gb200")
        result = analyze([attributed()], target, options)  # not timed: the first run imports and compiles
        for _ in range(3):
            start = time.perf_counter()
            result = analyze([attributed()], target, options)
            print(f"analysis of {count} launches into {len(result.ops)} ops: {time.perf_counter() - start:.2f} s")
        for output in analysis_outputs():
            for name in output.folder_files:
                start = time.perf_counter()
                output.write([result], Path(folder) / name)
                print(f"{name}: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
