"""Four ranks of a real job, whose collectives' bytes are known and whose rank 1 was late once."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import roofprof
from roofprof.advice.reasons import reasons_of
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

PAYLOAD = 64 << 20
RANKS = 4


@pytest.fixture(scope="module")
def ranks(shared_data: Path) -> Path:
    if not (shared_data / "ranks").is_dir():
        pytest.skip("needs the reports of four ranks")
    return shared_data / "ranks"


@pytest.fixture(scope="module")
def report(ranks: Path) -> RooflineReport:
    reports = [ranks / f"corelink.{rank}.ncu-rep" for rank in range(RANKS)]
    traces = [ranks / f"nsys.{rank}.sqlite" for rank in range(RANKS)]
    return roofprof.analyze(*reports, ranks=True, timeline=traces, gpu="same").data


def of(report: RooflineReport, name: str) -> OpResult:
    return next(op for op in report.ops if op.op == name)


@pytest.mark.parametrize(
    ("op", "sent"),
    [
        ("all_reduce", 2 * (RANKS - 1) / RANKS * PAYLOAD), ("all_gather", (RANKS - 1) * PAYLOAD),
        ("reduce_scatter", (RANKS - 1) / RANKS * PAYLOAD), ("all_to_all", (RANKS - 1) / RANKS * PAYLOAD),
        ("broadcast", PAYLOAD),
    ],
)  # fmt: skip
def test_sent_bytes_are_the_algorithms(report: RooflineReport, op: str, sent: float) -> None:
    found = of(report, op)
    assert found.link_tx_bytes == pytest.approx(sent, rel=3e-4)
    own = [share.link_tx_bytes for share in found.ranks]
    if op == "broadcast":
        assert own[-1] == pytest.approx(2688, abs=200), "the last rank of the ring sends nothing on"
        own.pop()
    assert own == pytest.approx([sent] * len(own), rel=3e-4)
    assert found.bound == found.measured_on.bound == "communication"
    assert found.duration_ns is None, "ncu's time of a collective is a wait"


def test_launches_of_all_ranks_go_on(report: RooflineReport) -> None:
    assert report.ranks is not None
    assert [source.launch_count for source in report.ranks.sources] == [24] * RANKS
    assert report.reports[0]["launch_count"] == report.kernels.height == 24 * RANKS
    assert report.kernels["launch_id"].to_list() == list(range(24 * RANKS))
    assert report.kernels["rank"].to_list() == [rank for rank in range(RANKS) for _ in range(24)]
    by_id = {row["launch_id"]: row for row in report.kernels.to_dicts()}
    for op in report.ops:
        assert {by_id[launch]["op"] for launch in op.kernels} == {op.op}
        assert len({by_id[launch]["rank"] for launch in op.kernels}) == 1


def test_the_late_rank_is_found(report: RooflineReport) -> None:
    """Start-up, then rank 1 sleeps for 2 ms before the second all-reduce, then a clean one."""
    found = of(report, "all_reduce")
    first, late, clean = found.rank_calls
    assert (first.straggler_rank, late.straggler_rank) == (2, 1)
    assert first.wait_ns == pytest.approx(110.36e6, rel=0.01)
    assert late.wait_ns == pytest.approx(2.36e6, rel=0.01)
    assert clean.wait_ns is not None
    assert clean.wait_ns < 0.1e6
    assert late.straggler_idle_ns == pytest.approx(late.wait_ns, rel=0.02), "it slept: its GPU had nothing to do"
    assert {reason.why for reason in reasons_of(report, [found])} == {"waits 2.36 ms for idle rank 1"}
    assert late.duration_ns[1] == min(ns for ns in late.duration_ns if ns is not None)
    assert (found.wait_ns, found.straggler_rank) == (late.wait_ns, 1), "the row's is the call that is the median"
    assert found.rank_spread is not None
    assert found.rank_spread.duration_ns.argmax == 0
    assert found.link_bytes_per_s == pytest.approx(100.67e6 / 320e-6, rel=0.01), "the wait is not in it"


def test_a_broadcast_has_no_wait(report: RooflineReport) -> None:
    found = of(report, "broadcast")
    assert found.wait_ns is found.straggler_rank is found.link_bytes_per_s is None
    assert len(found.rank_calls) == 3


def test_the_layers_time_is_the_slowest_ranks(report: RooflineReport) -> None:
    assert report.ranks is not None
    assert report.ranks.aligned
    (layer,) = report.ranks.layers
    times = [
        sum(op.calls * (share.duration_ns or 0) for op in report.ops for share in op.ranks if share.rank == r)
        for r in range(4)
    ]
    assert layer.duration_ns == pytest.approx(times)
    assert layer.slowest_rank == times.index(max(times))
    assert all(op.critical_path_ns for op in report.ops)


def test_without_traces_times_of_collectives_are_unknown(ranks: Path) -> None:
    report = roofprof.analyze(*sorted(ranks.glob("corelink.*.ncu-rep")), ranks=True, gpu="same").data
    found = of(report, "all_gather")
    assert found.link_tx_bytes == 201_336_192
    assert found.time_ns is found.wait_ns is found.critical_path_ns is None
    assert {share.duration_ns for share in found.ranks} == {None}
    assert not found.rank_calls
    assert {reason.why for reason in reasons_of(report, [found])} == {"time unknown: trace each rank"}
    assert of(report, "up").duration_ns
    assert report.kernels.filter(report.kernels["op"] == "all_gather")["duration_ns"].null_count() == 12


def test_it_is_saved_and_loaded(report: RooflineReport, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(report.to_json(), encoding="utf-8")
    again = roofprof.analyze(path).data
    assert again.ranks == report.ranks
    assert again.ops == report.ops


def test_the_formulas_bytes_stand_beside_those_sent(ranks: Path, tmp_path: Path) -> None:
    ops = tmp_path / "coll.toml"
    rows, width = 4096, PAYLOAD // 2 // 4096
    ops.write_text(
        "".join(
            f"[[op]]\nmatch = '^{name}$'\nop = '{name}'\nformula = '{name}'\nshape = {{ {shape}, d = {width} }}\n"
            for name, shape in (
                ("all_reduce", f"m = {rows}, t = {RANKS}"), ("all_gather", f"m = {rows}, t = {RANKS}"),
                ("reduce_scatter", f"m = {rows}, t = {RANKS}"), ("all_to_all", f"m = {rows}, t = 1, w = {RANKS}"),
            )
        )
    )  # fmt: skip
    report = roofprof.analyze(*sorted(ranks.glob("*.ncu-rep")), ranks=True, gpu="same", ops=str(ops)).data
    for name in ("all_reduce", "all_gather", "reduce_scatter", "all_to_all"):
        found = of(report, name)
        assert found.link_bytes_formula
        assert found.link_tx_bytes == pytest.approx(found.link_bytes_formula, rel=2e-4), name
        assert found.formula is not None
        assert found.formula.bound == "communication"


def test_a_capture_over_ranks_is_read_with_its_traces(ranks: Path, tmp_path: Path, report: RooflineReport) -> None:
    for rank in (0, 1, 3):
        own = tmp_path / f"job/rank{rank:03d}"
        own.mkdir(parents=True)
        (own / "ncu.ncu-rep").write_bytes((ranks / f"corelink.{rank}.ncu-rep").read_bytes())
        (own / "eager.sqlite").write_bytes((ranks / f"nsys.{rank}.sqlite").read_bytes())
        run = {"state": "complete", "phase": "workload"}
        manifest = {
            "schema_version": 1, "state": "complete", "versions": {}, "rank": {"rank": rank, "count": RANKS},
            "runs": [{**run, "name": "core", "cache": "cold", "report": "ncu.ncu-rep"}],
            "nsys": [{**run, "name": "eager", "trace": "eager.sqlite"}],
        }  # fmt: skip
        (own / "manifest.json").write_text(json.dumps(manifest))
    found = roofprof.analyze(tmp_path / "job", gpu="same").data
    assert found.ranks is not None
    assert (found.ranks.missing, found.ranks.layers[0].duration_ns[2]) == ([2], None)
    reduce = of(found, "all_reduce")
    assert [call.duration_ns[2] for call in reduce.rank_calls] == [None] * 3
    assert (reduce.straggler_rank, reduce.wait_ns) == (1, of(report, "all_reduce").wait_ns)


def test_a_measured_link_is_the_roof_of_what_communicates(
    ranks: Path, report: RooflineReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device = next(iter(report.reports[0]["devices"].values()))["device_name"]  # type: ignore[attr-defined]
    rate = 4e11
    path = tmp_path / "links.json"
    path.write_text(json.dumps({
        "schema_version": 1, "gpu": device, "created": "2026-11-26", "peer_write_bytes_per_s": rate, "all_reduce": [],
    }))  # fmt: skip
    reports = [ranks / f"corelink.{rank}.ncu-rep" for rank in range(RANKS)]
    traces = [ranks / f"nsys.{rank}.sqlite" for rank in range(RANKS)]
    found = roofprof.analyze(*reports, ranks=True, timeline=traces, gpu="same", ceilings=str(path))
    op = of(found.data, "all_gather")
    assert op.headroom_roof == "measured"
    assert op.of_roof == pytest.approx((op.link_tx_bytes or 0) / rate / (op.time_ns or 1) * 1e9)
    assert of(found.data, "up").headroom_roof == "datasheet"
    again = tmp_path / "report.json"
    again.write_text(report.to_json())
    saved = roofprof.analyze(again, ceilings=str(path)).data
    assert [op.of_roof for op in saved.ops] == pytest.approx([op.of_roof for op in found.data.ops])
    assert [op.headroom_roof for op in saved.ops] == [op.headroom_roof for op in found.data.ops]
    from roofprof.cli import run

    words = ["analyze", "--ranks", *map(str, reports), "--gpu", "same", "--ceilings", str(path)]
    assert run([*words, *(word for trace in traces for word in ("--timeline", str(trace)))]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "of link: of 400 GB/s each way, what writing a peer's memory reached (datasheet 450 GB/s)" in out


@pytest.mark.parametrize(
    ("reports", "traces", "kind", "said"),
    [
        ((0, 1, 2), (1, 0, 2), "ranks-mixed", "rank 0 ran on device 0, its trace on 1"),
        ((0, 1, 2), (0, 1, 1), "ranks-mixed", "the traces of ranks 1, 2 are the same"),
        ((2, 0, 3), (2, 0, 3), "ranks-order", "rank 0 on device 2, rank 1 on device 0, rank 2 on device 3"),
        ((0, 1, 3), (0, 1, 3), None, ""),
    ],
)
def test_files_of_other_ranks_are_told(
    ranks: Path, reports: tuple[int, ...], traces: tuple[int, ...], kind: str | None, said: str
) -> None:
    paths = [ranks / f"corelink.{rank}.ncu-rep" for rank in reports]
    traced = [ranks / f"nsys.{rank}.sqlite" for rank in traces]
    found = roofprof.analyze(*paths, ranks=True, timeline=traced, gpu="same").data.findings
    told = [finding for finding in found if finding.kind in ("ranks-mixed", "ranks-order")]
    assert [finding.kind for finding in told] == ([kind] if kind else [])
    assert all(said in finding.message for finding in told)


def test_above_the_links_roof_the_reason_is_the_link(report: RooflineReport) -> None:
    gather = of(report, "all_gather")
    above = replace(gather, measured_on=replace(gather.measured_on, roof_fraction=1.4), link_bytes_per_s=660e9)
    assert reasons_of(report, [above])[0].why == "link: 660 GB/s, wait aside"
