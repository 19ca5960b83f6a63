"""Thresholds by which findings and the document speak of the same thing: one constant each."""

LAUNCH_BOUND_NS = 5e3
"""Per kernel. An empty kernel takes 2.7 µs on an H100 under ncu: below 5 µs start-up and tear-down take most of it,
whatever the kernel does and whatever its grid."""

LOW_OCCUPANCY = 0.25
"""Active warps over those that an SM can hold. An eighth to a quarter rarely hides DRAM latency; kernels that copy in
bulk (TMA) need no more."""

REPORT_SHARE = 0.01
"""Of a report's time: kernels of one sort that take less together are not worth a sentence about the whole."""

OP_SHARE = 0.02
"""The same of one op's time."""

TINY_SHARE = 0.05
"""Of a report's time in launches under `LAUNCH_BOUND_NS`: every workload has some."""
