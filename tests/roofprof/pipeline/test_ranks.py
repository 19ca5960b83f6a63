"""Ranks as they come from disk: folders of a capture, files in their order, and what is no job of ranks."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tiny_report import tiny_report

import roofprof
from roofprof.errors import ReportError, UsageError

REDUCE = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL"
SENT = 100_000.0

Make = Callable[..., Path]


def content(sent: float = SENT, passes: int = 3, kernels: Sequence[str] = ("gemm", REDUCE), time: float = 5e4) -> bytes:
    common = {"gpu__time_duration.sum": time, "profiler__replayer_passes": float(passes)}
    link = {"nvltx__bytes_data_user.sum": sent, "nvlrx__bytes_data_user.sum": sent / 2}
    return tiny_report([(name, common | link) for name in kernels for _ in range(3)])


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[Path]]:
    """Reports of ranks; each of `changes` makes another one."""

    def make(*changes: dict[str, object]) -> list[Path]:
        paths = [tmp_path / f"r{rank}.ncu-rep" for rank in range(len(changes))]
        for path, change in zip(paths, changes, strict=True):
            path.write_bytes(content(**change))  # type: ignore[arg-type]
        return paths

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Make:
    """A capture over ranks; those that are given, of `count`."""

    def make(ranks: Sequence[int], count: int, names: Sequence[str] = (), **versions: str) -> Path:
        for place, rank in enumerate(ranks):
            own = tmp_path / "cap" / (names[place] if names else f"rank{rank:03d}")
            (own / "ncu").mkdir(parents=True)
            (own / "ncu/core.ncu-rep").write_bytes(content())
            run = {
                "name": "core",
                "state": "complete",
                "phase": "workload",
                "cache": "cold",
                "report": "ncu/core.ncu-rep",
            }
            manifest = {
                "schema_version": 1, "state": "complete", "runs": [run],
                "versions": {"ncu": versions.get(f"rank{rank}", "2025.3.1")}, "rank": {"rank": rank, "count": count},
            }  # fmt: skip
            (own / "manifest.json").write_text(json.dumps(manifest))
        return tmp_path / "cap"

    return make


def kinds(report: roofprof.RooflineReport) -> set[str]:
    return {finding.kind for finding in report.findings}


def test_files_are_ranks_in_their_order(files: Callable[..., list[Path]]) -> None:
    report = roofprof.analyze(*files({"sent": 1e5}, {"sent": 2e5}, {"sent": 9e5}), ranks=True, gpu="same").data
    gemm, reduce = report.ops
    assert [share.link_tx_bytes for share in reduce.ranks] == [1e5, 2e5, 9e5]
    assert reduce.link_tx_bytes == 2e5, "the median rank's"
    assert reduce.time_ns is None, "no trace, no time of a collective"
    assert gemm.duration_ns == 5e4
    assert gemm.link_tx_bytes is None, "a kernel that does not communicate sends nothing of its own"
    assert report.ranks is not None
    assert (report.ranks.count, report.ranks.missing, report.ranks.aligned) == (3, [], None)
    assert not {"ranks-differ", "ranks-missing"} & kinds(report)


def test_without_the_flag_they_are_reports_of_their_own(files: Callable[..., list[Path]]) -> None:
    report = roofprof.analyze(*files({}, {})).data
    assert len(report.ops) == 4
    assert report.ranks is None
    assert json.loads(report.to_json())["ranks"] is None


@pytest.mark.parametrize(
    ("change", "what"),
    [({"passes": 4}, "passes"), ({"kernels": ["gemm", REDUCE, "other"]}, "ran on some ranks alone")],
)
def test_what_differs_is_told(files: Callable[..., list[Path]], change: dict[str, object], what: str) -> None:
    report = roofprof.analyze(*files({}, change), ranks=True).data
    assert any(f.kind == "ranks-differ" and what in f.message for f in report.findings)


def test_nvls_is_told(files: Callable[..., list[Path]]) -> None:
    kernels = ["gemm", "ncclDevKernel_AllReduce_Sum_bf16_NVLS"]
    assert "nvls" in kinds(roofprof.analyze(*files(*[{"kernels": kernels}] * 2), ranks=True).data)
    assert "nvls" not in kinds(roofprof.analyze(*files({}, {}), ranks=True).data)


def test_other_jobs_are_no_ranks(files: Callable[..., list[Path]]) -> None:
    with pytest.raises(ReportError, match=r"no ranks of one job: r0\.ncu-rep has .*gemm.*, r1\.ncu-rep has softmax"):
        roofprof.analyze(*files({}, {"kernels": ["softmax"]}), ranks=True)


def test_one_file_a_file_twice_and_traces_of_some(files: Callable[..., list[Path]], tmp_path: Path) -> None:
    first, second = files({}, {})
    with pytest.raises(UsageError, match="two ranks or more"):
        roofprof.analyze(first, ranks=True)
    with pytest.raises(UsageError, match="given twice"):
        roofprof.analyze(first, first, ranks=True)
    with pytest.raises(UsageError, match="2 ranks and 1 traces"):
        roofprof.analyze(first, second, ranks=True, timeline=[tmp_path / "a.sqlite"])
    with pytest.raises(UsageError, match="several times"):
        roofprof.analyze(first, timeline=[tmp_path / "a.sqlite", tmp_path / "b.sqlite"])


def test_a_folder_of_ranks(folder: Make) -> None:
    report = roofprof.analyze(folder([0, 1], 2)).data
    assert report.ranks is not None
    assert [source.name for source in report.ranks.sources] == [
        "cap/rank000/workload-cold",
        "cap/rank001/workload-cold",
    ]
    assert {op.report for op in report.ops} == {"cap/workload-cold"}
    assert len(report.ops) == 2


def test_missing_ranks_are_named(folder: Make) -> None:
    report = roofprof.analyze(folder([0, 3], 4)).data
    assert report.ranks is not None
    assert (report.ranks.count, report.ranks.missing) == (4, [1, 2])
    assert any(f.message == "2 of 4 ranks are here; ranks 1, 2 are missing" for f in report.findings)
    assert [share.rank for share in report.ops[0].ranks] == [0, 3]


def test_one_rank_alone(folder: Make) -> None:
    report = roofprof.analyze(folder([0], 1)).data
    assert report.ranks is not None
    assert (report.ranks.count, report.ranks.missing) == (1, [])
    assert report.ops[0].rank_spread is not None
    assert report.ops[0].rank_spread.duration_ns.argmax == 0


def test_a_rank_that_stands_twice(folder: Make) -> None:
    with pytest.raises(ReportError, match="both rank 1"):
        roofprof.analyze(folder([1, 1], 2, ["rank000", "rank001"]))


def test_versions_that_differ(folder: Make) -> None:
    report = roofprof.analyze(folder([0, 1], 2, rank1="2026.1.0")).data
    assert any("versions of ncu" in f.message and f.kind == "ranks-differ" for f in report.findings)


def test_a_folder_goes_alone(folder: Make, files: Callable[..., list[Path]]) -> None:
    cap = folder([0, 1], 2)
    with pytest.raises(UsageError, match="together"):
        roofprof.analyze(cap, *files({}))
    with pytest.raises(UsageError, match="does not apply to a capture over ranks"):
        roofprof.analyze(cap, ranks=True)


def test_a_copy_of_a_rank_is_no_other_rank(files: Callable[..., list[Path]]) -> None:
    paths = files({"time": 4e4}, {"time": 5e4}, {"time": 4e4})
    found = [f for f in roofprof.analyze(*paths, ranks=True).data.findings if f.kind == "ranks-mixed"]
    assert [f.values["ranks"] for f in found] == [[0, 2]]


def test_a_report_and_a_capture_are_no_ranks_of_one_job(files: Callable[..., list[Path]], folder: Make) -> None:
    (report,) = files({})
    with pytest.raises(ReportError, match=r"no ranks of one job: r0\.ncu-rep is rank 0's, rank001/workload-cold is"):
        roofprof.analyze(report, folder([0, 1], 2) / "rank001", ranks=True)


def test_a_phase_that_one_rank_lacks_is_told(folder: Make) -> None:
    path = folder([0, 1], 2)
    manifest = path / "rank001/manifest.json"
    told = json.loads(manifest.read_text())
    told["runs"].append(told["runs"][0] | {"phase": "prefill", "name": "prefill core"})
    (path / "rank001/ncu/prefill.ncu-rep").write_bytes(content())
    told["runs"][1]["report"] = "ncu/prefill.ncu-rep"
    manifest.write_text(json.dumps(told))
    found = [f for f in roofprof.analyze(path).data.findings if f.kind == "ranks-missing"]
    assert [f.message for f in found] == ["cap/prefill-cold: of ranks 1 alone; 0 missing"]


def test_ranks_that_cut_the_layer_differently_are_told(folder: Make) -> None:
    path = folder([0, 1], 2)
    for rank, tp in ((0, 2), (1, 1)):
        manifest = path / f"rank00{rank}/manifest.json"
        cases = [{"range_name": "decode:case:b64:s4096", "tp": tp, "ep": 2}]
        told = {"cases": cases, "recipe": f"recipe-of-{rank}"}
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | told))
    messages = [f.message for f in roofprof.analyze(path).data.findings if f.kind == "ranks-differ"]
    assert "the ranks' TP and EP differ: TP 2, EP 2: rank 0; TP 1, EP 2: rank 1" in messages
    assert "the ranks' recipes differ: recipe-of-0: rank 0; recipe-of-1: rank 1" in messages
