"""Cases of the sample that do not end well yet, by fault: mending one means deleting its lines."""

BY_FAULT = {
    "child Pythons put the working folder first on sys.path": (
        "planted module: analyze, all modules",
        "planted module: doctor, all modules",
        "planted module: analyze, ncu_report.py",
    ),
    "a workload that daemonises leaves processes behind": (
        "capture, something dies or stays: the workload leaves a daemon",
    ),
    "patterns for ncu's errors are read over the workload's output, and are quadratic": (
        "capture, a flood of output: one line, 4 MB",
    ),
    "the workload's own words are taken for ncu's errors": (
        "capture, words of the workload: Acquiring lock file /tmp/cache/model.lock",
        "capture, words of the workload: the argument x is invalid, using the default",
    ),
    "the raw folder stays where its reserve cannot be written": ("full disk: a capture whose files may not grow",),
    "a half-written NAME.partial stays": (
        "full disk: report.md writes",
        "full disk: report.csv writes",
    ),
    "timeline -o writes over the file that is there": ("full disk: timeline writes",),
    "the manifest is not held against the files": (
        "capture, files altered afterwards: both reports cut to 74 launches",
        "capture, files altered afterwards: the trace is gone",
    ),
    "types and ranges are not checked": (
        "ops TOML: an array of a deep key",
        "ops TOML: case is a number",
        "ops TOML: case.batch is a text",
        "ops TOML: case.batch is a list",
        "ops TOML: case.batch is negative",
        "ops TOML: op.0.op is a list",
        "GPU TOML: an array of a deep key",
        "GPU TOML: mine.sku is a number",
        "GPU TOML: mine.sku is a boolean",
        "GPU TOML: mine.sm_count is a list",
        "GPU TOML: mine.sm_count is -Infinity",
        "GPU TOML: mine.mufu_per_s is of 400 digits",
        "GPU TOML: mine.dram_bytes is a list",
        "manifest.json: lists 100,000 deep",
        "manifest.json: tables 100,000 deep",
        "manifest.json: created is a number",
        "manifest.json: versions is a number",
        "report.json: lists 100,000 deep",
        "report.json: tables 100,000 deep",
        "report.json: gpu.peak_flop_per_s is a list",
        "report.json: gpu.peak_flop_per_s.tensor_fp8 is a boolean",
        "report.json: gpu.peak_flop_per_s.tensor_int8 is negative",
        "report.json: gpu.peak_flop_per_s.fp32 is null",
        "ceilings.json: lists 100,000 deep",
        "ceilings.json: tables 100,000 deep",
        "ceilings.json: peak_flop_per_s.tensor_bf16.size is a boolean",
        "ceilings.json: peak_flop_per_s.tensor_bf16.sustained is a boolean",
        "ceilings.json: peak_flop_per_s.tensor_int8.sustained is -Infinity",
        "all_kernels.csv: batch is beyond",
        "all_kernels.csv: nvtx_path is deep",
        "all_kernels.csv: kernels is deep",
    ),
    "deep nesting ends in an exception": (
        "selfcheck.json: lists 100,000 deep",
        "selfcheck.json: tables 100,000 deep",
        "sweep.json: lists 100,000 deep",
    ),
    "files that are no regular files are opened, or passed over in silence": (
        "FIFO, device, link as a file: --ceilings is a FIFO",
        "FIFO, device, link as a file: --ops is /dev/zero",
        "FIFO, device, link as a file: --ops is /dev/null",
        "FIFO, device, link as a file: a trace of a capture is a link to nothing",
    ),
    "names that are too long for the file system end in an exception": (
        "odd arguments: a report is 256 bytes",
        "odd arguments: a report is 5000 bytes",
        "odd arguments: a report is too deep",
    ),
    "what was written is named with its control characters": (
        "odd arguments: analyze -o is an escape",
        "odd arguments: report -o is an escape",
    ),
    "paths of a manifest are not confined to the capture": (
        "paths that lead out of a capture: an absolute report",
        "paths that lead out of a capture: a report above",
        "paths that lead out of a capture: a report above, by way of a folder",
        "paths that lead out of a capture: an absolute trace",
    ),
}
KNOWN_FAULTS = {label: fault for fault, labels in BY_FAULT.items() for label in labels}
"""Label to fault."""
