"""Two analyses set side by side: reports made by hand, and one of our own captures cut in two."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.changes.diff import Diff, diff
from roofprof.changes.factors import factors_of
from roofprof.changes.gate import gate
from roofprof.changes.judge import Verdict
from roofprof.changes.notes import TRACE_NOTE
from roofprof.hardware.devices import bundled_gpus
from roofprof.hardware.roofline import Roofs
from roofprof.results.op import OpResult
from roofprof.results.op_groups import Range, RankCall, RankShare, Spread
from roofprof.results.report import RooflineReport

Make = Callable[..., RooflineReport]
Edit = Callable[[OpResult], OpResult]


def edited(report: RooflineReport, edit: Edit) -> RooflineReport:
    return replace(report, ops=[edit(op) for op in report.ops])


def repeated(op: OpResult, calls: int = 5, jitter: float = 0.005) -> OpResult:
    """With calls enough, whose times differ by a little."""

    def around(value: float | None, share: float) -> Range:
        return Range(None, None) if value is None else Range(value * (1 - share), value * (1 + share))

    spread = Spread(around(op.duration_ns, jitter), around(op.dram_bytes, 0), around(op.flop_count, 0))
    return replace(op, calls=calls, spread=spread)


def scaled(op: OpResult, time: float = 1, traffic: float = 1, work: float = 1) -> OpResult:
    """Slower, with more bytes or with more work; fractions of the roof are left as they were."""
    assert op.duration_ns
    changed = replace(
        op,
        duration_ns=op.duration_ns * time,
        dram_bytes=None if op.dram_bytes is None else op.dram_bytes * traffic,
        flop_count=None if op.flop_count is None else op.flop_count * work,
    )
    return repeated(changed)


@pytest.fixture(scope="module")
def before(made: Make) -> RooflineReport:
    return edited(made([("decode", 64, 4096)]), repeated)


def one(found: Diff, name: str) -> Verdict:
    (row,) = [row for row in found.ops if row.op == name]
    return row.verdict


def test_the_same_twice_is_within(before: RooflineReport) -> None:
    found = diff(before, before)
    assert {row.verdict for row in found.ops} == {Verdict.WITHIN}
    assert gate(found).exit_code == gate(found, "any").exit_code == 0
    assert not found.notes
    assert not any(row.kernels_changed for row in found.ops)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"time": 1.05}, "regressed"),
        ({"time": 0.9}, "improved"),
        ({"time": 1.035}, "inconclusive"),  # with 0.5 % of jitter a side: 1.035 x 0.995 / 1.005 < 1.03
        ({"traffic": 1.1}, "regressed"),
        ({"traffic": 0.8}, "improved"),
        ({"work": 1.5}, "within"),  # more FLOPs in the same time and bytes cost nothing
        ({"work": 0.5}, "within"),
        ({"time": 0.9, "traffic": 1.2}, "improved"),  # bytes spent to win time
        ({"time": 1.2, "traffic": 0.8}, "regressed"),
        ({"time": 1.035, "traffic": 1.1}, "regressed"),
    ],
)
def test_an_op_is_judged_by_time_then_by_bytes(before: RooflineReport, change: dict[str, float], verdict: str) -> None:
    after = edited(before, lambda op: scaled(op, **change) if op.op == "o_proj" else op)
    found = diff(before, after)
    assert one(found, "o_proj") == verdict
    assert sum(row.verdict is not Verdict.WITHIN for row in found.ops) == (verdict != "within")


@pytest.mark.parametrize(
    ("calls_us", "verdict"),
    [
        ((9000, 98, 99, 100, 101, 102, 100, 600), "within"),  # a start-up and a straggler are no change
        ((9000, 118, 119, 120, 121, 122, 120, 600), "regressed"),
        ((9000, 60, 100, 140, 100, 60, 140, 100), "inconclusive"),  # waits of all sizes
    ],
)
def test_a_collective_is_judged_by_the_middle_half_of_its_calls(
    before: RooflineReport, calls_us: tuple[float, ...], verdict: str
) -> None:
    """A call's time is that of its slowest rank; ncu's spread, of waits under it, is none."""

    def collective(times_us: Sequence[float]) -> Edit:
        calls = [
            RankCall(call=n, wait_ns=None, straggler_rank=None, duration_ns=[us * 1e3, us * 500])
            for n, us in enumerate(times_us)
        ]
        # Of calls that one rank's trace lacks the slowest rank's time is unknown: they count for nothing.
        calls += [replace(calls[0], duration_ns=[us * 1e3, None]) for us in (1, 1, 1, 5000, 5000, 5000)]
        time = sorted(times_us)[(len(times_us) - 1) // 2] * 1e3
        unknown = Range(None, None)

        def edit(op: OpResult) -> OpResult:
            spread = Spread(unknown, op.spread.dram_bytes, op.spread.flop_count)
            if op.op != "o_proj":
                return op
            timed = replace(op, duration_ns=None, nsys_union_ns=time, time_source="nsys")
            ranks = [
                RankShare(rank=rank, duration_ns=time, dram_bytes=None, flop_count=None, link_tx_bytes=None)
                for rank in range(2)
            ]
            return replace(timed, spread=spread, rank_calls=calls, ranks=ranks)

        return edit

    old = edited(before, collective((9000, 98, 99, 100, 101, 102, 100, 600)))
    assert one(diff(old, edited(before, collective(calls_us))), "o_proj") == verdict


def test_a_gate_judges_what_it_is_on(before: RooflineReport) -> None:
    after = edited(before, lambda op: scaled(op, time=0.9, traffic=1.2, work=1.5) if op.op == "o_proj" else op)
    found = diff(before, after)
    codes = {metric: gate(found, metric).exit_code for metric in ("verdict", "time", "dram_bytes", "flop_count", "any")}
    assert codes == {"verdict": 0, "time": 0, "dram_bytes": 1, "flop_count": 1, "any": 1}


def test_a_gate_names_the_one_op_that_got_slower(before: RooflineReport) -> None:
    after = edited(before, lambda op: scaled(op, time=1.2) if op.op == "moe_down" else op)
    answer = gate(diff(before, after))
    assert (answer.exit_code, [row.op for row in answer.regressed]) == (1, ["moe_down"])
    assert gate(diff(before, after, only=lambda name: name != "moe_down")).exit_code == 0


def test_a_smaller_fraction_of_the_roof_regressed(before: RooflineReport) -> None:
    def halved(op: OpResult) -> OpResult:
        fraction = op.measured_on.roof_fraction
        assert fraction
        return replace(op, measured_on=replace(op.measured_on, roof_fraction=fraction / 2))

    after = edited(before, lambda op: halved(op) if op.op == "o_proj" else op)
    answer = gate(diff(before, after), "roof")
    assert [row.op for row in answer.regressed] == ["o_proj"]


def test_few_calls_leave_time_in_doubt_and_bytes_judged(before: RooflineReport) -> None:
    after = edited(before, lambda op: repeated(scaled(op, time=2, traffic=1.1), calls=2))
    found = diff(before, after)
    (row,) = [row for row in found.ops if row.op == "o_proj"]
    assert row.too_few_calls
    assert row.verdicts["time"] == row.verdicts["roof"] == "inconclusive"
    assert row.verdict == row.verdicts["dram_bytes"] == "regressed"
    assert gate(found, "time").exit_code == 3
    assert gate(found, "dram_bytes").exit_code == 1


def test_what_one_side_does_not_know_is_no_pass(before: RooflineReport) -> None:
    after = edited(before, lambda op: replace(op, dram_bytes=None) if op.op == "o_proj" else op)
    found = diff(before, after)
    assert one(found, "o_proj") is Verdict.WITHIN
    assert gate(found).exit_code == 0
    assert [gate(found, metric).exit_code for metric in ("dram_bytes", "any")] == [3, 3]
    assert [row.op for row in gate(found, "dram_bytes").unknown] == ["o_proj"]
    untimed = edited(before, lambda op: replace(op, duration_ns=None) if op.op == "o_proj" else op)
    assert [one(diff(*sides), "o_proj") for sides in ((before, untimed), (untimed, before))] == ["inconclusive"] * 2
    assert gate(diff(before, untimed)).exit_code == 3


def test_nothing_in_common_is_inconclusive(before: RooflineReport) -> None:
    other = edited(before, lambda op: replace(op, op=f"{op.op}_v2"))
    found = diff(before, other)
    assert {row.verdict for row in found.ops} == {Verdict.APPEARED, Verdict.VANISHED}
    assert gate(found).exit_code == 3
    assert gate(diff(before, replace(before, ops=[]))).exit_code == 3


def test_batches_compare_where_each_side_has_one(made: Make) -> None:
    a, b = (made([("decode", batch, 4096)]) for batch in (64, 128))
    found = diff(a, b)
    assert [case.title for case in found.cases] == ["Decode, batch 64 → 128, KV length 4096, cold cache"]
    assert {row.verdict for row in found.rows} & {Verdict.APPEARED, Verdict.VANISHED} == set()


def test_two_sweeps_compare_what_they_have_in_common(made: Make) -> None:
    a, b = (made([("decode", batch, 4096) for batch in batches]) for batches in ((1, 64), (64, 128)))
    found = diff(a, b)
    assert [case.title for case in found.cases] == ["Decode, batch 64, KV length 4096, cold cache"]
    assert ([c.batch for c in found.only_a], [c.batch for c in found.only_b]) == ([1], [128])
    assert {row.verdict for row in found.unmatched} == {Verdict.APPEARED, Verdict.VANISHED}
    assert sum("in no verdict" in note for note in found.notes) == 2


def test_cold_compares_with_warm(before: RooflineReport) -> None:
    warm = edited(before, lambda op: replace(op, cache="warm"))
    found = diff(before, warm)
    assert [case.title for case in found.cases] == ["Decode, batch 64, KV length 4096, cold → warm cache"]
    assert found.notes == ("cache: cold before, warm after",)


def test_other_gpus_and_recipes_are_said(before: RooflineReport) -> None:
    def of(report: RooflineReport, recipe: str) -> RooflineReport:
        return replace(report, reports=[{**entry, "capture": {"recipe": recipe}} for entry in report.reports])

    other = replace(of(before, "bf16"), gpu=bundled_gpus()["h200"])
    gpus, recipe = diff(of(before, "fp8"), other).notes
    assert "H200" in gpus
    assert recipe == "recipe: fp8 before, bf16 after"


def test_layers_that_are_cut_over_gpus_differently_are_said(before: RooflineReport) -> None:
    def of(cut: str | None) -> RooflineReport:
        return replace(before, reports=[{**entry, "capture": {"cut": cut}} for entry in before.reports])

    assert "the layer is cut differently: TP 2, EP 1 before, TP 1, EP 2 after" in (
        diff(of("TP 2, EP 1"), of("TP 1, EP 2")).notes
    )
    assert not diff(of("TP 2, EP 1"), of(None)).notes, "of a report that is of no capture it is not known"


def test_a_note_about_traces_is_no_note_of_every_analysis(before: RooflineReport) -> None:
    assert TRACE_NOTE not in diff(replace(before, notes=["a note of its own"]), before).notes


NAMES = ("o_proj", "moe_down", "attn_mqa", "lm_head", "rope", "topk")


chosen_ops = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(NAMES)), max_size=12)


def test_every_op_of_both_sides_stands_in_exactly_one_row(layers: RooflineReport) -> None:
    def of(side: Sequence[tuple[int, str]]) -> RooflineReport:
        return replace(layers, ops=[replace(layers.ops[number * 5], op=name) for number, name in side])

    @given(chosen_ops, chosen_ops)
    def check(some: list[tuple[int, str]], others: list[tuple[int, str]]) -> None:
        a, b = of(some), of(others)
        rows = diff(a, b).rows
        for side, report in (("a", a), ("b", b)):
            found = [op for row in rows if (op := getattr(row, side)) is not None]
            assert Counter(map(id, found)) == Counter(map(id, report.ops))
        assert all(row.a is None or row.b is None or row.a.op == row.b.op == row.op for row in rows)

    check()


def test_swapped_sides_mirror_what_changed(layers: RooflineReport) -> None:
    halves = [
        replace(layers, ops=[repeated(op) for op in layers.ops if (op.phase, op.batch) == ("decode", batch)])
        for batch in (64, 128)
    ]
    there, back = ({row.op: row.verdict for row in diff(x, y).rows} for x, y in (halves, halves[::-1]))
    mirrored = {Verdict.REGRESSED: Verdict.IMPROVED, Verdict.IMPROVED: Verdict.REGRESSED}
    changed = {op: verdict for op, verdict in there.items() if verdict in mirrored}
    assert changed == {op: mirrored[verdict] for op, verdict in back.items() if verdict in mirrored}
    assert len(changed) > 5


ratios = st.floats(0.1, 10)


def test_factors_multiply_back(layers: RooflineReport) -> None:
    @given(st.sampled_from([0, 3, 7, 20, 30]), ratios, ratios, ratios)
    def check(number: int, time: float, traffic: float, work: float) -> None:
        a = layers.ops[number]
        b = scaled(a, time, traffic, work)
        b = replace(b, flop_by_pipe={pipe: count and count * work for pipe, count in a.flop_by_pipe.items()})
        factors = factors_of(a, b, Roofs.of(bundled_gpus()["h100"]))
        assert factors
        assert factors.work * factors.bytes * factors.efficiency == pytest.approx(time)

    check()


def test_factors_by_hand(before: RooflineReport) -> None:
    """A memory-bound op with twice the bytes in three times the time ran at two thirds of its efficiency."""
    (a,) = [op for op in before.ops if op.op == "input_layernorm"]
    factors = factors_of(a, scaled(a, time=3, traffic=2), Roofs.of(bundled_gpus()["h100"]))
    assert factors
    assert (factors.work, factors.bytes, factors.efficiency) == pytest.approx((1, 2, 1.5))
    assert factors_of(a, replace(a, dram_bytes=None), Roofs.of(bundled_gpus()["h100"])) is None


def test_an_own_capture_at_two_batches(analyzed: Callable[[str], RooflineReport]) -> None:
    whole = analyzed("h100-fp8")
    a, b = (replace(whole, ops=[op for op in whole.ops if op.batch == batch]) for batch in (64, 128))
    found = diff(a, b)
    assert len(found.ops) == len(a.ops) == len(b.ops)
    rows = {row.op: row for row in found.ops}
    # The cache of twice the sequences is twice the bytes and FLOPs; weights are read once for any batch.
    assert rows["attn_mqa"].ratio("dram_bytes") == pytest.approx(2, rel=0.02)
    assert rows["attn_mqa"].ratio("flop_count") == pytest.approx(2, rel=0.02)
    assert rows["lm_head"].ratio("dram_bytes") == pytest.approx(1, rel=0.03)
    assert rows["lm_head"].verdict == "within"
    assert rows["lm_head"].kernels_changed
    for row in found.ops:
        if row.factors:
            product = row.factors.work * row.factors.bytes * row.factors.efficiency
            assert product == pytest.approx(row.ratio("time_ns"))
    assert {row.verdict for row in diff(a, a).ops} == {Verdict.WITHIN}


def test_times_of_two_profilers_are_no_change(before: RooflineReport) -> None:
    traced = edited(before, lambda op: replace(op, time_source="nsys", nsys_union_ns=(op.duration_ns or 0) / 2))
    for there in (diff(before, traced), diff(traced, before)):
        timed = [row for row in there.ops if row.verdicts["time"]]
        assert timed
        assert {row.verdicts["time"] for row in timed} == {row.verdict for row in timed} == {Verdict.INCONCLUSIVE}
        assert {row.verdicts["dram_bytes"] for row in timed} <= {Verdict.WITHIN, None}
        assert gate(there).exit_code == 3
