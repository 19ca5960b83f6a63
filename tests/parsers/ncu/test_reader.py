"""Our own reader: what is damaged, doubled, swapped or unknown is named; nothing is read as empty."""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from roofprof.errors import ReportError
from roofprof.formats.ncu_rep import U32, Block, blocks, first_block
from roofprof.formats.ncu_rep_metrics import MAX_METRICS
from roofprof.formats.ncu_rep_results import Texts, metric_value, read_head, read_metrics
from roofprof.formats.ncu_rep_session import string_table
from roofprof.formats.protobuf import Span, fields, spans, varint
from roofprof.launches.schema import LAUNCH_SCHEMA
from roofprof.parsers.ncu import reader
from roofprof.parsers.ncu.report import NcuReport, read_ncu_report

SAMPLE = "kinds/no-nvtx.ncu-rep"


def whole(data: Path, name: str = SAMPLE) -> bytes:
    return (data / name).read_bytes()


def read(content: bytes | bytearray, folder: Path) -> NcuReport:
    path = folder / "changed.ncu-rep"
    path.write_bytes(content)
    return read_ncu_report(path)


def launch_span(content: bytes | bytearray, launch: int) -> Span:
    _, start, end = [result for block in blocks(content) for result in block.results][launch]
    return start, end


def metric_span(content: bytes | bytearray, launch: int, name: str) -> Span:
    """Where the last metric of this name lies in a launch."""
    texts = Texts(content)
    names = string_table(content, blocks(content), texts)
    start, end = launch_span(content, launch)
    head = read_head(content, "kernel", (start, end), texts)
    return [span for place, span in read_metrics(content, "kernel", head, end) if names[place] == name][-1]


def value_start(content: bytes | bytearray, launch: int, name: str) -> int:
    """Where the value of a metric starts: at its tag."""
    (value,) = [v for number, v in fields(content, *metric_span(content, launch, name)) if number == 2]
    assert not isinstance(value, int)
    return value[0]


def rebuilt(content: bytes, change: Callable[[list[bytes], list[Block]], list[bytes]]) -> bytes:
    """The report with its blocks, as bytes, changed."""
    found = blocks(content)
    parts = change([content[b.start : b.end] for b in found], found)
    return content[: first_block(content)] + b"".join(parts)


def block_of(content: bytes, block: Block, payload: bytes) -> bytes:
    """The block with another payload."""
    header = b""
    for number, value, (start, end) in spans(content, *block.header):
        header += varint(5 << 3) + varint(len(payload)) if number == 5 and value else content[start:end]
    return U32.pack(len(header)) + header + payload


def kinds(report: NcuReport) -> set[str]:
    return {finding.kind for finding in report.findings}


def no_length(content: bytearray) -> str:
    head = read_head(content, "kernel", launch_span(content, 4), Texts(content))
    content[head.metrics + 1] += 1
    return "behind its metrics: "


def no_type(content: bytearray) -> str:
    content[value_start(content, 4, "launch__registers_per_thread")] = 7 << 3
    return "unknown type"


def no_name(content: bytearray) -> str:
    content[metric_span(content, 4, "gpu__time_duration.sum")[0]] = 9 << 3
    return "has no name"


def foreign_name(content: bytearray) -> str:
    start, _ = metric_span(content, 4, "gpu__time_duration.sum")
    content[start + 1 : start + 3] = b"\xff\x7f"
    return "string that the report lacks"


def other_grid(content: bytearray) -> str:
    place = value_start(content, 4, "launch__grid_dim_x")
    content[place + 1] ^= 1
    return "launch__grid_dim_x says .*, field grid says"


def no_text(content: bytearray) -> str:
    (name,) = [v for number, v in fields(content, *launch_span(content, 4)) if number == 6]
    assert not isinstance(name, int)
    content[name[0]] = 0xFF
    return "not UTF-8"


DAMAGES = [no_length, no_type, no_name, foreign_name, other_grid, no_text]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.__name__)
def test_a_damaged_launch_is_named_with_its_block_and_what_is_wrong(
    data: Path, tmp_path: Path, damage: Callable[[bytearray], str]
) -> None:
    content = bytearray(whole(data))
    start, _ = launch_span(content, 4)
    where = next(place for place, block in enumerate(blocks(content)) if block.start < start < block.end)
    expected = damage(content)
    with pytest.raises(ReportError, match=rf"damaged: launch 4 \(block {where} at byte \d+\): .*{expected}"):
        read(content, tmp_path)


