"""Captures: their manifests, and reports of the same launches made one."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from roofprof.errors import ReportError
from roofprof.formats.capture import load_capture
from roofprof.launches.attribution import attribute
from roofprof.launches.merge import merge_launches
from roofprof.launches.schema import ATTRIBUTED_SCHEMA, LAUNCH_SCHEMA


def launches(report: str, *rows: dict[str, Any]) -> pl.DataFrame:
    common = {"report": report, "workload_type": "kernel", "grid": [1, 1, 1], "block": [32, 1, 1]}
    filled = [
        {**common, "launch_id": i, "kernel_demangled_name": row.get("kernel_name", "k"), "kernel_name": "k", **row}
        for i, row in enumerate(rows)
    ]
    return attribute(pl.DataFrame(filled, schema=LAUNCH_SCHEMA))[0]


def at(*path: str) -> list[dict[str, Any]]:
    return [{"domain": "roofprof", "push_pop": list(path), "push_pop_id": None, "start_end": []}]


def test_a_look_at_some_kernels_leaves_the_others_null_and_is_no_finding() -> None:
    core = launches("a", {"kernel_name": "gemm"}, {"kernel_name": "copy"}, {"kernel_name": "gemm"})
    look = launches("b", {"kernel_name": "gemm", "tensor_fp16_flop_count": 4.0}, {"kernel_name": "gemm"})
    merged, findings = merge_launches("m", [core, look], [False, True])
    assert merged["tensor_fp16_flop_count"].to_list() == [4.0, None, None]
    assert findings == []
    assert [f.kind for f in merge_launches("m", [core, look])[1]] == ["merge-unmatched"]
    (one,) = merge_launches("m", [core, look.head(1)], [False, True])[1]
    assert one.values["launch_count"] == 1


def test_a_run_that_ended_early_is_told_from_one_that_did_other_work() -> None:
    core = launches("a", *[{"kernel_name": name} for name in ("gemm", "copy", "gemm", "norm")])
    (cut,) = merge_launches("m", [core, launches("b", {"kernel_name": "gemm"}, {"kernel_name": "copy"})])[1]
    assert (cut.kind, cut.values["launch_count"]) == ("merge-unmatched", 2)
    assert cut.message.startswith("b ends after 2 of 4 launches")
    (hole,) = merge_launches("m", [core, launches("b", {"kernel_name": "gemm"}, {"kernel_name": "norm"})])[1]
    assert "2 of 4 launches of a have no partner" in hole.message


def test_a_sample_of_the_launches_leaves_the_others_null_and_is_no_finding() -> None:
    core = launches("a", *[{"kernel_name": "gemm"}] * 3, {"kernel_name": "copy"})
    sample = launches("b", {"kernel_name": "gemm", "tensor_fp16_flop_count": 4.0})
    merged, findings = merge_launches("m", [core, sample], [False, True], [False, True])
    assert merged["tensor_fp16_flop_count"].to_list() == [4.0, None, None, None]
    assert findings == []
    (one,) = merge_launches("m", [core, launches("b", {"kernel_name": "other"})], [False, True], [False, True])[1]
    assert "they are left out" in one.message


def test_a_report_without_launches_changes_nothing() -> None:
    core = launches("a", {"duration_ns": 5.0})
    merged, findings = merge_launches("m", [core, core.clear()])
    assert merged["duration_ns"].to_list() == [5.0]
    assert findings == []


def test_counters_of_the_second_report_fill_the_first() -> None:
    core = launches("a", {"nvtx": at("x"), "duration_ns": 5.0}, {"nvtx": at("x"), "duration_ns": 7.0})
    cores = launches("b", {"nvtx": at("x"), "fp32_flop_count": 1.0}, {"nvtx": at("x"), "fp32_flop_count": 2.0})
    merged, findings = merge_launches("m", [core, cores])
    assert merged.schema == ATTRIBUTED_SCHEMA
    assert merged["report"].to_list() == ["m", "m"]
    assert merged["duration_ns"].to_list() == [5.0, 7.0]
    assert merged["fp32_flop_count"].to_list() == [1.0, 2.0]
    assert findings == []


def test_the_first_report_has_the_last_word() -> None:
    merged, _ = merge_launches(
        "m",
        [launches("a", {"nvtx": at("x"), "duration_ns": 5.0}), launches("b", {"nvtx": at("x"), "duration_ns": 9.0})],
    )
    assert merged["duration_ns"].to_list() == [5.0]


def test_order_between_ops_does_not_matter_and_order_within_one_does() -> None:
    core = launches("a", {"nvtx": at("x")}, {"nvtx": at("y")}, {"nvtx": at("x")})
    cores = launches(
        "b",
        {"nvtx": at("y"), "fp32_flop_count": 20.0},
        {"nvtx": at("x"), "fp32_flop_count": 10.0},
        {"nvtx": at("x"), "fp32_flop_count": 11.0},
    )
    merged, _ = merge_launches("m", [core, cores])
    assert merged["fp32_flop_count"].to_list() == [10.0, 20.0, 11.0]


@pytest.mark.parametrize(
    "other",
    [
        {"nvtx": at("z")},
        {"nvtx": at("x"), "grid": [2, 1, 1]},
        {"nvtx": at("x"), "block": [64, 1, 1]},
        {"nvtx": at("x"), "kernel_demangled_name": "other<1>"},
    ],
)
def test_what_does_not_merge_is_a_finding_and_null(other: dict[str, Any]) -> None:
    merged, findings = merge_launches(
        "m", [launches("a", {"nvtx": at("x")}), launches("b", {**other, "fp32_flop_count": 1.0})]
    )
    assert merged["fp32_flop_count"].to_list() == [None]
    assert [f.kind for f in findings] == ["merge-unmatched"] * 2
    assert "1 of 1 launches of a" in findings[0].message


def test_launches_in_no_range_merge_too() -> None:
    merged, _ = merge_launches("m", [launches("a", {"nvtx": []}), launches("b", {"nvtx": [], "mufu_count": 3.0})])
    assert merged["mufu_count"].to_list() == [3.0]


def manifest(tmp_path: Path, **changes: Any) -> Path:
    data = {
        "schema_version": 1,
        "versions": {},
        "state": "complete",
        "runs": [
            {"name": "core", "phase": "decode", "cache": "cold", "report": "ncu/a.ncu-rep", "state": "complete"},
            {"name": "cuda_core", "phase": "decode", "cache": "cold", "report": "ncu/b.ncu-rep", "state": "complete"},
            {"name": "core", "phase": "decode", "cache": "warm", "report": "ncu/w.ncu-rep", "state": "complete"},
        ],
        "merge": [["ncu/a.ncu-rep", "ncu/b.ncu-rep"]],
        "cases": [
            {
                "range_name": "decode:case:b1:s8",
                "implementations": {"q_b_proj": "cublas"},
                "not_run": {"all_reduce_attn": "one GPU"},
                "untested": ["mm_fp4"],
            }
        ],
        "nsys": [
            {"name": "graph", "phase": "decode", "trace": "nsys/g.sqlite"},
            {"name": "eager", "phase": "decode", "trace": "nsys/e.sqlite"},
            {"name": "eager", "phase": "decode", "trace": None},
        ],
    }
    (tmp_path / "nsys").mkdir(exist_ok=True)
    for name in ("g", "e"):
        (tmp_path / f"nsys/{name}.sqlite").touch()
    (tmp_path / "manifest.json").write_text(json.dumps(data | changes))
    return tmp_path


def test_a_manifest_says_what_belongs_together(tmp_path: Path) -> None:
    capture = load_capture(manifest(tmp_path))
    cold, warm = capture.groups
    assert cold.name == f"{tmp_path.name}/decode-cold"
    assert [p.name for p in cold.reports] == ["a.ncu-rep", "b.ncu-rep"]
    assert [p.name for p in cold.traces] == ["e.sqlite", "g.sqlite"]
    assert (warm.conditions.cache, list(warm.traces)) == ("warm", [])
    assert cold.conditions.implementations["decode:case:b1:s8"] == {"q_b_proj": "cublas"}
    said = {"op-not-run", "untested-implementation"}
    files = {"missing-file", "unrecorded-files"}  # the manifest alone was written, in the form of an earlier version
    assert {f.kind for f in capture.findings} == said | files


def test_a_partial_capture_says_so(tmp_path: Path) -> None:
    runs = [
        {
            "name": "core",
            "phase": "decode",
            "cache": "cold",
            "report": "ncu/a.ncu-rep",
            "state": "partial",
            "cause": "Ctrl-C",
        }
    ]
    (finding, *_) = load_capture(manifest(tmp_path, state="partial", runs=runs)).findings
    assert (finding.kind, finding.severity) == ("capture-partial", "warning")
    assert "core: Ctrl-C" in finding.message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "without a manifest.json"),
        ("{", "is not JSON"),
        ("[]", "does not hold a JSON object"),
        ('{"schema_version": 9}', "not a manifest"),
    ],
)
def test_what_is_not_a_capture_is_refused(tmp_path: Path, text: str | None, why: str) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ReportError, match=why):
        load_capture(tmp_path)


def test_a_folder_of_reports_says_what_to_give(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.ncu-rep").touch()
    with pytest.raises(ReportError, match="without a manifest") as error:
        load_capture(tmp_path)
    assert error.value.hint == "it holds 2 .ncu-rep files: give them"


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (("a", "b"), "it holds captures: give {}/a"),
        (("over/rank000", "over/rank001"), "it holds a capture: give {}/over"),
        ((), "give a capture's directory, or .ncu-rep files"),
    ],
)
def test_a_folder_of_captures_says_which_to_give(tmp_path: Path, names: tuple[str, ...], hint: str) -> None:
    for name in names:
        (tmp_path / name).mkdir(parents=True)
        manifest(tmp_path / name, state="complete", runs=[])
    with pytest.raises(ReportError) as error:
        load_capture(tmp_path)
    assert error.value.hint == hint.format(tmp_path)


def test_a_capture_without_reports_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="holds no report"):
        load_capture(manifest(tmp_path, state="failed", runs=[{"name": "core", "phase": "decode", "report": None}]))


@pytest.mark.parametrize(("kernel", "kinds"), [("gemm", ["replay-changed"]), ("ncclDevKernel_AllReduce", [])])
def test_a_collective_may_wait_for_another_while_in_each_run(kernel: str, kinds: list[str]) -> None:
    core, link = (launches(name, {"kernel_name": kernel, "duration_ns": ns}) for name, ns in (("a", 3e5), ("b", 1e8)))
    assert [f.kind for f in merge_launches("m", [core, link])[1]] == kinds
