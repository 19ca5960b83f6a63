"""Every number in the Markdown is one of report.json, or comes out of those by a sum that this file does again."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roofprof.advice.answer import answers_of
from roofprof.advice.causes import cause_of
from roofprof.document.claims import check_claims
from roofprof.findings import KINDS
from roofprof.formatting import format_number, format_percent, format_si
from roofprof.formulas.dimensions import EXPERTS, TOP_K
from roofprof.formulas.layer import RECIPES, LayerCase, layer_ops
from roofprof.formulas.models import FORMULAS, evaluate
from roofprof.hardware.devices import DeviceSpec, bundled_gpus
from roofprof.hardware.roofline import Roofs, place
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.reports.markdown.report import render_markdown
from roofprof.results.report import RooflineReport

UNIT = r"(?: (?:[EPTGMkmµn]?(?:FLOP/s|B/s|B|s|Hz)|%)(?![\w/])|x(?!\w))?"
NUMBER = re.compile(rf"(?<![\w.,&#])(?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d+)(?:\.\d+)?(?:e[+-]?\d+)?{UNIT}")
SAID = {"60 %", "70 %", "15 %", "5.00 µs", "1 %", "1", "128", "1024", "10.0"}
"""Of the text itself: thresholds, the reference document's cases, the compute capability that FP4 needs."""
FORMULA_BATCHES = (1, 16, 64, 128)
FUSED = (
    ("input_layernorm", "quant_fused_qkv_a_proj"), ("q_a_layernorm", "quant_q_b_proj"), ("rope", "kv_write"),
    ("attn_mqa", "quant_attn_w_vc"), ("attn_mha", "quant_o_proj"), ("attn_w_vc", "quant_o_proj"),
    ("kv_a_layernorm", "quant_kv_b_proj"), ("post_attention_layernorm", "quant_shared_gate_up"),
    ("post_attention_layernorm", "quant_moe_gate_up"), ("shared_gate_up", "shared_silu_and_mul"),
    ("moe_gate_up", "moe_silu_and_mul"), ("shared_silu_and_mul", "quant_shared_down"),
    ("moe_silu_and_mul", "quant_moe_down"), ("quant_moe_gate_up", "moe_permute"), ("moe_combine", "moe_add_shared"),
)  # fmt: skip
"""Neighbours of the layer: the second reads what the first writes."""


def spellings(key: str, value: float) -> Iterator[str]:
    """How a value may be written, by what its key says that it is."""
    if key.endswith("_ns"):
        yield format_si(value / 1e9, "s")
    elif key.endswith("_hz"):
        yield format_si(value, "Hz")
    elif key.endswith("_per_s") or "peak_flop_per_s" in key:
        yield from (format_si(value, unit) for unit in ("FLOP/s", "B/s"))
    elif key.endswith("bytes"):
        yield from (format_si(value, "B"), f"{value:,.0f}", f"{value:,.10g}")
    elif "ratio" in key or "growth" in key:
        yield from (f"{format_number(value)}x", format_number(value))
    elif "fraction" in key or "share" in key or "occupancy" in key:
        yield format_percent(value)
    else:
        yield from (format_number(value), format_number(value, 4), f"{value:,.0f}", f"{value:,.10g}", f"{value:.0f}")


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, float | str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, key if key == "peak_flop_per_s" else name)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, key)
    elif isinstance(value, int | float | str) and not isinstance(value, bool):
        yield key, value


class Allowed(set[str]):
    """Spellings of every value that the text may hold."""

    def value(self, key: str, value: float | None) -> None:
        if value is not None:
            self.update(spellings(key, value))

    def text(self, text: str) -> None:
        self.update(NUMBER.findall(text))


def allowed_for(document: dict[str, Any]) -> Allowed:
    allowed = Allowed(SAID)
    for key, value in leaves(document):
        if isinstance(value, str):
            allowed.text(value)
        else:
            allowed.value(key, value)
    allowed.update(str(count) for count in range(len(document["ops"]) + 1))
    allowed.update(str(b) for b in FORMULA_BATCHES)
    for severity in ("warning", "doubtful", "info"):
        allowed.add(str(sum(f["severity"] == severity for f in document["findings"])))
    gpus: list[dict[str, Any]] = [document["gpu"], document["target"], *(s.as_dict() for s in bundled_gpus().values())]
    for gpu in gpus:
        for peak in gpu["peak_flop_per_s"].values():
            allowed.value("peak_flop_per_s", peak)
            allowed.value("ridge", peak / gpu["dram_bytes_per_s"])
        allowed.text(gpu["source"])
    for kind in KINDS.values():
        allowed.text(kind.meaning)
    for formula in FORMULAS.values():
        allowed.text(formula.__doc__ or "")
    return allowed