def test_a_launch_without_metrics_is_damaged_and_not_empty(data: Path, tmp_path: Path) -> None:
    content = whole(data)
    block = blocks(content)[-1]
    ((_, start, end),) = block.results
    kept = b"".join(content[a:b] for number, _, (a, b) in spans(content, start, end) if number != 13)
    emptied = block_of(content, block, U32.pack(len(kept)) + kept)
    with pytest.raises(ReportError, match=r"launch 8 \(block 16 at byte \d+\): it has no metrics"):
        read(rebuilt(content, lambda parts, _: [*parts[:-1], emptied]), tmp_path)


def test_a_value_that_is_absent_is_null_and_not_zero(data: Path, tmp_path: Path) -> None:
    """ncu_report says 0 of it."""
    content = bytearray(whole(data))
    start, end = metric_span(content, 4, "launch__registers_per_thread")
    found = [span for number, _, span in spans(content, start, end) if number == 2]
    (a, b) = found[0]
    content[a:b] = bytes([4 << 3, 0]) * ((b - a) // 2)  # flags in the place of the value
    launches = read(content, tmp_path).launches
    assert launches["registers_per_thread"].is_null().to_list() == [launch == 4 for launch in range(9)]


def test_a_launch_that_stands_twice_is_told(data: Path, tmp_path: Path) -> None:
    report = read(rebuilt(whole(data), lambda parts, _: [*parts, parts[-3]]), tmp_path)
    (finding,) = [f for f in report.findings if f.kind == "launch-doubled"]
    assert "launch 6 again as launch 9" in finding.message
    assert finding.values["launch_ids"] == [9]


def test_launches_that_changed_places_are_told(data: Path, tmp_path: Path) -> None:
    report = read(rebuilt(whole(data), lambda parts, _: [*parts[:-2], parts[-1], parts[-2]]), tmp_path)
    assert "launch-order" in kinds(report)


def test_a_cut_before_the_list_of_devices_is_told(data: Path, tmp_path: Path) -> None:
    report = read(rebuilt(whole(data), lambda parts, _: parts[:2]), tmp_path)
    assert report.launches.height == 1
    assert "device-unlisted" in kinds(report)
    assert report.devices["0"]["sm_count"] == 132  # each launch repeats them


@pytest.mark.parametrize("name", ["no-nvtx", "two-processes", "graph-node", "range-nvtx", "app-replay", "graph-whole"])
def test_a_whole_report_has_nothing_to_tell(data: Path, name: str) -> None:
    report = read_ncu_report(data / f"kinds/{name}.ncu-rep")
    assert kinds(report).isdisjoint({"launch-doubled", "launch-order", "device-unlisted"})


def test_a_tail_of_an_older_report_is_told(data: Path, tmp_path: Path) -> None:
    content = bytearray(whole(data))
    for launch in (6, 7, 8):
        ((second, start, end),) = [
            (value, a, b) for number, value, (a, b) in spans(content, *launch_span(content, launch)) if number == 14
        ]
        assert isinstance(second, int)
        content[start:end] = varint(14 << 3) + varint(second - 3600)
    (finding,) = [f for f in read(content, tmp_path).findings if f.kind == "report-joined"]
    assert finding.values["launch_ids"] == [6]


def on_device_1(content: bytearray, launch: int) -> None:
    content[value_start(content, launch, "device__attribute_device_index") + 1] = 1


def test_launches_of_several_devices(data: Path, tmp_path: Path) -> None:
    content = bytearray(whole(data))
    for launch in (2, 3, 7):
        on_device_1(content, launch)
        content[value_start(content, launch, "device__attribute_multiprocessor_count") + 1] ^= 1
    report = read(content, tmp_path)
    ids = [1 if launch in (2, 3, 7) else 0 for launch in range(9)]
    assert report.launches["device_id"].to_list() == ids
    assert report.launches["sm_count"].to_list() == [133 if i else 132 for i in ids]
    assert {key: device["sm_count"] for key, device in report.devices.items()} == {"0": 132, "1": 133}
    original = read_ncu_report(data / SAMPLE).launches.drop("device_id", "sm_count", "report")
    assert report.launches.drop("device_id", "sm_count", "report").equals(original)
    theirs = read_ncu_report(tmp_path / "changed.ncu-rep", reader="ncu-report")
    assert report.launches.equals(theirs.launches)
    assert report.devices == theirs.devices


def recount(content: bytes, old: int, new: int) -> bytes:
    """Count the results of a kind as another kind."""
    changed = bytearray(content)
    for block in blocks(content):
        for number, value, (start, _) in spans(content, *block.header):
            if number == old and isinstance(value, int):
                changed[start] = new << 3
    return bytes(changed)


def test_command_lists_are_refused_by_name(data: Path, tmp_path: Path) -> None:
    content = recount(whole(data, "kinds/graph-whole.ncu-rep"), 9, 8)
    with pytest.raises(ReportError, match=r"launch 0 \(block 1 at byte \d+\) is a command list") as caught:
        read(content, tmp_path)
    assert "--reader ncu-report" in (caught.value.hint or "")


def test_results_of_an_unknown_kind_are_refused(data: Path, tmp_path: Path) -> None:
    content = recount(whole(data, "kinds/graph-whole.ncu-rep"), 9, 12)
    path = tmp_path / "changed.ncu-rep"
    path.write_bytes(content)
    with pytest.raises(ReportError):
        read_ncu_report(path)


@pytest.mark.parametrize("name", ["two-processes", "range-nvtx", "odd-names"])
def test_chunks_give_the_same(data: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = data / f"kinds/{name}.ncu-rep"
    at_once = read_ncu_report(path)
    monkeypatch.setattr(reader, "CHUNK_LAUNCHES", 2)
    seen: list[tuple[int, int]] = []
    in_parts = read_ncu_report(path, lambda done, total: seen.append((done, total)))
    assert in_parts.launches.equals(at_once.launches)
    assert in_parts.launches.schema == LAUNCH_SCHEMA
    count = at_once.launches.height
    assert seen == [(min(done, count), count) for done in range(2, count + 2, 2)]


def behind(content: bytes, block: Block, name_count: int) -> bytes:
    """A block with a whole range as it stands in a report that has so many strings already."""
    ((_, start, end),) = block.results
    result = b""
    for number, value, (a, b) in spans(content, start, end):
        if number == 4 and not isinstance(value, int):
            (_, place, (_, rest)), *_ = spans(content, *value)
            assert isinstance(place, int)
            metric = varint(1 << 3) + varint(place + name_count) + content[rest : value[1]]
            result += varint(4 << 3 | 2) + varint(len(metric)) + metric
        else:
            result += content[a:b]
    return block_of(content, block, U32.pack(len(result)) + result)


def test_kernels_and_ranges_in_one_report(data: Path, tmp_path: Path) -> None:
    kernels, ranges = whole(data), whole(data, "kinds/range-nvtx.ncu-rep")
    names = len(string_table(kernels, blocks(kernels), Texts(kernels)))
    report = read(kernels + b"".join(behind(ranges, b, names) for b in blocks(ranges) if b.results), tmp_path)
    assert report.launches["workload_type"].to_list() == ["kernel"] * 9 + ["range"] * 3
    assert report.launches["kernel_name"].to_list()[9:] == ["range"] * 3
    alone = read_ncu_report(data / "kinds/range-nvtx.ncu-rep").launches
    assert report.launches[9:].drop("report", "launch_id").equals(alone.drop("report", "launch_id"))


def test_no_walk_is_without_end(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roofprof.formats.ncu_rep_metrics.MAX_METRICS", 100)
    assert MAX_METRICS > 10_000
    with pytest.raises(ReportError, match="over 100 metrics"):
        read_ncu_report(data / SAMPLE)


def test_no_module_of_nvidias_and_no_process(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("subprocess.Popen", refuse)
    monkeypatch.setitem(__import__("sys").modules, "ncu_report", None)
    path = tmp_path / "copy.ncu-rep"
    shutil.copyfile(data / SAMPLE, path)
    assert read_ncu_report(path).launches["workload_type"].eq("kernel").all()


def test_the_last_of_a_metric_that_stands_twice_counts(data: Path) -> None:
    """ncu writes the duration twice where a metric was asked for by two sections."""
    content = whole(data, "kinds/app-replay.ncu-rep")
    texts = Texts(content)
    last = metric_value(content, metric_span(content, 0, "gpu__time_duration.sum"), texts)
    launches = read_ncu_report(data / "kinds/app-replay.ncu-rep").launches
    assert launches.select(pl.col("duration_ns").first()).item() == last
