"""What the reader needs of each table of an nsys export: columns, the values that they may hold, what is lost without.

By NVIDIA's export schema (nsys export --help; docs.nvidia.com/nsight-systems/UserGuide, "SQLite Schema Reference").
"""

from collections.abc import Mapping
from dataclasses import dataclass

from roofprof.formats.nsys import API_TABLES, GRAPH_LAUNCHES, GRAPH_NODES, KERNELS, MEMCPYS, MEMSETS, NVTX, STRINGS

MAX_NAME = 65_536
"""Characters of a name that are kept: the longest C++ names have some 20,000."""


@dataclass(frozen=True, slots=True)
class Values:
    """Integers that a column may hold."""

    min: int
    max: int
    words: str
    """What they are, for messages."""
    id_bits: int = 0
    """How many of the low bits hold ids of 24 bits each, none of which is 0xFFFFFF."""


_ANY = Values(-(2**63), 2**63 - 1, "integers")
_TIME = Values(-(2**62), 2**62, "times in ns")
_SIZE = Values(1, 2**31 - 1, "1 to 2147483647")
_BYTES = Values(0, 2**62, "sizes in bytes")
_DEVICE = Values(0, 65_535, "device numbers")
_CORRELATION = Values(-(2**31), 2**32 - 1, "32-bit ids")
_EVENT = Values(-(2**31), 2**31 - 1, "event types")
# HW:8 | VM:8 | PID:24 | TID:24
_THREAD = Values(0, 2**63 - 1, "threads", id_bits=48)
_PROCESS = Values(0, 2**63 - 1, "processes", id_bits=48)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    loses: str
    """What cannot be told without it, or without one of its values."""
    values: Values | None = _ANY
    """None for a column of texts."""
    required: bool = False
    """A table without it is refused."""
    nullable: bool = False
    """Null is a value like others."""
    expected: bool = True
    """Every version of nsys that is supported writes it."""


def _required(name: str, loses: str, values: Values, nullable: bool = False) -> Column:
    return Column(name, loses, values, required=True, nullable=nullable)


_OPERATION = (
    _required("start", "the operations are left out", _TIME),
    _required("end", "the operations are left out", _TIME),
    _required("correlationId", "the operations belong to no range", _CORRELATION, nullable=True),
    Column("globalPid", "operations of several processes cannot be told apart", _PROCESS),
    Column("deviceId", "idle times of several GPUs cannot be told apart", _DEVICE),
)
_NODE = Column("graphNodeId", "graph replays belong to the range of the replay", nullable=True)
_SIZES = tuple(
    Column(f"{what}{axis}", f"the {what} size of the launches is unknown: they cannot be joined with ncu's", _SIZE)
    for what in ("grid", "block")
    for axis in "XYZ"
)
_CALL = (
    _required("start", "the calls are left out, and what they launched belongs to no range", _TIME),
    Column("end", "the calls are taken to last no time", _TIME),
    _required("globalTid", "the calls are left out, and what they launched belongs to no range", _THREAD),
    _required("correlationId", "what the calls launched belongs to no range", _CORRELATION, nullable=True),
)
_MOVED = Column("bytes", "the size of the operations is unknown", _BYTES)

LAYOUT: Mapping[str, tuple[Column, ...]] = {
    STRINGS: (
        _required("id", "names are unknown", _ANY),
        Column("value", "names are unknown", None, required=True),
    ),
    NVTX: (
        _required("start", "the ranges are left out", _TIME, nullable=True),
        Column("end", "the ranges are taken to end with the trace's last NVTX event", _TIME, nullable=True),
        _required("eventType", "the events are left out", _EVENT),
        _required("globalTid", "the ranges are left out", _THREAD, nullable=True),
        Column("text", "domains, and ranges named by text, have no name", None, nullable=True),
        Column("textId", "ranges named by registered strings have no name", nullable=True),
        Column("endGlobalTid", "the ranges are taken to end on the thread that they start on", _THREAD, nullable=True),
        Column("domainId", "the ranges are taken for ranges of the default domain", nullable=True),
    ),
    KERNELS: (
        *_OPERATION, _NODE, *_SIZES,
        Column("shortName", "kernels are called by their full name"),
        Column("demangledName", "kernels are called by their short name"),
        Column("mangledName", "kernels without another name are unnamed", nullable=True, expected=False),
    ),
    MEMCPYS: (*_OPERATION, _NODE, _MOVED, Column("copyKind", "the direction of memcpys is unknown")),
    MEMSETS: (*_OPERATION, _NODE, _MOVED),
    GRAPH_LAUNCHES: (*_OPERATION, Column("graphId", "the graphs cannot be told apart", nullable=True)),
    GRAPH_NODES: (
        _required("start", "replays belong to the range of the replay", _TIME),
        _required("globalTid", "replays belong to the range of the replay", _THREAD),
        _required("graphNodeId", "replays belong to the range of the replay", _ANY),
        Column("originalGraphNodeId", "clones of graphs cannot be followed to their capture", nullable=True),
    ),
    **dict.fromkeys(API_TABLES, _CALL),
}  # fmt: skip