def cases(document: dict[str, Any]) -> list[list[dict[str, Any]]]:
    groups: dict[Any, list[dict[str, Any]]] = {}
    for op in document["ops"]:
        groups.setdefault(tuple(op[k] for k in ("report", "phase", "batch", "seq_len", "cache")), []).append(op)
    return list(groups.values())


def time(op: dict[str, Any]) -> float:
    return op["nsys_union_ns"] if op["time_source"] == "nsys" else op["duration_ns"]  # type: ignore[no-any-return]


def target_time(op: dict[str, Any], target: dict[str, Any]) -> float:
    if op["attainable_flop_per_s"] and op["flop_count"]:
        return op["flop_count"] / op["attainable_flop_per_s"] * 1e9  # type: ignore[no-any-return]
    return op["dram_bytes"] / target["dram_bytes_per_s"] * 1e9  # type: ignore[no-any-return]


def add_sums(allowed: Allowed, document: dict[str, Any], rows: list[dict[str, Any]], causes: dict[int, str]) -> None:
    """Sums over one case, and shares of them."""
    ops = one_layer([op for op in rows if op["op"] != "lm_head"])
    known = [op for op in ops if time(op)]
    whole = math.fsum(time(op) for op in known)
    minimum = math.fsum(target_time(op, document["target"]) for op in ops if op["bound"])
    headroom = math.fsum(op["headroom_ns"] or 0 for op in known)
    allowed.value("sum_ns", whole)
    allowed.value("sum_ns", headroom)
    allowed.value("share", headroom / whole)
    for group in groups_of_time(known, causes):
        allowed.value("sum_ns", math.fsum(map(time, group)))
        allowed.value("share", math.fsum(map(time, group)) / whole)
    for bound in ("memory", "compute"):
        least = [target_time(o, document["target"]) for o in ops if o["bound"] == bound]
        allowed.value("share", math.fsum(least) / minimum)
    for op in known:
        allowed.value("share", time(op) / whole)
    gemms = [op for op in known if op["formula"] and op["formula"]["name"] in ("gemm", "moe_gemm")]
    allowed.value("share", math.fsum(time(op) for op in gemms) / whole)
    for key in ("nsys_projected_ns", "graph_projected_ns"):
        if all(op[key] is not None for op in ops):
            allowed.value("sum_ns", math.fsum(op[key] for op in ops))
    phase, batch, length = (rows[0][k] for k in ("phase", "batch", "seq_len"))
    if batch:
        allowed.value("token_ns", whole / (batch if phase == "decode" else batch * length))
    flops, traffic = (math.fsum(op[k] for op in ops) for k in ("flop_count", "dram_bytes"))
    allowed.value("ai", flops / traffic)
    add_fusions(allowed, document, ops, whole)
    add_least(allowed, document, ops)


