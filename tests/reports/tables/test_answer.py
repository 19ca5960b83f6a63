"""The first screen: it fits, it ranks, and it says what its figures stand on."""

import io
from dataclasses import replace

import pytest

from roofprof.advice.answer import answers_of
from roofprof.advice.notes import Notes, notes_of
from roofprof.findings import Finding, Severity
from roofprof.reports.plots.roofline import draw_roofline
from roofprof.reports.tables.answer import ROWS, print_answers
from roofprof.reports.tables.findings import finding_lines, summary_lines
from roofprof.reports.tables.target import ROWS as TARGET_ROWS
from roofprof.results.report import RooflineReport


def screen(report: RooflineReport, width: int, top: int | None = ROWS) -> list[str]:
    out = io.StringIO()
    print_answers(report, answers_of(report, top=top), out, width)
    return out.getvalue().splitlines()


def cases(lines: list[str]) -> list[list[str]]:
    """The lines of each case; the legend is the last part."""
    parts: list[list[str]] = []
    for line in lines:
        if line:
            parts[-1].append(line)
        else:
            parts.append([])
    return parts[:-1]


@pytest.mark.parametrize("width", [80, 100, 120, 160])
@pytest.mark.parametrize("fixture", ["decode", "layers"])
def test_a_case_fits_a_screen_at_any_width(request, fixture: str, width: int) -> None:  # type: ignore[no-untyped-def]
    report: RooflineReport = request.getfixturevalue(fixture)
    lines = screen(report, width)
    assert max(map(len, lines)) <= width
    found = cases(lines)
    assert len(found) == len(answers_of(report))
    for case in found:
        target = next(i for i, line in enumerate(case) if line.startswith("the same ops on"))
        assert target <= 25
        assert len(case) - target <= TARGET_ROWS + 2


def test_it_opens_with_the_case_its_time_and_what_can_be_won(decode: RooflineReport) -> None:
    (answer,) = answers_of(decode)
    head = " ".join(screen(decode, 160)[1].split())
    assert head.startswith("decode, batch 64, KV 4096, cold H100 SXM5 80 GB 2.67 ms a layer")
    assert answer.reachable is not None
    assert f"({100 * answer.reachable:.0f} %)" in head


def test_lm_head_is_starred_and_the_star_explained(layers: RooflineReport) -> None:
    lines = screen(layers, 120, top=None)
    assert sum("lm_head" in line and "*" in line for line in lines) >= 1
    assert any(line.startswith("*: in no sum of the layer") for line in lines)


def test_the_legend_says_whose_roofs(decode: RooflineReport) -> None:
    assert any("measured on another NVIDIA H100 80GB HBM3" in line for line in screen(decode, 160))
    sheet = [
        replace(op, measured_on=replace(op.measured_on, roof_fraction_measured=None, measured_roofs=None))
        for op in decode.ops
    ]
    lines = screen(replace(decode, ops=sheet, ceilings=None), 160)
    assert any("the datasheet, which nothing reaches" in line for line in lines)


def test_a_report_of_the_target_has_one_table(decode: RooflineReport) -> None:
    same = replace(decode, target=decode.gpu)
    assert not any("the same ops on" in line for line in screen(same, 120))


def test_findings_in_a_few_lines(decode: RooflineReport) -> None:
    notes = notes_of(decode, decode.ops)
    lines = list(summary_lines(notes))
    assert len(notes.act_on) + len(notes.doubtful) + len(notes.explain) == len(decode.findings)
    kinds = {finding.kind for finding in notes.act_on}
    counts = f"{len(kinds)} to act on, {len(notes.doubtful)} doubtful, {len(notes.explain)} notes"
    assert lines[0] == f"findings: {counts} (--explain)"
    assert len(lines) <= 1 + 2 * len(kinds)


def unplaced(report: RooflineReport) -> RooflineReport:
    """The report as if no counter of FLOPs had been collected."""
    ops = [
        replace(
            op, flop_count=None, flop_by_pipe={}, arithmetic_intensity=None,
            formula=None,
            measured_on=replace(op.measured_on, bound=None, roof_fraction=None, roof_fraction_measured=None),
        )
        for op in report.ops
    ]  # fmt: skip
    return replace(report, ops=ops)


def test_columns_without_a_figure_are_left_out_and_what_would_fill_them_is_said(decode: RooflineReport) -> None:
    lines = screen(unplaced(decode), 80)
    heading = next(line for line in lines if line.startswith((" # ", "# ")))
    assert heading.split() == ["#", "op", "µs", "share"]
    assert any(line.startswith("no roof, no headroom: FLOPs unknown") for line in lines)
    assert not any("unknown bound" in line for line in lines)


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_long_names_give_way_to_figures(decode: RooflineReport, width: int) -> None:
    ops = [
        replace(op, op=f"void cutlass::device_kernel<{'x' * 90}{i}>", kind="kernel") for i, op in enumerate(decode.ops)
    ]
    lines = screen(replace(decode, ops=ops), width)
    assert max(map(len, lines)) <= width
    target = lines.index(next(line for line in lines if line.startswith("the same ops on")))
    for line in lines[target + 2 : target + 2 + TARGET_ROWS]:
        assert "…" in line.split("  ")[0]
        assert "…" not in line.split("  ", 1)[1]


