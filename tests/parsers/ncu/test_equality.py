"""Our reading of every sample report held against NVIDIA's: every frame, every value, every instance."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from roofprof.formats.ncu_rep_file import open_report, read_blocks
from roofprof.formats.ncu_rep_results import Texts, metric_instances, metric_value, read_head, read_metrics
from roofprof.formats.ncu_rep_session import string_table
from roofprof.hardware.opcodes import WARP_OPCODES
from roofprof.parsers.ncu.instances import read_instances
from roofprof.parsers.ncu.reader import result_places
from roofprof.parsers.ncu.report import read_ncu_report

ROOT = Path(__file__).parents[3]
SHARED = [folder for root in (ROOT.parent, ROOT.parents[1]) for folder in (root / "shared/data").glob("[rw]*")]
"""Reports that are not in the project's repository, where there are any: of others, and of several ranks."""
REPORTS = sorted(p for folder in (ROOT / "tests/data", *SHARED) for p in folder.rglob("*.ncu-rep"))

EVERY_VALUE = """
import json, sys, ncu_report
context = ncu_report.load_report(sys.argv[1])
for actions in (context[i] for i in range(context.num_ranges())):
    for action in (actions[i] for i in range(actions.num_actions())):
        launch = {}
        for name in action.metric_names():
            metric = action[name]
            keys = metric.correlation_ids() if metric.has_correlation_ids() else None
            launch[name] = (
                metric.value() if metric.has_value() else None,
                [metric.value(i) for i in range(metric.num_instances())],
                [keys.value(i) for i in range(keys.num_instances())] if keys else None,
            )
        print(json.dumps(launch))
"""


def by_ncu_report(path: Path) -> list[dict[str, Any]]:
    """Per launch, metric to value, instance values and their keys."""
    command = [sys.executable, "-c", EVERY_VALUE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def same(ours: object, theirs: object) -> bool:
    if isinstance(ours, float) and isinstance(theirs, int | float) and math.isnan(ours):
        return math.isnan(theirs)
    return ours == theirs


@pytest.mark.parametrize("path", REPORTS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_value_and_instance_is_nvidias(path: Path) -> None:
    data = open_report(path)
    blocks = read_blocks(data, path)
    texts = Texts(data)
    names = string_table(data, blocks, texts)
    theirs = by_ncu_report(path)
    places = list(result_places(blocks, path))
    assert len(places) == len(theirs)
    for place, launch in zip(places, theirs, strict=True):
        head = read_head(data, place.kind, (place.start, place.end), texts)
        held = {names[name]: span for name, span in read_metrics(data, place.kind, head, place.end)}
        assert held.keys() == launch.keys()
        for name, span in held.items():
            value, instances, keys = launch[name]
            assert same(metric_value(data, span, texts), value), name
            ours = list(metric_instances(data, span, texts))
            assert len(ours) == len(instances), name
            assert all(same(own, other) for (_, own), other in zip(ours, instances, strict=True) if own is not None)
            if keys is not None:
                assert [key for key, _ in ours if key is not None] == keys, name


@pytest.mark.parametrize("path", REPORTS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_the_frame_is_the_one_of_nvidias_reader(path: Path) -> None:
    ours, theirs = read_ncu_report(path), read_ncu_report(path, reader="ncu-report")
    assert ours.devices == theirs.devices
    for column in ours.launches.columns:
        own, other = ours.launches[column], theirs.launches[column]
        if column in ("grid", "block"):  # ours stand in the result itself, where the metrics are lacking
            own = pl.select(pl.when(other.is_not_null()).then(own)).to_series()
        assert own.to_list() == other.to_list(), column


@pytest.mark.parametrize("metric", [WARP_OPCODES, "launch__occupancy_per_block_size"])
def test_instances_on_request_are_nvidias(metric: str) -> None:
    """Histograms of opcodes stand in reports of others alone, tables of occupancy in ours too."""
    tables = 0
    for path in REPORTS if metric == WARP_OPCODES else (path for path in REPORTS if path.parent.name == "kinds"):
        frame = read_instances(path, metric)
        for launch, values in enumerate(by_ncu_report(path) if frame.height else []):
            _, counts, keys = values.get(metric, (None, [], []))
            mine = frame.filter(pl.col("launch_id") == launch)
            assert mine["key"].to_list() == [str(key) for key in keys or []]
            assert mine["value"].to_list() == counts
            tables += bool(counts)
    assert tables or metric == WARP_OPCODES