def groups_of_time(ops: list[dict[str, Any]], causes: dict[int, str]) -> list[list[dict[str, Any]]]:
    """By bound; and by cause, of which latency has several."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for op in ops:
        for name in {f"bound {op['measured_on']['bound']}", f"cause {causes[id(op)]}"}:
            groups.setdefault(name, []).append(op)
        if any(f["kind"] == "launch-bound" for f in op["findings"]):
            groups.setdefault("launch-bound", []).append(op)
    return list(groups.values())


def add_fusions(allowed: Allowed, document: dict[str, Any], ops: list[dict[str, Any]], whole: float) -> None:
    """What fusing every pair of neighbours saves: the launches of the second ones, at the launch floor."""
    floor = ((document.get("ceilings") or {}).get("launch_floor_ns") or {}).get("graph")
    names = {op["op"]: op for op in reversed(ops)}
    pairs = [(first, second) for first, second in FUSED if first in names and second in names]
    launches = sum(len(names[second]["kernels"]) for second in {second for _, second in pairs})
    allowed.update((str(len(pairs)), str(len(pairs) - 4), str(launches)))
    if floor:
        allowed.value("floor_ns", floor)
        allowed.value("sum_ns", floor * launches)
        allowed.value("share", floor * launches / whole)


def add_least(allowed: Allowed, document: dict[str, Any], ops: list[dict[str, Any]]) -> None:
    """The layer on the target: useful FLOPs where there is a formula, measured bytes, and the launch floor."""
    target = RooflineReport.from_dict(document).target
    floor = ((document.get("ceilings") or {}).get("launch_floor_ns") or {}).get("graph") or 0.0
    times: dict[str, float] = {}
    for op in ops:
        work = {op["formula"]["pipe"]: op["formula"]["flop_count"]} if op["formula"] else op["flop_by_pipe"]
        placed = place(work, op["dram_bytes"], Roofs.of(target))
        if placed.bound_time_s is not None:
            roof, launches = placed.bound_time_s * 1e9, floor * len(op["kernels"])
            bound = "launch" if roof < launches else str(placed.bound)
            times[bound] = times.get(bound, 0.0) + max(roof, launches)
    allowed.value("sum_ns", sum(times.values()))
    for own in times.values():
        allowed.value("share", own / sum(times.values()))


def add_target(allowed: Allowed, target: DeviceSpec, op: dict[str, Any]) -> None:
    """Attainable from useful FLOPs and measured bytes."""
    work = {op["formula"]["pipe"]: op["formula"]["flop_count"]} if op["formula"] else op["flop_by_pipe"]
    allowed.value("attainable_flop_per_s", place(work, op["dram_bytes"], Roofs.of(target)).attainable_flop_per_s)


def add_reason(allowed: Allowed, document: dict[str, Any], op: dict[str, Any]) -> None:
    """What a reason may say of an op: bandwidth beside its roof, kernels, their times, what its findings counted."""
    achieved = op["measured_on"]["achieved_dram_bytes_per_s"]
    ceilings = document.get("ceilings") or {"dram_bytes_per_s": {}}
    for roof in (*ceilings["dram_bytes_per_s"].values(), document["gpu"]["dram_bytes_per_s"]):
        allowed.value("dram_bytes_per_s", roof)
        if achieved:
            allowed.add(format_number(achieved / (roof / float(format_si(roof, "B/s").split()[0]))))
    kernels = len(op["kernels"])
    allowed.add(str(kernels))
    allowed.add(f"{(time(op) or 0) / kernels / 1e3:.1f} µs")
    own = [
        k["duration_ns"] for k in document["kernels"] if k["report"] == op["report"] and k["launch_id"] in op["kernels"]
    ]
    if own and all(own):
        allowed.value("share", max(own) / math.fsum(own))
    for finding in op["findings"]:
        values = finding["values"]
        if values.get("filled") is not None:
            allowed.value("share", values["filled"])
            allowed.value("share", 1 - values["filled"])
        if values.get("stored_bytes") is not None and values.get("compulsory_write_bytes") is not None:
            allowed.value("more_bytes", values["stored_bytes"] - values["compulsory_write_bytes"])


def one_layer(ops: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each op once: of several implementations the first."""
    first: dict[tuple[str, ...], str | None] = {}
    return [
        op
        for op in ops
        if not op["implementation"]
        or first.setdefault((op["op"], *op["nvtx_path"][:-1]), op["implementation"]) == op["implementation"]
    ]


def causes_of(document: dict[str, Any]) -> dict[int, str]:
    """What holds each op, which tests/roofprof/advice checks: here only its sums are done again."""
    report = RooflineReport.from_dict(document)
    rows = {id(row.op): row for answer in answers_of(report, every=True) for row in answer.rows}
    return {id(plain): cause_of(op, rows[id(op)].reason) for plain, op in zip(document["ops"], report.ops, strict=True)}


def add_growth(allowed: Allowed, document: dict[str, Any]) -> None:
    """AI of an op in one case over that in another; squares of the lengths; FLOPs of attention."""
    by_op: dict[str, list[dict[str, Any]]] = {}
    for op in document["ops"]:
        by_op.setdefault(op["op"], []).append(op)
    for ops in by_op.values():
        for a in ops:
            for b in ops:
                if a["phase"] == b["phase"] and a["arithmetic_intensity"] and b["arithmetic_intensity"]:
                    allowed.value("growth", a["arithmetic_intensity"] / b["arithmetic_intensity"])
                    useful = [o["formula"]["flop_count"] / o["dram_bytes"] for o in (a, b) if o["formula"]]
                    allowed.value("growth", useful[0] / useful[1] if len(useful) == 2 and useful[1] else None)
                    ours = [o["formula"]["arithmetic_intensity"] for o in (a, b) if o["formula"]]
                    allowed.value("growth", ours[0] / ours[1] if len(ours) == 2 else None)
                    if a["formula"] and a["formula"]["name"] == "mha_causal":
                        allowed.value("growth", a["flop_count"] / b["flop_count"])
                        allowed.value("growth", (a["seq_len"] / b["seq_len"]) ** 2)


