"""The tools as a client of the SDK sees them, in one process."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

import anyio
import jsonschema
from mcp import Client

from roofprof.library.report import load
from roofprof.mcp.folders import Folders
from roofprof.mcp.server import ReportServer
from roofprof.pipeline import timeline_report

Call = Callable[..., Any]
"""Calls a tool: its name, then its arguments."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """The FP8 capture, a report, traces, a saved analysis, tables of ours, and damaged files."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(data / "h100-fp8", folder / "fp8")
    for name in ("h100-decode-b64-s4096.ncu-rep", "h100-decode-b64-s4096.sqlite", "kinds/time-only.ncu-rep"):
        shutil.copy(data / name, folder)
    load(folder / "fp8").filter(phase="decode").save(folder / "decode.json")
    (folder / "cut.ncu-rep").write_bytes((data / "h100-decode-b64-s4096.ncu-rep").read_bytes()[:100_000])
    (folder / "cut.json").write_text((folder / "decode.json").read_text()[:60_000])
    (folder / "other.json").write_text('{"tool": "another"}')
    for name in ("exported/NVTX_EVENTS.parquet", "tables/ops.parquet"):
        (folder / name).parent.mkdir()
        (folder / name).touch()
    return folder


@pytest.fixture(scope="module")
def server(served: Path) -> ReportServer:
    return ReportServer(Folders([served]))


def calls_of(server: ReportServer) -> Call:
    def run(tool: str, **arguments: object) -> Any:
        async def ask() -> Any:
            async with Client(server) as client:
                return await client.call_tool(tool, arguments)

        return anyio.run(ask)

    return run


@pytest.fixture(scope="module")
def call(server: ReportServer) -> Call:
    return calls_of(server)


def words(answer: Any) -> str:
    """The text of an answer."""
    (content,) = answer.content
    return str(content.text)


@pytest.fixture(scope="module")
def tools(server: ReportServer) -> dict[str, Any]:
    async def ask() -> Any:
        async with Client(server) as client:
            return await client.list_tools()

    return {tool.name: tool for tool in anyio.run(ask).tools}


def test_tools_only_read_and_describe_what_they_take_and_give(tools: dict[str, Any]) -> None:
    assert list(tools) == ["list_reports", "top_ops", "explain_op", "compare"]
    for tool in tools.values():
        assert tool.annotations.read_only_hint
        assert not tool.annotations.destructive_hint
        assert not tool.annotations.open_world_hint
        assert all("description" in taken for taken in tool.input_schema["properties"].values())
        assert tool.output_schema["type"] == "object"
    assert tools["top_ops"].output_schema["$defs"]["RankedOp"]["properties"]["headroom_ns"] == {
        "anyOf": [{"type": "number"}, {"type": "null"}],
        "description": "Time that reaching the roof would save.",
        "title": "Headroom Ns",
    }


def test_list_reports_finds_what_can_be_read(call: Call) -> None:
    answer = call("list_reports")
    found = {item["path"]: item for item in answer.structured_content["reports"]}
    assert {path: item["kind"] for path, item in found.items()} == {
        "fp8": "capture", "h100-decode-b64-s4096.ncu-rep": "ncu_report", "time-only.ncu-rep": "ncu_report",
        "cut.ncu-rep": "ncu_report", "h100-decode-b64-s4096.sqlite": "nsys_trace", "decode.json": "saved",
        "cut.json": "saved", "exported": "nsys_trace",
    }  # fmt: skip
    assert found["fp8"]["gpu"] == "NVIDIA H100 80GB HBM3"
    assert "decode, batch 64, KV length 4096" in found["fp8"]["cases"]
    assert found["decode.json"]["gpu"] == "h100"
    assert found["time-only.ncu-rep"]["gpu"] is None
    assert found["cut.json"]["problem"] == "cut.json is a damaged analysis"
    assert len(words(answer).splitlines()) == len(found)
    few = call("list_reports", contains="FP8", top=1).structured_content
    assert ([item["path"] for item in few["reports"]], few["left_out"]) == (["fp8"], 0)
    assert call("list_reports", top=2).structured_content["left_out"] == len(found) - 2


def test_top_ops_are_those_of_the_first_screen(call: Call, served: Path) -> None:
    answer = call("top_ops", path="fp8", batch=64)
    (case,) = answer.structured_content["cases"]
    rows = load(served / "fp8").filter(batch=64).rows
    assert (case["case"], case["gpu"]) == ("Decode, batch 64, KV length 4096, cold cache", "h100")
    assert len(case["ops"]) == 10
    assert case["left_out"] == len(rows) - 10
    first, *others = case["ops"]
    assert first["op"] == "moe_down"
    (row,) = [op for op in rows if op.op == "moe_down"]
    assert (first["time_ns"], first["headroom_ns"], first["of_roof"]) == (row.time_ns, row.headroom_ns, row.of_roof)
    assert first["why"].startswith("DRAM roof: ")
    assert first["on_target"]["source"] == "extrapolated"
    assert [op["share"] for op in others if op["op"] == "lm_head"] == [None]  # once a step: in no sum of the layer
    assert "moe_down         1,139   30 %" in words(answer)
    assert "raise top for more" in words(answer)
    assert "--top" not in words(answer)


