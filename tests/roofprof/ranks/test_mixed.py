"""Reports that are no ranks of one run, and collectives of fewer or more GPUs than there are ranks."""

import polars as pl
import pytest

from roofprof.analysis.analyze import Measured
from roofprof.findings import Finding
from roofprof.formats.capture import Conditions
from roofprof.ranks.calls import OpCalls
from roofprof.ranks.checks import RankReport
from roofprof.ranks.mixed import group_findings, mix_findings

PAIRS = ((0, 1), (2, 3))


def report(
    rank: int, times_ns: list[float | None], device: int = 0, conditions: Conditions | None = None
) -> RankReport:
    launches = pl.DataFrame(
        {
            "report": f"r{rank}", "process_id": rank, "device_id": [device] * len(times_ns),
            "launch_id": range(len(times_ns)), "duration_ns": times_ns,
        },
        schema_overrides={"duration_ns": pl.Float64, "device_id": pl.Int64},
    )  # fmt: skip
    return RankReport("job", rank, Measured(f"r{rank}", launches, {}, [], conditions or Conditions()))


def mixed(*reports: RankReport) -> list[str]:
    return [finding.kind for finding in mix_findings(reports)]


def test_equal_times_are_one_report_and_unknown_ones_are_none() -> None:
    (same,) = mix_findings([report(0, [1.0, 2.0], 0), report(1, [1.0, 2.5], 1), report(2, [1.0, 2.0], 2)])
    assert (same.kind, same.values) == ("ranks-mixed", {"ranks": [0, 2]})
    assert mixed(report(0, [None, None], 0), report(1, [None, None], 1)) == []
    assert mixed(report(0, []), report(1, [])) == []


def test_files_in_another_order_than_their_devices_are_told_of_files_alone() -> None:
    """A capture has its own numbers, whatever GPU a launcher gave a rank."""
    assert mixed(report(0, [1.0], 1), report(1, [2.0], 0)) == ["ranks-order"]
    captured = Conditions(capture={"recipe": "fp8"})
    assert mixed(report(0, [1.0], 1, captured), report(1, [2.0], 0, captured)) == []


def told(op: OpCalls, count: int) -> list[Finding]:
    return list(group_findings("job", {"all_reduce": op}, {"all_reduce": "all_reduce"}, count))


def test_groups_are_told_where_ends_alone_show_them() -> None:
    (found,) = told(OpCalls(groups=PAIRS), 4)
    assert found.kind == "rank-groups"
    assert found.message.startswith("all_reduce: ranks 0, 1 and 2, 3 end together, each group at its own time")
    assert found.values["groups"] == [[0, 1], [2, 3]]
    assert told(OpCalls(groups=PAIRS, group_size=2), 4) == [], "the range says so"


@pytest.mark.parametrize(("size", "kinds"), [(None, []), (2, []), (4, ["ranks-missing"])])
def test_a_range_that_says_more_gpus_than_there_are_ranks(size: int | None, kinds: list[str]) -> None:
    found = told(OpCalls(group_size=size), 2)
    assert [finding.kind for finding in found] == kinds
    assert all(finding.message == "all_reduce: the range says 4 GPUs, 2 ranks are here" for finding in found)