def add_formulas(allowed: Allowed, document: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """What stands in rows marked formula: the document's kernels at the case's tokens, ops at other batches."""
    target = RooflineReport.from_dict(document).target
    phase, batch, length = (rows[0][k] for k in ("phase", "batch", "seq_len"))
    tokens = 128 if batch is None else batch if phase == "decode" else batch * length
    kernels = [LayerCase("decode", t, length or 4096, RECIPES[r]) for t in (tokens, batch or 1, min(tokens, 16))
             for r in ("nvfp4", "bf16")]  # fmt: skip
    kernels += [LayerCase("prefill", 1, tokens, RECIPES[r]) for r in ("nvfp4", "bf16")]
    works = [spec for case in kernels for spec in layer_ops(case)]
    topk = evaluate("topk_ungrouped", {"m": tokens})
    for work in (*(spec.work for spec in works), topk):
        placed = place({work.pipe: work.flop_count}, work.dram_bytes, Roofs.of(target))
        allowed.value("ai", work.arithmetic_intensity)
        allowed.value("attainable_flop_per_s", placed.attainable_flop_per_s)
    for op in rows:
        shape = dict(op["formula"]["shape"]) if op["formula"] else {}
        for wanted in FORMULA_BATCHES if phase == "decode" and shape else ():
            scaled = {k: v * wanted // batch if k in "mbr" else v for k, v in shape.items()}
            if "e" in scaled:
                scaled["e"] = EXPERTS * (1 - (1 - TOP_K / EXPERTS) ** wanted)
            allowed.value("ai", evaluate(op["formula"]["name"], scaled).arithmetic_intensity)


def add_claims(allowed: Allowed, document: dict[str, Any]) -> None:
    target = RooflineReport.from_dict(document).target
    for claim in check_claims(target):
        allowed.text(claim.verdict)
        for key in ("claimed_arithmetic_intensity", "arithmetic_intensity", "m", "claimed_attainable_flop_per_s",
                    "attainable_flop_per_s"):  # fmt: skip
            allowed.value(key, getattr(claim, key))


def numbers_of(text: str) -> list[str]:
    """Every number with its unit; names in code spans and worked expressions apart."""
    text = re.sub(r"^FLOPs = .* = |^Bytes = .* = |^Performance.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\]\([^)]*\)|^```bash.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`|&#\d+;", "", text.replace("```", ""))
    text = re.sub(r"\b(?:FP|BF|TF|INT)\d+\b|^#+ .*$", "", text, flags=re.MULTILINE)
    return [match.strip() for match in NUMBER.findall(text)]


def everything(document: dict[str, Any]) -> Allowed:
    allowed = allowed_for(document)
    causes, target = causes_of(document), RooflineReport.from_dict(document).target
    for rows in cases(document):
        add_sums(allowed, document, rows, causes)
        add_formulas(allowed, document, rows)
    for op in document["ops"]:
        add_reason(allowed, document, op)
        add_target(allowed, target, op)
    add_growth(allowed, document)
    add_claims(allowed, document)
    return allowed


@pytest.mark.parametrize("name", ["decode", "layers", "timed", "calibration", "capture"])
def test_every_number_is_found(request, analyzed, name: str) -> None:  # type: ignore[no-untyped-def]
    report = _report(request, analyzed, name)
    allowed = everything(json.loads(report.to_json()))
    found = numbers_of(render_markdown([report]))
    assert len(found) > 200
    assert sorted({number for number in found if number not in allowed}) == []


def test_a_wrong_number_would_be_seen(decode: RooflineReport) -> None:
    allowed = everything(json.loads(decode.to_json()))
    measured = {n for n in numbers_of(render_markdown([decode])) if n.endswith("s") and "." in n}
    wrong = {re.sub(r"\d(?=\D*$)", lambda m: str((int(m[0]) + 5) % 10), n) for n in measured}
    assert sum(n in allowed for n in wrong) < 0.25 * len(wrong)
    assert numbers_of("| `q_b_proj` | 12.3 µs | 45 % | 2.00x | 1.23 TB/s |") == [
        "12.3 µs",
        "45 %",
        "2.00x",
        "1.23 TB/s",
    ]


def _report(request, analyzed, name: str) -> RooflineReport:  # type: ignore[no-untyped-def]
    if name == "calibration":
        return analyzed("h100-calibration-cold.ncu-rep")  # type: ignore[no-any-return]
    data: Path = request.getfixturevalue("data")
    if name == "capture":
        return analyze_files(AnalyzeRequest([data / "h100-fp8"]))
    if name == "timed":
        bundled = "h100-decode-b64-s4096"
        path = data / f"{bundled}.ncu-rep"
        return analyze_files(AnalyzeRequest([path], ops=bundled, timeline=[data / f"{bundled}.sqlite"]))
    return request.getfixturevalue(name)  # type: ignore[no-any-return]
