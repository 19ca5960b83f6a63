"""The layout of an nsys export that the scrubber and the reader share: tables, NVTX event types, lost events."""

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

LOSS_MESSAGE = re.compile(r"drop|lost|not all|missing|incomplete|overflow|buffer.*full|discard|truncat", re.IGNORECASE)
"""Diagnostic messages that mean lost events."""
