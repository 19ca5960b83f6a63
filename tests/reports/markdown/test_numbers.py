"""Every number in the Markdown is one of report.json, or comes out of those by a sum that this file does again."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roofprof.document.claims import check_claims
from roofprof.formatting import format_number, format_percent, format_si
from roofprof.formulas.dimensions import EXPERTS, TOP_K
from roofprof.formulas.layer import RECIPES, LayerCase, layer_ops
from roofprof.formulas.models import FORMULAS, evaluate
from roofprof.hardware.devices import bundled_gpus
from roofprof.hardware.roofline import Roofs, place
from roofprof.pipeline.analyze import AnalyzeRequest, analyze_files
from roofprof.reports.markdown.report import render_markdown
from roofprof.results.report import RooflineReport

UNIT = r"(?: (?:[EPTGMkmµn]?(?:FLOP/s|B/s|B|s|Hz)|%)(?![\w/])|x(?!\w))?"
NUMBER = re.compile(rf"(?<![\w.,&#])(?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d+)(?:\.\d+)?(?:e[+-]?\d+)?{UNIT}")
SAID = {"60 %", "70 %", "15 %", "5.00 µs", "25 %", "1", "128", "1024", "10.0"}
"""Of the text itself: thresholds, the reference document's cases, the compute capability that FP4 needs."""
FORMULA_BATCHES = (1, 16, 64, 128)


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


def add_sums(allowed: Allowed, document: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Sums over one case, and shares of them."""
    ops = one_layer([op for op in rows if op["op"] != "lm_head"])
    known = [op for op in ops if op["measured_on"]["bound"] and time(op)]
    whole = math.fsum(time(op) for op in known)
    minimum = math.fsum(target_time(op, document["target"]) for op in ops if op["bound"])
    allowed.value("sum_ns", whole)
    allowed.value("sum_ns", minimum)
    allowed.value("sum_ns", math.fsum(op["headroom_ns"] or 0 for op in known))
    for bound in ("memory", "compute", "latency"):
        own = math.fsum(time(op) for op in known if op["measured_on"]["bound"] == bound)
        allowed.value("sum_ns", own)
        allowed.value("share", own / whole)
        allowed.value(
            "share", math.fsum(target_time(o, document["target"]) for o in ops if o["bound"] == bound) / minimum
        )
    for op in known:
        allowed.value("share", time(op) / whole)
    gemms = [op for op in known if op["formula"] and op["formula"]["name"] in ("gemm", "moe_gemm")]
    allowed.value("share", math.fsum(time(op) for op in gemms) / whole)
    short = [time(op) for op in known if any(f["kind"] == "launch-bound" for f in op["findings"])]
    allowed.value("sum_ns", math.fsum(short))
    allowed.value("share", math.fsum(short) / whole)
    for key in ("nsys_projected_ns", "graph_projected_ns"):
        if all(op[key] is not None for op in ops):
            allowed.value("sum_ns", math.fsum(op[key] for op in ops))
    phase, batch, length = (rows[0][k] for k in ("phase", "batch", "seq_len"))
    if batch:
        allowed.value("token_ns", whole / (batch if phase == "decode" else batch * length))
    flops, traffic = (math.fsum(op[k] for op in ops) for k in ("flop_count", "dram_bytes"))
    allowed.value("ai", flops / traffic)


def one_layer(ops: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each op once: of several implementations the first."""
    first: dict[tuple[str, ...], str | None] = {}
    return [
        op
        for op in ops
        if not op["implementation"]
        or first.setdefault((op["op"], *op["nvtx_path"][:-1]), op["implementation"]) == op["implementation"]
    ]


def add_op(allowed: Allowed, document: dict[str, Any], op: dict[str, Any]) -> None:
    """What the opportunities derive from one op: the intermediate that fusing saves, the time of re-reads."""
    formula = op["formula"]
    for size in evaluate(formula["name"], formula["shape"]).reads.values() if formula else ():
        for factor in (1, 2):
            allowed.value("saved_bytes", factor * size)
    for finding in op["findings"]:
        extra = finding["values"].get("extra_read_bytes")
        allowed.value("ns_ns", extra / document["gpu"]["dram_bytes_per_s"] * 1e9 if extra else None)


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
    text = re.sub(r"^FLOPs = .* = |^Bytes: .*$|^Performance.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"`[^`\n]*`|&#\d+;", "", text.replace("```", ""))
    text = re.sub(r"\b(?:FP|BF|TF|INT)\d+\b|^#+ .*$", "", text, flags=re.MULTILINE)
    return [match.strip() for match in NUMBER.findall(text)]


def everything(document: dict[str, Any]) -> Allowed:
    allowed = allowed_for(document)
    for rows in cases(document):
        add_sums(allowed, document, rows)
        add_formulas(allowed, document, rows)
    for op in document["ops"]:
        add_op(allowed, document, op)
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
