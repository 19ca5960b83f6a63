"""`roofprof ops` and `roofprof gpus`: the formula side, without a report."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roofprof.errors import UsageError

if TYPE_CHECKING:
    from roofprof.formulas.layer import LayerCase


def ops(
    phase: Annotated[str, typer.Option(help="decode, prefill or all.")] = "decode",
    batch: Annotated[str, typer.Option(help="Decode: sequences; several as 1,64,128.")] = "64",
    seq_len: Annotated[int, typer.Option(help="Decode: KV length.")] = 4096,
    prefill_batch: Annotated[int, typer.Option(help="Prefill: sequences.")] = 1,
    prefill_len: Annotated[int, typer.Option(help="Prefill: new tokens a sequence.")] = 1024,
    prefix_len: Annotated[int, typer.Option(help="Prefill: cached tokens before the new ones.")] = 0,
    layer: Annotated[str, typer.Option(help="moe or dense.")] = "moe",
    recipe: Annotated[str, typer.Option(help="Precisions: nvfp4, nvfp4-v2, fp8 or bf16.")] = "nvfp4-v2",
    tp: Annotated[int, typer.Option(help="Tensor-parallel degree.")] = 1,
    ep: Annotated[int, typer.Option(help="Expert-parallel degree.")] = 1,
    experts_hit: Annotated[int | None, typer.Option(help="Experts hit, if counted; expected otherwise.")] = None,
    gpu: Annotated[str, typer.Option(help="GPU whose roofs to use: a name or a TOML file.")] = "gb200",
    only: Annotated[str | None, typer.Option(help="Keep ops whose name matches this regular expression.")] = None,
    sort: Annotated[str, typer.Option(help="Order: order, time, bytes, flop, ai or name.")] = "order",
    top: Annotated[int | None, typer.Option(min=1, help="Show only the first N rows.")] = None,
    seed_claims: Annotated[bool, typer.Option("--seed-claims", help="The seed document's claims, judged.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print the layer op by op: FLOPs, compulsory bytes, AI and bound by formula."""
    from roofprof.hardware.devices import load_gpu

    if gpu == "same":
        raise UsageError("--gpu same needs a report", "name a GPU: roofprof gpus lists them")
    target = load_gpu(gpu)
    if seed_claims:
        _seed_claims(target, as_json)
        return
    sizes = {"decode": (_batches(batch), seq_len), "prefill": ([prefill_batch], prefill_len)}
    cases = [
        case
        for name in _phases(phase)
        for case in _cases(
            name, *sizes[name], layer, recipe, tp, ep, prefix_len if name == "prefill" else 0, experts_hit
        )
    ]
    _print_cases(cases, target, _only(only), sort, top, as_json)


def _print_cases(cases: "list[LayerCase]", target: Any, only: Any, sort: str, top: int | None, as_json: bool) -> None:
    from dataclasses import asdict

    from roofprof.formulas.table import formula_rows, formula_total, sort_rows

    tables = [(case, sort_rows([r for r in formula_rows(case, target) if only(r.op)], sort)[:top]) for case in cases]
    if as_json:
        document = {
            "schema_version": 1,
            "source": "formula",
            "gpu": target.as_dict(),
            "cases": [_case_dict(case) for case in cases],
            "ops": [asdict(row) for _, rows in tables for row in rows],
            "totals": [asdict(formula_total(rows)) for _, rows in tables],
        }
        document["total"] = document["totals"][0] if len(tables) == 1 else None
        import json

        print(json.dumps(document))
        return
    from roofprof.reports.tables.formulas import print_formula_rows

    for case, rows in tables:
        print_formula_rows(case, rows, formula_total(rows), target)


def _seed_claims(target: Any, as_json: bool) -> None:
    from dataclasses import asdict

    from roofprof.document.claims import judge_claims

    claims = judge_claims(target)
    if as_json:
        import json

        print(json.dumps({"schema_version": 1, "gpu": target.as_dict(), "seed_claims": [asdict(c) for c in claims]}))
        return
    from roofprof.reports.tables.formulas import print_seed_claims

    print_seed_claims(claims, target)


def _case_dict(case: "LayerCase") -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(case), "recipe": case.recipe.name, "tokens": case.tokens, "experts_hit": case.hit}


def _phases(phase: str) -> list[str]:
    if phase not in ("decode", "prefill", "all"):
        raise UsageError(f"no phase is named {phase!r}", "use decode, prefill or all")
    return ["decode", "prefill"] if phase == "all" else [phase]


def _batches(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--batch {text!r} is no list of numbers", "write 64, or 1,64,128") from None


def _cases(
    phase: str,
    batches: list[int],
    seq_len: int,
    layer: str,
    recipe: str,
    tp: int,
    ep: int,
    prefix: int,
    hit: int | None,
) -> "list[LayerCase]":
    from roofprof.formulas.layer import RECIPES, LayerCase

    if recipe not in RECIPES:
        raise UsageError(f"no recipe is named {recipe!r}", f"use one of {', '.join(RECIPES)}")
    if layer not in ("moe", "dense"):
        raise UsageError(f"no layer is named {layer!r}", "use moe or dense")
    return [LayerCase(phase, b, seq_len, RECIPES[recipe], layer, tp, ep, prefix, hit) for b in batches]  # type: ignore[arg-type]


def _only(text: str | None) -> Any:
    try:
        pattern = re.compile(text or "")
    except re.error as error:
        raise UsageError(f"--only {text!r} is no regular expression: {error}") from None
    return lambda op: pattern.search(op) is not None
