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
}
KNOWN_FAULTS = {label: fault for fault, labels in BY_FAULT.items() for label in labels}
"""Label to fault."""
