"""Cases that differ in one size: which measurement counts, what a sum is worth, and that every output agrees."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from roofprof.document.cases import cases_of, counting_cases, quotient_of, sum_of, superseded
from roofprof.document.scaling import Series, layer_point, series_of
from roofprof.document.sections import build_sections
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.reports.markdown.report import render_markdown
from roofprof.reports.plots.scaling import draw_scaling
from roofprof.reports.tables.scaling import scaling_lines, write_scaling
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport


@pytest.fixture
def op(decode: RooflineReport) -> Callable[..., OpResult]:
    def build(name: str = "rope", **changes: object) -> OpResult:
        base = next(o for o in decode.ops if o.op == "rope")
        fields: dict[str, object] = {"op": name, "report": "r", "time_source": "ncu", **changes}
        return replace(base, **fields)  # type: ignore[arg-type]

    return build


@pytest.fixture
def report(decode: RooflineReport) -> Callable[..., RooflineReport]:
    return lambda *ops: replace(decode, ops=list(ops))


@pytest.fixture(scope="module")
def fp8(data: Path) -> RooflineReport:
    return analyze_files(AnalyzeRequest([data / "h100-fp8"]))


@pytest.fixture(scope="module")
def twice(fp8: RooflineReport) -> RooflineReport:
    """The bundled capture with its decode at batch 64 measured again: every op takes 3 times as long."""
    again = [
        replace(op, report="again", duration_ns=3 * op.duration_ns, nsys_union_ns=3 * op.nsys_union_ns)  # type: ignore[operator]
        for op in fp8.ops
        if op.phase == "decode" and op.batch == 64
    ]
    return replace(fp8, ops=[*fp8.ops, *again])


def batch_series(report: RooflineReport) -> Series:
    (series,) = series_of(cases_of([report]), "batch")
    return series


def test_series_differ_in_one_size_alone(op: Callable[..., OpResult], report: Callable[..., RooflineReport]) -> None:
    points = [(1, 4096), (64, 4096), (64, 1024), (8, 512)]
    cases = cases_of([report(*(op(batch=b, seq_len=s) for b, s in points))])
    (by_batch,) = series_of(cases, "batch")
    assert (by_batch.fixed, by_batch.values) == (4096, (1, 64))
    assert by_batch.title == "decode, KV length 4096, cold cache"
    (by_length,) = series_of(cases, "seq_len")
    assert (by_length.fixed, by_length.values) == (64, (1024, 4096))
    assert by_length.stem == "decode-b64-cold-h100"


def test_phase_cache_and_gpu_keep_cases_apart(
    op: Callable[..., OpResult], report: Callable[..., RooflineReport]
) -> None:
    other = replace(op().measured_on, gpu="h200")
    ops = [
        op(batch=1), op(batch=2, phase="prefill"), op(batch=4, cache="warm"), op(batch=8, measured_on=other),
        op(batch=16, phase=None),
    ]  # fmt: skip
    assert series_of(cases_of([report(*ops)]), "batch") == []


def test_rows_of_two_gpus_are_never_summed(op: Callable[..., OpResult], report: Callable[..., RooflineReport]) -> None:
    other = replace(op().measured_on, gpu="h200")
    cases = cases_of([report(op(), op("topk", measured_on=other))])
    assert [(case.gpu, len(case.ops)) for case in cases] == [("h100", 1), ("h200", 1)]
    assert len({case.title for case in cases}) == 2


def test_a_case_measured_twice_counts_once_and_it_is_said(
    op: Callable[..., OpResult], report: Callable[..., RooflineReport]
) -> None:
    ops = [op(batch=1, report="a"), op(batch=1, report="b", duration_ns=7.0), op(batch=2, report="a")]
    series = batch_series(report(*ops))
    assert [point.report if point else None for point in series.rows[0].points] == ["b", "a"]
    assert [(old.report, new.report) for old, new in series.superseded] == [("a", "b")]


def test_the_last_report_given_counts_in_either_order(made: Callable[..., RooflineReport]) -> None:
    first, second = (made([("decode", 1, 4096), ("decode", 64, 4096)], report=name) for name in ("one", "two"))
    for reports in ([first, second], [second, first]):
        cases = cases_of(reports)
        wanted = reports[-1].reports[0]["name"]
        assert {case.report for case in counting_cases(cases)} == {wanted}
        assert {new.report for _, new in superseded(cases)} == {wanted}
        (series,) = series_of(cases, "batch")
        assert {point.case.report for point in series.layers} == {wanted}


def test_cases_under_unknown_conditions_replace_none(
    op: Callable[..., OpResult], report: Callable[..., RooflineReport]
) -> None:
    bare = {"phase": None, "batch": None, "seq_len": None, "cache": None}
    cases = cases_of([report(op(report="a", **bare), op(report="b", **bare))])
    assert counting_cases(cases) == cases


def test_document_csv_tables_and_plot_agree_on_a_twin(twice: RooflineReport, tmp_path: Path) -> None:
    series = next(s for s in series_of(cases_of([twice]), "batch") if s.phase == "decode")
    at = series.values.index(64)
    layer = series.layers[at]
    assert layer.case.report == "again"
    assert layer.time_ns.value

    write_scaling(twice, tmp_path)
    rows = list(csv.DictReader((tmp_path / "scaling.csv").read_text().splitlines()))
    point = [r for r in rows if (r["phase"], r["batch"]) == ("decode", "64")]
    assert {r["report"] for r in point} == {"again"}
    assert sum(float(r["nsys_union_ns"]) for r in point if r["op"] != "lm_head") == pytest.approx(layer.time_ns.value)

    figure = draw_scaling([twice], series)
    line = figure.axes[1].lines[0]
    row = next(r for r in series.rows if r.name == line.get_label())
    assert list(line.get_ydata()) == [p.measured_on.achieved_flop_per_s for p in row.points if p]  # type: ignore[arg-type]

    sections = build_sections([twice])
    assert [s.layers[at].case.report for s in sections.batch_series if s.phase == "decode"] == ["again"]
    told = "Decode, batch 64, KV length 4096, cold cache, h100-fp8/decode-cold: replaced by "
    told += "Decode, batch 64, KV length 4096, cold cache, again"
    assert f"- {told}" in render_markdown([twice])
    assert f"- {told}" in scaling_lines(twice)


def test_nothing_is_said_where_no_case_was_measured_twice(fp8: RooflineReport) -> None:
    assert "replaced by" not in render_markdown([fp8])
    assert "replaced by" not in "\n".join(scaling_lines(fp8))


def test_document_and_tables_agree_on_a_sum_with_an_unknown_part(fp8: RooflineReport) -> None:
    lost = next(i for i, op in enumerate(fp8.ops) if (op.op, op.batch) == ("o_proj", 64))
    ops = list(fp8.ops)
    ops[lost] = replace(ops[lost], duration_ns=None, nsys_union_ns=None)
    report = replace(fp8, ops=ops)
    (case,) = [c for c in cases_of([report]) if c.batch == 64]
    layer = layer_point(case)
    assert layer.time_ns.value is None
    assert layer.time_ns.known
    assert layer.time_ns.known == pytest.approx(sum(op.time_ns or 0 for op in case.ops))
    assert (layer.time_ns.known_count, layer.time_ns.count) == (len(case.ops) - 1, len(case.ops))
    cell = f"— ({layer.time_ns.known / 1e6:.2f} ms over {len(case.ops) - 1} of {len(case.ops)} ops)"
    assert cell in next(line for line in scaling_lines(report) if line.startswith("| Decode, batch 64"))
    scaling = render_markdown([report]).split("## Scaling Behavior")[1]
    assert cell in next(line for line in scaling.splitlines() if line.startswith("| 64 |"))


def test_rows_put_most_time_first_and_name_twins(
    op: Callable[..., OpResult], report: Callable[..., RooflineReport]
) -> None:
    ops = [
        replaced
        for b in (1, 2)
        for replaced in (
            op("small", batch=b, duration_ns=1.0), op("twin", batch=b, implementation="x", duration_ns=9.0),
            op("twin", batch=b, implementation="y", duration_ns=5.0),
        )
    ]  # fmt: skip
    series = batch_series(report(*ops))
    assert [row.name for row in series.rows_by_time] == ["twin (x)", "twin (y)", "small"]
    assert [row.name for row in series.rows] == ["small", "twin (x)", "twin (y)"]
    assert series.values == (1, 2)


def test_rows_of_one_label_hide_none(op: Callable[..., OpResult], report: Callable[..., RooflineReport]) -> None:
    ops = [op(batch=b, implementation="x", duration_ns=ns) for b in (1, 2) for ns in (3.0, 4.0)]
    series = batch_series(report(*ops))
    assert {row.name: [p.duration_ns for p in row.points if p] for row in series.rows} == {
        "rope (x)": [3.0, 3.0],
        "rope (x) #2": [4.0, 4.0],
    }


def test_a_layer_sums_and_then_divides(op: Callable[..., OpResult], report: Callable[..., RooflineReport]) -> None:
    slow = replace(op().measured_on, bound="latency")
    ops = [
        op(duration_ns=30.0, flop_count=100.0, dram_bytes=10.0, formula=None),
        op("b", duration_ns=10.0, flop_count=0.0, dram_bytes=30.0, measured_on=slow),
        op("c", duration_ns=None, flop_count=None, dram_bytes=60.0, measured_on=slow),
    ]
    (whole,), (part,) = cases_of([report(*ops[:2])]), cases_of([report(*ops)])
    layer = layer_point(whole)
    assert (layer.time_ns.value, layer.flop_count.value, layer.dram_bytes.value) == (40.0, 100.0, 40.0)
    assert layer.arithmetic_intensity == 2.5
    layer = layer_point(part)
    assert (layer.time_ns.value, layer.flop_count.value, layer.arithmetic_intensity) == (None, None, None)
    assert layer.dram_bytes.value == 100.0
    assert layer.intensity.known == 2.5  # over the ops of which both are known
    assert (layer.formula_intensity.value, layer.formula_intensity.known_count) == (None, 2)


def test_an_op_of_the_step_is_in_no_sum_of_the_layer(
    op: Callable[..., OpResult], report: Callable[..., RooflineReport]
) -> None:
    (alone,), (beside,) = cases_of([report(op())]), cases_of([report(op(), op("lm_head", duration_ns=1e9))])
    assert layer_point(alone).time_ns == layer_point(beside).time_ns
    (head,) = cases_of([report(op("lm_head"))])
    assert layer_point(head).time_ns.value is None
    assert "runs once per step and stands apart" in render_markdown([report(op("lm_head"))])


def test_no_op_is_unknown_and_not_0() -> None:
    assert (sum_of([]).value, quotient_of([]).value) == (None, None)
    assert sum_of([0.0]).value == 0.0
    assert quotient_of([(1.0, 0.0)]).value is None


def test_cases_are_in_order_of_their_sizes(op: Callable[..., OpResult], report: Callable[..., RooflineReport]) -> None:
    cases = cases_of([report(op(batch=2), op(batch=1), op("topk", batch=2))])
    assert [(case.batch, len(case.ops)) for case in cases] == [(1, 1), (2, 2)]
