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
    "names and times that are gone or impossible are not said": (
        "nsys trace, damaged: StringIds.value is not there",
        "nsys trace, damaged: NVTX_EVENTS.textId is not there",
        "nsys trace, damaged: NVTX_EVENTS.textId has another name",
        "nsys trace, damaged: NVTX_EVENTS.textId dangles everywhere",
        "nsys trace, damaged: one range lasts for ever",
        "nsys trace, damaged: half of the strings are gone",
        "nsys trace, damaged: a view for a table",
    ),
    "values beyond 32 bits end in an exception": ("nsys trace, damaged: infinite grids",),
    "text of a table is printed with its control characters": (
        "hostile names, terminal: escape",
        "hostile names, terminal: bidirectional",
    ),
    "a bare carriage return is not quoted": ("hostile names, CSV: formula return",),
    "control characters are written into the XML": ("hostile names, SVG: escape",),
}
KNOWN_FAULTS = {label: fault for fault, labels in BY_FAULT.items() for label in labels}
"""Label to fault."""