def test_top_ops_by_time_and_under_another_gpu(call: Call) -> None:
    (case,) = call("top_ops", path="fp8", batch=64, sort="time", top=2, gpu="same").structured_content["cases"]
    assert [op["op"] for op in case["ops"]] == ["moe_gate_up", "moe_down"]
    assert [op["on_target"] for op in case["ops"]] == [None, None]
    assert call("top_ops", path="fp8", top=1, gpu="h200").structured_content["target"] == "h200"


def test_what_no_counter_tells_is_null(call: Call) -> None:
    answer = call("top_ops", path="time-only.ncu-rep").structured_content
    ops = [op for case in answer["cases"] for op in case["ops"]]
    assert all(op["time_ns"] > 0 for op in ops)
    assert {op["headroom_ns"] for op in ops} == {op["of_roof"] for op in ops} == {None}
    assert answer["findings"]["counter-missing"] > 0
    explained = call("explain_op", path="time-only.ncu-rep", op=ops[0]["op"]).structured_content["rows"][0]
    assert {"dram_bytes", "flop_count", "headroom_ns"} <= set(explained["unknown"])
    assert not {"dram_bytes", "flop_count"} & {value["name"] for value in explained["values"]}


def test_a_trace_has_times_alone(call: Call) -> None:
    (case,) = call("top_ops", path="h100-decode-b64-s4096.sqlite", top=3).structured_content["cases"]
    assert [op["headroom_ns"] for op in case["ops"]] == [None] * 3
    assert words(call("top_ops", path="h100-decode-b64-s4096.sqlite", gpu="h200")).startswith(
        "error: gpu does not apply"
    )


def test_explain_op_has_every_figure_with_unit_and_source(call: Call, served: Path) -> None:
    answer = call("explain_op", path="fp8", op="q_b_proj", batch=64)
    (explained,) = answer.structured_content["rows"]
    (row,) = [op for op in load(served / "fp8").filter(batch=64).rows if op.op == "q_b_proj"]
    values = {value["name"]: value for value in explained["values"]}
    assert (values["dram_bytes"]["value"], values["dram_bytes"]["unit"]) == (row.dram_bytes, "B")
    assert values["flop_count"]["source"] == "measured"
    assert values["useful_flop_count"]["source"] == "formula"
    assert values["bound"]["source"] == "extrapolated"
    assert values["measured_on_ridge_point"]["source"] == "datasheet"
    assert row.formula
    beside = {figure["what"]: figure for figure in explained["formula"]["beside"]}
    assert (beside["FLOPs"]["measured"], beside["FLOPs"]["formula"]) == (row.flop_count, row.formula.flop_count)
    assert beside["DRAM bytes"]["ratio"] == row.byte_ratio
    assert [finding["message"] for finding in explained["findings"]] == [finding.message for finding in row.findings]
    assert len(explained["kernels"]) == len(row.kernels)
    assert "FLOPs: 9.74 GFLOP measured, 4.83 GFLOP by formula" in words(answer)


def test_how_a_value_was_had_is_said(call: Call, served: Path, data: Path) -> None:
    shutil.copy(data / "kinds" / "set-roofline.ncu-rep", served / "how.ncu-rep")
    (row,) = call("explain_op", path="how.ncu-rep", op="scale_add").structured_content["rows"]
    told = {value["name"]: value["how"] for value in row["values"] if value["how"]}
    assert told["dram_bytes"] == "a rate per second times the duration"
    assert told["flop_count"] == "a rate per cycle times the cycles"
    assert "duration_ns" not in told
    (served / "how.ncu-rep").unlink()


def test_the_rank_that_came_last_is_a_whole_number(unpacked: Callable[[str], Path]) -> None:
    folder = unpacked("ranks/h200-tp4")
    answer = calls_of(ReportServer(Folders([folder.parent])))("explain_op", path=folder.name, op="all_reduce_mlp")
    assert "straggler_rank = 3\n" in words(answer)


def test_an_op_that_is_not_there_names_those_that_are_alike(call: Call) -> None:
    answer = call("explain_op", path="fp8", op="q_b_prj")
    assert answer.is_error
    assert words(answer).startswith("error: fp8 has no op 'q_b_prj'\nhint: there are q_b_proj, ")


def test_compare_says_what_diff_says(call: Call) -> None:
    same = call("compare", before="fp8", after="fp8", top=3).structured_content
    assert set(same["verdicts"]) <= {"within", "inconclusive"}
    assert len(same["ops"]) == 3
    assert same["left_out"] > 0
    answer = call("compare", before="fp8", after="decode.json")
    assert answer.structured_content["only_before"] == ["Prefill, batch 1, new tokens 1024, cold cache"]
    assert any("only before" in note for note in answer.structured_content["notes"])


