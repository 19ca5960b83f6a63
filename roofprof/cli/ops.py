"""`roofprof ops`: the layer by formula, without a report."""

from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from roofprof.cli.outputs import say_unmatched
from roofprof.cli.served import ServedSizes, print_models, print_served
from roofprof.cli.shared_options import JsonOption, OnlyOption, TopOption, check_sort, keys_help
from roofprof.errors import UsageError
from roofprof.options import name_filter, sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from roofprof.formulas.layer import LayerCase, Phase
    from roofprof.hardware.devices import DeviceSpec

_SORT_KEYS = ("order", "time", "bytes", "flop", "ai", "name")
_R1_RECIPE = "nvfp4-v2"


def ops(
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="A model other than DeepSeek-R1: a name of --model list, or its config.json of Hugging Face.",
        ),
    ] = None,
    phase: Annotated[str, typer.Option(metavar="[decode|prefill|all]", help="Phase.")] = "decode",
    batch: Annotated[str, typer.Option(metavar="N[,N...]", help="Decode: sequences; several as 1,64,128.")] = "64",
    seq_len: Annotated[int, typer.Option(metavar="N", help="Decode: KV length.")] = 4096,
    prefill_batch: Annotated[int, typer.Option(metavar="N", help="Prefill: sequences.")] = 1,
    prefill_len: Annotated[int, typer.Option(metavar="N", help="Prefill: new tokens per sequence.")] = 1024,
    prefix_len: Annotated[int, typer.Option(metavar="N", help="Prefill: cached tokens before the new ones.")] = 0,
    queries: Annotated[
        int, typer.Option(metavar="N", help="Decode: new tokens per sequence and step, 1 and those drafted.")
    ] = 1,
    kv_cache: Annotated[str, typer.Option(metavar="[bf16|fp8]", help="Precision of the KV cache.")] = "bf16",
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="[moe|dense]",
            help="Kind of layer, moe by default; with --model also moe-sliding, dense-sliding or all, and its main one "
            "by default.",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="[nvfp4|nvfp4-v2|fp8|bf16]",
            help="Precisions of weights and inputs, nvfp4-v2 by default; with --model also nvfp4-mlp, mxfp4, "
            "mxfp4-mxfp8, w4a16-gN and others of docs/models.md, and as released by default.",
        ),
    ] = None,
    tp: Annotated[int, typer.Option(metavar="N", help="Tensor-parallel degree.")] = 1,
    ep: Annotated[int, typer.Option(metavar="N", help="Expert-parallel degree.")] = 1,
    all_reduce: Annotated[
        str, typer.Option(metavar="[ring|tree|nvls|one-shot]", help="With --tp: how sums are made.")
    ] = "ring",
    dispatch: Annotated[
        str,
        typer.Option(
            metavar="[rows|dedup]", help="With --ep: one row for each expert of a token, or one for each GPU."
        ),
    ] = "rows",
    experts_hit: Annotated[
        int | None, typer.Option(metavar="N", help="Experts hit, if counted; expected otherwise.")
    ] = None,
    gpu: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Target GPU for the roofline: a name or a TOML file; gb200 by default."),
    ] = None,
    only: OnlyOption = None,
    sort: Annotated[
        str, typer.Option(metavar="KEY", help=keys_help(_SORT_KEYS, "order"), show_default=False)
    ] = "order",
    top: TopOption = None,
    claims: Annotated[bool, typer.Option("--claims", help="Check each claim of the reference document.")] = False,
    check: Annotated[
        str | None, typer.Option(metavar="FILE", help="Check published figures of a CSV file against our roofs.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the layer op by op: FLOPs, compulsory bytes, AI and bound by formula."""
    from roofprof.cli.settings import or_configured
    from roofprof.hardware.devices import DEFAULT_GPU, SAME_GPU, load_gpu

    check_sort(sort, _SORT_KEYS)
    if check is not None:
        _print_check(check, as_json)
        return
    if gpu == SAME_GPU:
        raise UsageError("--gpu same needs a report", "name a GPU: roofprof gpus lists them")
    if model == "list":
        print_models(as_json)
        return
    gpu = or_configured(gpu, "gpu")
    target = load_gpu(DEFAULT_GPU if gpu in (None, SAME_GPU) else gpu)  # a config file's `same` is for reports
    if claims:
        _print_claims(target, as_json)
        return
    batches, cases = sizes("--batch", batch), []
    if model is not None or queries != 1 or kv_cache != "bf16":
        given = ServedSizes(
            _phases(phase), batches, seq_len, prefill_batch, prefill_len, prefix_len, layer,
            recipe if model is not None else recipe or _R1_RECIPE, tp, ep, experts_hit, queries, kv_cache,
            all_reduce, dispatch,
        )  # fmt: skip
        print_served("deepseek-r1" if model is None else model, given, target, only, sort, top or None, as_json)
        return
    shared = layer or "moe", recipe or _R1_RECIPE, tp, ep, experts_hit, all_reduce, dispatch
    for name in _phases(phase):
        if name == "decode":
            cases += [_case(name, size, seq_len, 0, *shared) for size in batches]
        else:
            cases.append(_case(name, prefill_batch, prefill_len, prefix_len, *shared))
    _print_cases(cases, target, only, sort, top or None, as_json)


def _print_cases(
    cases: "Sequence[LayerCase]",
    target: "DeviceSpec",
    only: str | None,
    sort: str,
    top: int | None,
    as_json: bool,
) -> None:
    import json
    from dataclasses import asdict

    from roofprof.formulas.table import formula_document, formula_rows, sort_rows

    wanted = name_filter(only)
    tables = [
        (case, sort_rows([r for r in formula_rows(case, target) if not wanted or wanted(r.op)], sort)) for case in cases
    ]
    say_unmatched(only, any(rows for _, rows in tables))
    if as_json:
        shown = [asdict(row) for _, rows in tables for row in rows[:top]]
        own = [_case_dict(case) for case in cases]
        print(json.dumps(formula_document(target, own, shown, [rows for _, rows in tables])))
        return
    from roofprof.reports.tables.formulas import print_formula_rows

    for case, rows in tables:
        print_formula_rows(case, rows, target, top)


def _print_claims(target: "DeviceSpec", as_json: bool) -> None:
    import json
    from dataclasses import asdict

    from roofprof.document.claims import check_claims

    claims = check_claims(target)
    if as_json:
        print(json.dumps({"schema_version": 1, "gpu": target.as_dict(), "claims": [asdict(c) for c in claims]}))
        return
    from roofprof.reports.tables.formulas import print_claims

    print_claims(claims, target)


def _print_check(file: str, as_json: bool) -> None:
    import json
    from dataclasses import asdict
    from pathlib import Path

    from roofprof.formulas.published import read_published
    from roofprof.formulas.published_check import check_published

    rows = check_published(read_published(Path(file)))
    if as_json:
        print(json.dumps({"schema_version": 1, "source": "formula", "figures": [asdict(row) for row in rows]}))
        return
    from roofprof.reports.tables.published import print_published

    print_published(rows)


def _case_dict(case: "LayerCase") -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(case), "recipe": case.recipe.name, "tokens": case.tokens, "experts_hit": case.hit}


def _phases(phase: str) -> "tuple[Phase, ...]":
    from roofprof.formulas.layer import PHASES

    if phase not in (*PHASES, "all"):
        raise UsageError(f"unknown phase {phase!r}", "use decode, prefill or all")
    return tuple(name for name in PHASES if phase in (name, "all"))


def _case(
    phase: "Phase",
    batch: int,
    seq_len: int,
    prefix_len: int,
    layer: str,
    recipe: str,
    tp: int,
    ep: int,
    experts_hit: int | None,
    all_reduce: str,
    dispatch: str,
) -> "LayerCase":
    from roofprof.formulas.layer import RECIPES, LayerCase

    if recipe not in RECIPES:
        raise UsageError(f"unknown recipe {recipe!r}", f"use one of {', '.join(RECIPES)}")
    if layer not in ("moe", "dense"):
        raise UsageError(f"unknown layer {layer!r}", "use moe or dense")
    kind = cast(Literal["moe", "dense"], layer)
    return LayerCase(
        phase=phase, batch=batch, seq_len=seq_len, recipe=RECIPES[recipe], layer=kind, tp=tp, ep=ep,
        prefix_len=prefix_len, experts_hit=experts_hit, all_reduce=all_reduce, dispatch=dispatch,
    )  # fmt: skip
