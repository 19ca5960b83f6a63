"""The layout of an nsys export that the scrubber and the reader share: tables, NVTX event types, ids, lost events."""

import re

KERNELS = "CUPTI_ACTIVITY_KIND_KERNEL"
MEMCPYS = "CUPTI_ACTIVITY_KIND_MEMCPY"
MEMSETS = "CUPTI_ACTIVITY_KIND_MEMSET"
GRAPH_LAUNCHES = "CUPTI_ACTIVITY_KIND_GRAPH_TRACE"
GPU_TABLES = (KERNELS, MEMCPYS, MEMSETS, GRAPH_LAUNCHES)
"""One row per GPU operation."""
API_TABLES = ("CUPTI_ACTIVITY_KIND_RUNTIME", "CUPTI_ACTIVITY_KIND_DRIVER")
"""One row per API call of the CPU."""
GRAPH_NODES = "CUDA_GRAPH_NODE_EVENTS"
NVTX = "NVTX_EVENTS"
STRINGS = "StringIds"
MEMCPY_DIRECTIONS = "ENUM_CUDA_MEMCPY_OPER"
DIAGNOSTICS = ("DIAGNOSTIC_EVENT", "DIAGNOSTICS_EVENTS")

# ENUM_NSYS_EVENT_TYPE: 70 and 71 are the same ranges, imported from NVTXT files.
PUSH_POP = (59, 70)
START_END = (60, 71)
DOMAIN = 75
"""eventType of the row that names an NVTX domain."""

PROCESS_MASK = ~0xFFFFFF
"""A serialised thread & this = its serialised process."""


def process_id(global_id: int) -> int:
    """The operating system's process id in a serialised process or thread."""
    return global_id >> 24 & 0xFFFFFF


LOSS_MESSAGE = re.compile(r"drop|lost|not all|missing|incomplete|overflow|buffer.*full|discard|truncat", re.IGNORECASE)
"""Diagnostic messages that mean lost events."""

_ABOUT_TIMES = re.compile(r"cuda|cupti|nvtx", re.IGNORECASE)
_ABOUT_OTHERS = re.compile(
    r"opengl|vulkan|directx|direct3d|\bd3d|\bdx1[12]\b|openxr|os runtime|osrt|sampl|backtrace|call ?stack|"
    r"context switch|scheduling|perf event|ftrace|\betw\b|\bmpi\b|openmp|ompt|openacc|\bucx\b|infiniband|\bnic\b|"
    r"network|gpu metrics|python|syscall|nvvideo|video",
    re.IGNORECASE,
)


def about_times(message: str) -> bool:
    """Whether a diagnostic message is about what the timeline is made of: CUDA or NVTX, or nothing else by name."""
    return bool(_ABOUT_TIMES.search(message)) or not _ABOUT_OTHERS.search(message)


TROUBLE_MESSAGE = re.compile(
    r"\b(not|no|never|fail\w*|errors?|unable|unsupported|cannot|denied|invalid)\b|_ERROR_", re.IGNORECASE
)
"""Diagnostic messages that say why something was not traced, whatever severity they have."""

LAUNCH_CALL = re.compile(r"^(cu|cuda)(Graph)?Launch(?!HostFunc)")
"""API calls that launch kernels."""