@pytest.mark.parametrize(
    ("tool", "arguments", "error"),
    [
        ("top_ops", {"path": "../other"}, "../other leads out of the folders"),
        ("explain_op", {"path": "/etc/passwd", "op": "x"}, "/etc/passwd leads out"),
        ("compare", {"before": "fp8", "after": "fp8/../../x"}, "fp8/../../x leads out"),
        ("top_ops", {"path": "gone.ncu-rep"}, "no such file: gone.ncu-rep"),
        ("top_ops", {"path": "cut.ncu-rep"}, "cut.ncu-rep is damaged: "),
        ("top_ops", {"path": "cut.json"}, "cut.json is not JSON: "),
        ("top_ops", {"path": "other.json"}, "other.json is not a roofprof report"),
        ("top_ops", {"path": "."}, ". is a directory without a manifest.json"),
        ("top_ops", {"path": "fp8", "gpu": "/etc/passwd"}, "unknown GPU '/etc/passwd'"),
        ("top_ops", {"path": "fp8", "batch": 77}, "fp8 has no such case"),
        ("top_ops", {"path": "fp8", "top": 101}, "argument top: "),
        ("top_ops", {"path": "fp8", "sort": "name"}, "argument sort: "),
        ("top_ops", {"path": "fp8", "only": "x"}, "top_ops has no argument 'only'"),
        ("top_ops", {}, "argument path: "),
        ("compare", {"before": "fp8", "after": "fp8", "threshold": 3}, "argument threshold: "),
        ("write_report", {}, "unknown tool 'write_report'"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_an_answer(call: Call, tool: str, arguments: dict[str, object], error: str) -> None:
    answer = call(tool, **arguments)
    assert answer.is_error
    first, *rest = words(answer).splitlines()
    assert first.startswith(f"error: {error}")
    assert all(line.startswith("hint: ") for line in rest)
    assert "Traceback" not in words(answer)


def test_a_fault_of_ours_is_an_answer_too(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roofprof.mcp.tools.list_reports", lambda *_: 1 / 0)
    answer = call("list_reports")
    assert answer.is_error
    assert words(answer).startswith("error: roofprof failed: ZeroDivisionError")


def test_a_capture_with_an_nsys_rep_starts_no_nsys(
    call: Call, served: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("a process was started"))
    capture = served / "unexported"
    shutil.copytree(data / "h100-fp8", capture)
    manifest = json.loads((capture / "manifest.json").read_text())
    for run in manifest["nsys"]:
        run["trace"] = "nsys/trace.nsys-rep"
    (capture / "manifest.json").write_text(json.dumps(manifest))
    shutil.copy(data / "h100-decode-b64-s4096.sqlite", capture / "nsys" / "trace.nsys-rep")
    shutil.copy(data / "h100-decode-b64-s4096.sqlite", served / "trace.nsys-rep")
    assert "unexported/nsys/trace.nsys-rep must be exported by nsys" in words(call("top_ops", path="unexported"))
    assert "trace.nsys-rep must be exported before" in words(call("top_ops", path="trace.nsys-rep"))
    shutil.rmtree(capture)
    (served / "trace.nsys-rep").unlink()


def test_a_trace_too_large_for_memory_makes_no_temporary_file(
    call: Call, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = timeline_report.TimelineRequest
    monkeypatch.setattr(timeline_report, "TimelineRequest", lambda *a, **k: request(*a, **k, max_whole=10))
    monkeypatch.setattr("tempfile.TemporaryDirectory", lambda *_, **__: pytest.fail("a file was written"))
    shutil.copy(served / "h100-decode-b64-s4096.sqlite", served / "large.sqlite")
    assert "operations and API calls, too many to be read at once" in words(call("top_ops", path="large.sqlite"))
    (served / "large.sqlite").unlink()


def test_reports_are_kept_until_they_change(call: Call, served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = served / "kept.ncu-rep"
    shutil.copy(served / "time-only.ncu-rep", copy)
    first = call("top_ops", path="kept.ncu-rep").structured_content
    monkeypatch.setattr("roofprof.mcp.reading.load_reports", lambda *_: pytest.fail("read again"))
    assert call("top_ops", path="kept.ncu-rep").structured_content == first
    monkeypatch.undo()
    copy.write_bytes(b"NVR")
    assert call("top_ops", path="kept.ncu-rep").is_error
    copy.unlink()


def test_answers_fit_their_schemas(call: Call, tools: dict[str, Any]) -> None:
    for name, arguments in (
        ("list_reports", {}),
        ("top_ops", {"path": "fp8"}),
        ("explain_op", {"path": "fp8", "op": "moe_gate_up"}),
        ("compare", {"before": "fp8", "after": "decode.json"}),
    ):
        jsonschema.validate(call(name, **arguments).structured_content, tools[name].output_schema)


def test_nothing_is_written(call: Call, served: Path) -> None:
    def state() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in served.rglob("*")}

    before = state()
    for path in ("fp8", "h100-decode-b64-s4096.ncu-rep", "h100-decode-b64-s4096.sqlite", "decode.json"):
        call("top_ops", path=path, gpu="h200")
        call("compare", before=path, after="fp8")
    assert state() == before
