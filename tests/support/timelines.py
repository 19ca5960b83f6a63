"""Whether two timelines say the same."""

from collections.abc import Iterable, Mapping

from roofprof.timeline.rows import OpRow
from roofprof.timeline.timeline import Timeline


def assert_same(
    streamed: Timeline, kernels: Iterable[OpRow], whole: Timeline, kernels_of_whole: Iterable[OpRow]
) -> None:
    """One timeline made of parts, the other of the whole trace; each with its kernels as rows."""
    assert streamed.calls.equals(whole.calls)
    assert streamed.paths == whole.paths
    assert streamed.devices == whole.devices
    assert streamed.layer == whole.layer
    assert (streamed.domain, streamed.layers) == (whole.domain, whole.layers)
    assert sorted(map(repr, streamed.findings)) == sorted(map(repr, whole.findings))
    assert _ties_apart(streamed.ops) == _ties_apart(whole.ops)
    assert _ties_apart([streamed.unattributed]) == _ties_apart([whole.unattributed])
    assert _ties_apart(kernels) == _ties_apart(kernels_of_whole)


def _ties_apart(rows: Iterable[Mapping[str, object]]) -> list[object]:
    """Rows whose kernels and memory operations that took equally long are in one order: that of a trace may be any."""
    found = []
    for row in rows:
        lists = {c: row[c] for c in ("kernels", "memory_operations")}
        found.append({**row, **{c: sorted(v, key=repr) for c, v in lists.items() if isinstance(v, list)}})
    return sorted(found, key=repr)