def test_a_sum_of_chosen_ops_is_no_layers(decode: RooflineReport) -> None:
    out = io.StringIO()
    print_answers(decode, answers_of(decode), out, 120, chosen=True)
    assert "of the ops chosen" in out.getvalue()
    assert "a layer   " not in out.getvalue()


def missing(column: str, report: str = "r") -> Finding:
    metric = f"sm__{column}.sum"
    return Finding(
        "counter-missing", Severity.WARNING, f"{column} unknown", "long", report=report,
        values={"column": column, "what": column, "metrics": [metric]},
    )  # fmt: skip


def test_a_missing_counter_is_collected_as_the_report_was() -> None:
    notes = Notes((missing("tensor_tf32_flop_count"), missing("tensor_int8_flop_count")), (), ())
    text = "\n".join(summary_lines(notes, 80, {"r"}))
    assert "1 to act on" in text
    assert "roofprof capture --groups tf32,int8" in text
    foreign = "\n".join(summary_lines(notes, None))
    assert "ncu --metrics sm__tensor_tf32_flop_count.sum,sm__tensor_int8_flop_count.sum" in foreign
    assert max(map(len, summary_lines(notes, 80))) <= 80


def test_notes_of_a_kind_are_one_line_with_a_count() -> None:
    notes = [Finding("padding", Severity.INFO, f"padded {i}x", op=f"op{i}") for i in range(9)]
    (line,) = finding_lines(notes, verbose=True)
    assert line == "info [padding] op0: padded 0x (and 8 more)"


@pytest.mark.parametrize("width", [80, 120])
def test_names_are_whole_where_nothing_needs_their_room(decode: RooflineReport, width: int) -> None:
    long = [f"reduce_tiles_of_the_{word}_operand_{'x' * 6}" for word in ("first", "second")]
    ops = [replace(op, op=name, kind="kernel") for op, name in zip(unplaced(decode).ops, long, strict=False)]
    lines = screen(replace(decode, ops=ops), width)
    assert all(any(f" {name} " in line for line in lines) for name in long)


def test_what_to_try_is_whole_and_the_name_gives_way(decode: RooflineReport) -> None:
    ops = [replace(op, op=f"{'n' * 60}{i}", kind="kernel") for i, op in enumerate(decode.ops)]
    tries = [line for line in screen(replace(decode, ops=ops), 80) if line.startswith("  try, ")]
    whole = {row.reason.attempt for answer in answers_of(decode) for row in answer.rows}
    assert tries
    assert all(line.split(": ", 1)[1] in whole for line in tries)


def test_each_case_is_called_by_its_own_gpu(decode: RooflineReport) -> None:
    bare = [replace(op, report="a.ncu-rep", phase=None, batch=None, seq_len=None, cache=None) for op in decode.ops]
    other = [replace(op, report="b.ncu-rep", measured_on=replace(op.measured_on, gpu="l40s")) for op in bare]
    ops = [*bare, *other]
    heads = [line for line in screen(replace(decode, ops=ops), 120) if ".ncu-rep" in line]
    assert ["H100 SXM5 80 GB" in heads[0], "L40S 48 GB" in heads[1]] == [True, True]
    titles = [axes.get_title(loc="left") for axes in draw_roofline(replace(decode, ops=ops)).axes]
    assert any("on L40S 48 GB (measured)" in title for title in titles)


def test_rows_of_single_launches_have_no_median(decode: RooflineReport) -> None:
    ops = [replace(op, kind="kernel", calls=1) for op in decode.ops]
    assert "each row is one launch of a kernel" in "\n".join(screen(replace(decode, ops=ops), 120))
    untimed = [replace(op, duration_ns=None, nsys_union_ns=None) for op in ops]
    assert not any(line.startswith("time: ") for line in screen(replace(decode, ops=untimed), 120))


def test_one_of_a_thing_is_no_plural() -> None:
    note = Finding("kernel-code", Severity.INFO, "m")
    assert next(summary_lines(Notes((), (), (note,)))) == "findings: 0 to act on, 0 doubtful, 1 note (--explain)"
    assert list(finding_lines([note])) == ["1 explanation (kernel-code 1): shown with --explain, and in --json"]


def test_a_least_time_under_a_picosecond_or_nanosecond_has_no_exponent(decode: RooflineReport) -> None:
    op = replace(
        decode.ops[0], formula=None, dram_bytes=300.0, flop_count=0.0, flop_by_pipe={"fp32": 0.0}, kernels=[],
        findings=[], measured_on=replace(decode.ops[0].measured_on, bound="memory"),
    )  # fmt: skip
    text = "\n".join(screen(replace(decode, ops=[op], ceilings=None), 100))
    assert "< 0.001" in text
    assert " ps" in text
    assert "e-" not in text
