"""The decode layer of R1 over two and four real H200, complete: counters, link bytes, traces, eager and as a graph."""

from collections.abc import Callable
from pathlib import Path

import pytest

import roofprof
from roofprof.cli import run
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport

CUT = {
    "q_b_proj", "q_nope_w_kc", "attn_w_vc", "o_proj", "shared_gate_up", "shared_down", "moe_gate_up", "moe_down",
    "quant_o_proj", "moe_silu_and_mul", "quant_moe_down",
}  # fmt: skip
WHOLE = {"fused_qkv_a_proj", "input_layernorm", "post_attention_layernorm", "router_gemm", "topk", "moe_combine"}
ROW_BYTES = {"ep_dispatch": 7168 + 7168 // 128 * 4, "ep_combine": 2 * 7168}
"""FP8 with a scale for each 128 values; bf16."""


@pytest.fixture(scope="module")
def captures(unpacked: Callable[[str], Path]) -> Callable[[str], Path]:
    return lambda name: unpacked(f"ranks/h200-{name}")


@pytest.fixture(scope="module")
def report(captures: Callable[[str], Path]) -> Callable[[str], RooflineReport]:
    found: dict[str, RooflineReport] = {}

    def analyzed(name: str) -> RooflineReport:
        if name not in found:
            found[name] = roofprof.analyze(captures(name), gpu="same").data
        return found[name]

    return analyzed


def by_name(report: RooflineReport) -> dict[str, OpResult]:
    return {op.op: op for op in report.ops}


def test_tp4_does_a_quarter_of_what_it_cuts_on_every_rank(report: Callable[[str], RooflineReport], data: Path) -> None:
    alone = {op.op: op for op in roofprof.analyze(data / "h100-fp8").data.ops if (op.phase, op.batch) == ("decode", 64)}
    found = by_name(report("tp4"))
    for names, share in ((CUT, 0.25), (WHOLE, 1.0)):
        for name in names:
            one = alone[name]
            for rank in found[name].ranks:
                assert rank.flop_count == pytest.approx(share * (one.flop_count or 0), rel=2e-4), name
            assert found[name].dram_read_bytes == pytest.approx(share * (one.dram_read_bytes or 0), rel=0.06), name


def test_attention_of_32_heads_executes_64(report: Callable[[str], RooflineReport], data: Path) -> None:
    """A quarter of the 128 heads, in a tile of 64."""
    op = by_name(report("tp4"))["attn_mqa"]
    alone = {op.op: op for op in roofprof.analyze(data / "h100-fp8").data.ops if (op.phase, op.batch) == ("decode", 64)}
    for rank in op.ranks:
        assert rank.flop_count == pytest.approx(0.5 * (alone["attn_mqa"].flop_count or 0), rel=5e-4)
    assert op.work_ratio == pytest.approx(2, rel=0.02)


def test_ep4_reads_the_experts_that_are_hit(report: Callable[[str], RooflineReport], data: Path) -> None:
    """64 of each rank's 64 experts, against 220 of 256 on one GPU with a quarter of the tokens."""
    alone = {op.op: op for op in roofprof.analyze(data / "h100-fp8").data.ops if (op.phase, op.batch) == ("decode", 64)}
    for name in ("moe_gate_up", "moe_down"):
        for rank in by_name(report("ep4"))[name].ranks:
            assert rank.flop_count == pytest.approx(64 / 220 * (alone[name].flop_count or 0), rel=1e-3)
            assert rank.dram_bytes == pytest.approx(64 / 220 * (alone[name].dram_bytes or 0), rel=0.01)


@pytest.mark.parametrize(("name", "ranks"), [("ep2", 2), ("ep4", 4)])
def test_exchanges_send_the_rows_that_leave(captures: Callable[[str], Path], name: str, ranks: int) -> None:
    """By the counts of the routing; protocol adds 768 bytes on two GPUs, 1,152 on four."""
    for rank in range(ranks):
        ops = by_name(roofprof.analyze(captures(name) / f"rank{rank:03d}").data)
        for op, row in ROW_BYTES.items():
            rows = next(int(part[1:]) for part in ops[op].nvtx_path[-1].split(":") if part.startswith("r"))
            assert ops[op].link_bytes_formula == rows * row
            assert ops[op].link_tx_bytes == pytest.approx(rows * row, rel=5e-4)


def test_all_reduces_of_four_send_twice_the_ring(report: Callable[[str], RooflineReport]) -> None:
    found = by_name(report("tp4"))
    for name in ("all_reduce_attn", "all_reduce_mlp"):
        assert {rank.link_tx_bytes for rank in found[name].ranks} == {2_754_816}
        assert found[name].link_bytes_formula == 1.5 * 64 * 7168 * 2
        assert not [f for f in found[name].findings if f.kind == "link-bytes-short"]


@pytest.mark.parametrize("name", ["tp2", "tp2ep4"])
def test_a_rank_whose_bytes_are_short_is_named(report: Callable[[str], RooflineReport], name: str) -> None:
    op = by_name(report(name))["all_reduce_mlp"]
    (finding,) = (f for f in op.findings if f.kind == "link-bytes-short")
    assert finding.values["rank"] == 0
    assert finding.values["others_link_tx_bytes"] == 1_835_776


def test_waits_of_the_layer_as_launched_are_idle_time_of_one_rank(report: Callable[[str], RooflineReport]) -> None:
    """Every later call waits for a rank whose host was late: its GPU stood idle as long as the others waited."""
    for op in by_name(report("tp4")).values():
        for call in op.rank_calls[1:]:
            assert call.straggler_rank == 3
            assert call.straggler_idle_ns == pytest.approx(call.wait_ns, rel=0.02)


def test_a_graph_takes_the_waits_away(report: Callable[[str], RooflineReport]) -> None:
    for name, eager_ms, graph_ms in (("tp2", 3.33, 1.49), ("tp4", 3.38, 1.02), ("ep2", 2.17, 1.86)):
        summary = report(name).ranks
        assert summary is not None
        (layer,) = summary.layers
        assert layer.slowest_ns == pytest.approx(eager_ms * 1e6, rel=0.01)
        assert layer.slowest_graph_ns == pytest.approx(graph_ms * 1e6, rel=0.01)
    for name in ("ep4", "tp2ep4"):
        summary = report(name).ranks
        assert summary is not None
        assert [layer.slowest_graph_ns for layer in summary.layers] == [None]


def test_shares_are_of_the_slowest_rank(report: Callable[[str], RooflineReport]) -> None:
    """Rank 1 is it: 1,412,317 ns of its 3,375,703 in the layer, and 117,951 of lm_head."""
    found = by_name(report("tp4"))
    assert sum(op.share or 0 for op in found.values()) == pytest.approx(1)
    lm_head = next(rank.duration_ns for rank in found["lm_head"].ranks if rank.rank == 1)
    assert lm_head is not None
    assert found["all_reduce_mlp"].share == pytest.approx(1_412_317 / (3_375_703 + lm_head))
    assert found["moe_down"].share == pytest.approx(219_743 / (3_375_703 + lm_head)), "its row is rank 3's"


def test_what_a_collective_counts_while_it_waits_is_unknown(report: Callable[[str], RooflineReport]) -> None:
    """Polling for the other ranks read 124 to 193 GB of L2 where 2.75 MB were sent; what others write is no re-read."""
    for name in ("all_reduce_attn", "all_reduce_mlp"):
        op = by_name(report("tp4"))[name]
        assert (op.l2_bytes, op.arithmetic_intensity_l2) == (None, None)
        assert op.dram_bytes
        assert {finding.kind for finding in op.findings} == {"flop-convention", "other-link-bytes"}


def test_rows_by_kernel_add_up_to_no_layer(captures: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Three repeats of the layer are in the sum of kernels."""
    for by, words in (("op", "ms a layer"), ("kernel", "ms in all")):
        assert run(["analyze", str(captures("tp4")), "--by", by]) == 0
        assert words in capsys.readouterr().out.splitlines()[1]
