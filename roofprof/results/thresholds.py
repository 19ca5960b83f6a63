"""Thresholds by which findings and the document speak of the same thing: one constant each."""

LAUNCH_BOUND_NS = 5e3
"""Per kernel. An empty kernel takes 2.7 µs on an H100 under ncu: below 5 µs start-up and tear-down take most of it,
whatever the kernel does and whatever its grid."""

LOW_OCCUPANCY = 0.25
"""Active warps over those that an SM can hold. An eighth to a quarter rarely hides DRAM latency; kernels that copy in
bulk (TMA) need no more."""
