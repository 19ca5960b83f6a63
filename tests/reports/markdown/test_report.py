"""The Markdown document: its claims follow the data, its names are harmless."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from roofprof.advice.answer import answers_of
from roofprof.document.cases import cases_of
from roofprof.document.claimed_kernels import DOCUMENT_KERNELS
from roofprof.document.sections import build_sections
from roofprof.errors import RoofprofError
from roofprof.findings import KINDS
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.reports.markdown.report import render_markdown, write_markdown
from roofprof.reports.markdown.text import code, percent, prose, seconds, table
from roofprof.results.report import RooflineReport

SECTIONS = (
    "Summary", "Hardware Limits", "Roofline Model", "Kernel Placement", "Arithmetic Intensity Formulas",
    "Bottleneck Analysis", "Scaling Behavior", "Optimization Opportunities", "How to Generate Roofline Plot",
    "Appendix: All Ops", "Appendix: Further Formulas", "Appendix: What the Reference Document Said",
    "Appendix: Findings", "Appendix: Provenance",
)  # fmt: skip


@pytest.fixture(scope="module")
def capture(data: Path) -> RooflineReport:
    return analyze_files(AnalyzeRequest([data / "h100-fp8"]))


def section(text: str, title: str) -> str:
    """The body of a section."""
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """Cells of every table row."""
    return [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]


def test_the_reference_documents_sections_in_its_order(decode: RooflineReport) -> None:
    text = render_markdown([decode])
    assert tuple(re.findall(r"^## (.*)", text, re.MULTILINE)) == SECTIONS
    before, rule, after = text.partition("\n---\n")
    assert rule
    assert "Appendix" not in "".join(re.findall(r"^## .*", before, re.MULTILINE))
    assert after.lstrip().startswith("## Appendix")


def test_four_cases_take_under_350_lines_before_the_appendix(capture: RooflineReport) -> None:
    assert len(cases_of([capture])) == 4
    assert len(render_markdown([capture]).partition("\n---\n")[0].splitlines()) < 350


def test_the_summary_is_the_terminals_answer(capture: RooflineReport) -> None:
    text = section(render_markdown([capture]), "Summary")
    for answer in answers_of(capture, every=True):
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {answer.case.title} |")]
        assert seconds(answer.time_ns) in line
        assert f"{seconds(answer.headroom_ns)} ({percent(answer.reachable)})" in line
        first = next(row for row in answer.rows if row.counted)
        assert f"| `{first.op.op}` | {seconds(first.op.time_ns)} | {percent(first.op.of_roof)} |" in text
        assert first.reason.why in text
        assert str(first.reason.attempt) in text


def test_the_picture_beside_is_linked(decode: RooflineReport, tmp_path: Path) -> None:
    assert "[b1.png](b1.png)" in write_markdown([decode], tmp_path / "b1.md").read_text()
    odd = write_markdown([decode], tmp_path / "a](b) <i>.md").read_text()
    assert "<i>" not in odd
    assert "](b)" not in odd


def test_the_profiled_gpu_and_the_target_never_share_a_table(capture: RooflineReport) -> None:
    text = render_markdown([capture])
    for block in re.split(r"\n(?=#|\*\*|Sentences|Claims|The same)", text):
        tables = [line for line in block.splitlines() if line.startswith("| ")]
        if "(extrapolated)" in block.splitlines()[0]:
            assert not any("`h100`" in line for line in tables)
        else:
            assert not any("`gb200`" in line for line in tables)


def test_no_slug_of_a_finding_stands_in_prose(capture: RooflineReport) -> None:
    text = re.sub(r"\]\([^)]*\)|`[^`]*`", "", render_markdown([capture]))
    for kind in KINDS:
        if kind not in ("spills", "intermediates", "re-reads"):  # words as they are
            assert kind not in text.replace("launch-bound ", "")


def test_links_lead_to_a_heading_of_the_document(capture: RooflineReport) -> None:
    text = render_markdown([capture])
    headings = {
        re.sub("[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-") for line in re.findall("(?m)^#+ (.*)", text)
    }
    links = set(re.findall(r"\]\(#([^)]*)\)", text))
    assert links == {"appendix-findings"} <= headings


@pytest.mark.parametrize("name", ["h100-calibration-cold", "kinds/no-nvtx"])
def test_what_is_no_layer_is_not_compared_with_the_reference_document(analyzed, name: str) -> None:  # type: ignore[no-untyped-def]
    report = analyzed(f"{name}.ncu-rep")
    for placed in build_sections([report]).placements:
        assert not placed.document_rows
        assert len(placed.other_rows) == len(report.ops)
    assert "Nothing measured here can be compared" in render_markdown([report])


def test_all_11_kernels_have_a_row_in_every_case(decode: RooflineReport, layers: RooflineReport) -> None:
    for placed in build_sections([decode, layers]).placements:
        shown = [row.kernel for row in placed.document_rows]
        for kernel in DOCUMENT_KERNELS:
            assert kernel.kernel in shown
        formula = [row for row in placed.document_rows if row.source == "formula"]
        fp4 = [row for row in formula if row.kernel == "cutlass_scaled_fp4_mm"]
        assert len(fp4) == 4
        assert all("cannot run it: it needs compute capability 10.0" in row.reason for row in fp4)
        assert all(row.intensity is None and row.roof_fraction is None for row in formula)
        assert all(row.formula_intensity and row.bound and row.attainable_flop_per_s for row in formula)


def test_measured_rows_are_the_reports(decode: RooflineReport) -> None:
    (placed,) = build_sections([decode]).placements
    measured = [row for row in (*placed.document_rows, *placed.other_rows) if row.source == "measured"]
    assert len(measured) == len(decode.ops)
    assert sorted(r.intensity for r in measured if r.intensity) == sorted(
        op.arithmetic_intensity for op in decode.ops if op.arithmetic_intensity
    )
    assert {row.kernel for row in measured} >= {"bmm_fp8", "rmsnorm", "silu_and_mul", "topk_softmax"}


def test_a_memory_bound_layer_never_gets_a_compute_bound_sentence(decode: RooflineReport) -> None:
    text = section(render_markdown([decode]), "Bottleneck Analysis")
    (case,) = cases_of([decode])
    memory = sum(op.duration_ns or 0 for op in case.layer if op.measured_on.bound == "memory")
    share = memory / sum(op.duration_ns or 0 for op in case.layer)
    assert f"memory-bound on `h100` for {100 * share:.0f} % of the time" in text
    assert "compute" not in text.lower()
    opportunities = section(render_markdown([decode]), "Optimization Opportunities")
    assert "No compute-bound op could save" in opportunities


@pytest.mark.parametrize("bound", ["memory", "compute", "latency"])
def test_the_words_follow_the_bound(made: Callable[..., RooflineReport], bound: str) -> None:
    ratios = {"memory": {"bytes": 1e3}, "compute": {"work": 1e6}, "latency": {"efficiency": 0.1}}[bound]
    report = made([("prefill", 1, 1024)], lambda spec: ratios if spec.work.flop_count else {"efficiency": 0.9})
    text = section(render_markdown([report]), "Bottleneck Analysis")
    words = {"latency": "of the time neither roof of `h100` binds"}
    assert words.get(bound, f"**Overall:** {bound}-bound on `h100` for") in text
    for other in {"memory", "compute", "latency"} - {bound}:
        assert words.get(other, f"{other}-bound on") not in text


def test_an_underfilled_wave_is_called_few_blocks(capture: RooflineReport) -> None:
    text = section(render_markdown([capture]), "Bottleneck Analysis")
    first = text.split("### ")[1]
    (line,) = [line for line in first.splitlines() if line.startswith("- **Few blocks**")]
    assert "`o_proj`" in line
    assert "latency" not in text.lower()


def test_shares_are_sums_of_the_reports_times(layers: RooflineReport) -> None:
    for found in build_sections([layers]).bottlenecks:
        case = found.case
        key = case.phase, case.batch, case.seq_len
        ops = [o for o in layers.ops if (o.phase, o.batch, o.seq_len) == key and o.op != "lm_head"]
        time = math.fsum(op.duration_ns or 0 for op in ops)
        assert found.time_ns == pytest.approx(time)
        assert sum(share.share for share in found.here) == pytest.approx(1)
        for share in found.here:
            own = [op.duration_ns or 0 for op in ops if op.measured_on.bound == share.bound]
            assert share.time_ns == pytest.approx(math.fsum(own))
            assert len(share.ops) == len(own)


def test_the_step_op_stands_apart(layers: RooflineReport) -> None:
    for case in cases_of([layers]):
        assert [op.op for op in case.step_ops] == ["lm_head"]
        assert "lm_head" not in {op.op for op in case.ops}
    assert "`lm_head` runs once per step" in render_markdown([layers])


def test_scaling_states_growth_as_measured(layers: RooflineReport) -> None:
    text = section(render_markdown([layers]), "Scaling Behavior")
    ops = {(op.op, op.batch): op for op in layers.ops if op.phase == "decode"}
    growth = ops["q_b_proj", 128].arithmetic_intensity / ops["q_b_proj", 1].arithmetic_intensity  # type: ignore[operator]
    grows = next(line for line in text.splitlines() if line.startswith("- Measured AI grows from batch 1 to 128"))
    assert f"`q_b_proj` ({growth:.0f}x)" in grows
    stays = next(line for line in text.splitlines() if line.startswith("- Measured AI stays within 15 % from batch 1"))
    assert "`attn_mqa`" in stays
    assert "`q_b_proj`" not in stays
    assert "**Prefill, batch 1, cold cache, on `h100`**" in text
    assert "`lm_head`" not in text


def test_statements_are_checked_against_the_data(layers: RooflineReport, decode: RooflineReport) -> None:
    judged = {s.claim: s for s in build_sections([layers]).statements}
    by_start = {" ".join(claim.split()[:6]): s.verdict for claim, s in judged.items()}
    assert by_start["Decode, batch 1: GEMM kernels dominate"] == "refuted"
    assert by_start["As batch grows, GEMM AI stays"] == "refuted"
    assert by_start["As batch grows, BMM AI increases"] == "confirmed"
    assert by_start["Memory-bound kernels (norms, activations, top-k, rope)"] == "refuted"
    assert by_start["As prefill length grows, attention grows"] == "confirmed"
    assert by_start["MLA decode: memory-bound at low batch,"] == "partly"
    alone = [s.verdict for s in build_sections([decode]).statements]
    assert alone.count("not measured") == 8


def test_a_ceiling_that_was_never_seen_confirms_nothing(
    layers: RooflineReport, made: Callable[..., RooflineReport]
) -> None:
    cases = [("decode", 1, 4096), ("decode", 64, 4096), ("decode", 128, 4096)]
    reached = made(cases, lambda spec: {"work": 1e4, "efficiency": 0.9})
    for report, verdict, words in ((layers, "partly", "was never seen"), (reached, "confirmed", "")):
        (found,) = [s for s in build_sections([report]).statements if "until hitting" in s.claim]
        assert found.verdict == verdict
        assert words in found.measured


def test_one_of_many_is_not_partly(capture: RooflineReport) -> None:
    (found,) = [s for s in build_sections([capture]).statements if "already at hardware" in s.claim]
    assert found.verdict == "not confirmed, 1 of 32"


def test_claims_stand_beside_their_own_kernel_at_their_own_size_alone(capture: RooflineReport) -> None:
    rows = {(r.claim.kernel, r.claim.op, r.claim.m): r for r in build_sections([capture]).claims}
    assert rows["dsv3_fused_a_gemm", "fused_qkv_a_proj", 16].op is None
    assert rows["topk_softmax", "topk_softmax", 128].op is None
    for row in rows.values():
        if row.op is not None and row.case is not None:
            assert row.case.tokens == row.claim.m
            assert row.claim.kernel in ("bmm_fp8", "rmsnorm", "silu_and_mul")
    assert rows["bmm_fp8", "q_nope_w_kc", 128].op is not None


def test_opportunities_are_worth_a_hundredth_and_ranked_by_it(capture: RooflineReport) -> None:
    text = section(render_markdown([capture]), "Optimization Opportunities")
    worth = {
        (row.op.op, row.op.measured_on.bound)
        for answer in answers_of(capture, every=True)
        for row in answer.rows
        if row.counted and row.op.headroom_ns and row.op.headroom_ns >= 0.01 * (answer.time_ns or 0)
    }
    bounds = ("compute", "memory", "latency")
    listed = [
        (line.split("`")[1], bound)
        for bound, part in zip(bounds, text.split("### Mixed")[0].split("### ")[1:], strict=True)
        for line in part.splitlines()
        if line.startswith("| `")
    ]
    assert len(listed) == len(set(listed))
    assert set(listed) == worth
    assert not re.search(r"\d ns ", text.replace("845 ns", ""))  # the launch floor


def test_fusion_bytes_are_twice_the_intermediate(layers: RooflineReport) -> None:
    found = next(o for o in build_sections([layers]).opportunities if o.case.batch == 64)
    assert found.fusion_ns is None  # no launch floor was measured
    by_second = {(f.first.op, f.second.op): f for f in found.fusions}
    silu = by_second["shared_silu_and_mul", "quant_shared_down"]
    assert (silu.saved_bytes, silu.kept) == (2 * 2 * 64 * 2048, None)
    assert by_second["moe_combine", "moe_add_shared"].saved_bytes == 2 * 2 * 64 * 7168
    norm = by_second["post_attention_layernorm", "quant_moe_gate_up"]
    assert (norm.saved_bytes, norm.kept) == (2 * 64 * 7168, "router_gemm")


def test_a_report_without_ranges_is_about_its_kernels(analyzed) -> None:  # type: ignore[no-untyped-def]
    text = render_markdown([analyzed("kinds/no-nvtx.ncu-rep")])
    assert "Each row is a kernel, its median launch" in text
    assert "9 launches lie in no range" in text
    assert "memory-bound" in section(text, "Bottleneck Analysis")


def test_kernels_among_ops_are_marked(analyzed) -> None:  # type: ignore[no-untyped-def]
    text = section(render_markdown([analyzed("kinds/odd-names.ncu-rep")]), "Kernel Placement")
    assert text.count("| `◦ ") + text.count("| ◦") == 1


@pytest.mark.parametrize("kind", ["default-set", "graph-whole", "time-only", "app-replay", "range-replay"])
def test_every_kind_of_report_makes_a_document(analyzed, kind: str) -> None:  # type: ignore[no-untyped-def]
    text = render_markdown([analyzed(f"kinds/{kind}.ncu-rep")])
    assert "None" not in text
    assert not re.search(r"\bnan\b", text)


def test_two_reports_side_by_side(decode: RooflineReport, layers: RooflineReport) -> None:
    text = render_markdown([layers, decode])
    assert "Decode, batch 64, KV length 4096, cold cache, made/cold" in text
    assert "h100-decode-b64-s4096.ncu-rep" in text


def test_hostile_names_stay_text(analyzed) -> None:  # type: ignore[no-untyped-def]
    text = render_markdown([analyzed("kinds/odd-names.ncu-rep")])
    assert not re.search(r"<(?!/?code)", text.replace("←", ""))
    assert "\x1b" not in text
    assert not [c for c in text if ord(c) < 32 and c != "\n"]
    for line in text.splitlines():
        if line.startswith("| "):
            assert line.endswith(" |")
    tables = re.split(r"\n(?!\|)", text)
    for block in tables:
        counts = {line.count("|") for line in block.splitlines() if line.startswith("|")}
        assert len(counts) <= 1, block
    assert "&#60;script&#62;" in text


def test_ops_whose_long_names_are_shown_alike_keep_their_rows(decode: RooflineReport) -> None:
    first, second = (replace(op, op=f"{'x' * 60}{end}{'y' * 60}") for op, end in zip(decode.ops[:2], "ab", strict=True))
    report = replace(decode, ops=[first, second])
    assert code(first.op) == code(second.op)
    text = section(render_markdown([report]), "Appendix: All Ops")
    assert text.count(f"| {code(first.op)}") == 2


HOSTILE = ("<script>x</script>", "a|b", "`x`", "\x1b[31mred", "=1+1", "[a](http://x)", "line\nbreak", "")


def test_hostile_names_in_every_section(made: Callable[..., RooflineReport]) -> None:
    report = made([("decode", 1, 4096), ("decode", 64, 4096)], lambda _: {"efficiency": 0.05})
    ops = [replace(op, implementation=HOSTILE[i % len(HOSTILE)], report="<i>|r") for i, op in enumerate(report.ops)]
    origin = {
        "name": "<i>|r",
        "devices": {"0": {"device_name": "<img src=x>"}},
        "capture": {"versions": {"a|b": "<b>"}},
    }
    notes = ["<b>note</b> | [x](y)"]
    text = render_markdown([replace(report, ops=ops, reports=[origin], notes=notes)])
    assert not re.search(r"<[a-z/]", text)
    assert not [c for c in text if ord(c) < 32 and c != "\n"]
    assert set(re.findall(r"\]\((?!docs/findings\.md#|roofline\.png)", text)) == set()
    for block in re.split(r"\n(?!\|)", text):
        assert len({line.count("|") for line in block.splitlines() if line.startswith("|")}) <= 1, block
    assert "&#60;img src=x&#62;" in text


def test_a_markdown_reader_sees_no_markup_in_names(analyzed, layers: RooflineReport) -> None:  # type: ignore[no-untyped-def]
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    for report in (analyzed("kinds/odd-names.ncu-rep"), layers):
        tokens = reader.parse(render_markdown([report]))
        inline = [child for token in tokens for child in token.children or ()]
        kinds = {token.type for token in (*tokens, *inline)}
        assert not kinds & {"html_inline", "html_block", "image", "s_open"}
        links = {str(token.attrs["href"]) for token in inline if token.type == "link_open"}
        assert all(link == "#appendix-findings" for link in links - {"roofline.png"})
        assert "table_open" in kinds


def test_a_capture_says_when_and_with_which_versions(capture: RooflineReport) -> None:
    text = render_markdown([RooflineReport.from_dict(json.loads(capture.to_json()))])
    origin = section(text, "Appendix: Provenance")
    assert "2026-11-22T14:24:18+00:00 | cold | nsys, `decode-eager.sqlite` | 513 | 1 |" in origin
    assert "torch 2.11.0" in origin
    assert "driver 580.159.04" in origin
    scaling = section(text, "Scaling Behavior")
    padded = next(line for line in scaling.splitlines() if "for tiles are padded" in line)
    assert "`o_proj` (126x, work ratio 129x to 1.01x)" in padded
    statements = section(text, "Appendix: What the Reference Document Said")
    assert "**confirmed**" in next(line for line in statements.splitlines() if "BMM AI increases" in line)
    assert "**refuted**" in next(line for line in statements.splitlines() if "GEMM AI stays" in line)


@pytest.mark.parametrize(
    "name", ["a|b", "`x`", "<b>", "[a](http://x)", "![i](x)", "*a*", "__a__", "a\nb", "\x1b[0m", "&lt;", "", " ", "\\|"]
)
def test_no_name_breaks_out(name: str) -> None:
    for shown in (code(name), prose(name)):
        bare = re.sub(r"&#\d+;", "", shown)
        if bare.startswith("`") and bare.endswith("`"):
            assert not set(bare[1:-1]) & set("`|<>&\\\n")
        else:
            assert not set(bare) & set("`|<>*[]\\\n&")
    assert table(["x"], [[code(name)]])[2].count("|") == 2


def test_a_folder_that_cannot_be_written(decode: RooflineReport, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RoofprofError, match="cannot write"):
        write_markdown([decode], tmp_path / "file" / "x.md")
