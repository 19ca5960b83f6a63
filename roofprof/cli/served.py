"""`roofprof ops --model`: the layer of a served model by its config."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roofprof.cli.outputs import say_unmatched
from roofprof.errors import UsageError
from roofprof.options import name_filter

if TYPE_CHECKING:
    from roofprof.formulas.layer import Phase
    from roofprof.formulas.served.case import ServedCase
    from roofprof.formulas.served.model import LayerKind, ServedModel
    from roofprof.formulas.table import FormulaTotal
    from roofprof.hardware.devices import DeviceSpec


@dataclass(frozen=True, slots=True)
class ServedSizes:
    """What the command line says beside the model."""

    phases: "tuple[Phase, ...]"
    batches: Sequence[int]
    seq_len: int
    prefill_batch: int
    prefill_len: int
    prefix_len: int
    layer: str | None
    recipe: str | None
    tp: int
    ep: int
    experts_hit: int | None
    queries: int
    kv_cache: str
    all_reduce: str
    dispatch: str


def print_models(as_json: bool) -> None:
    """The models whose sizes ship."""
    from roofprof.formulas.served.bundled import bundled_models, load_model

    models = [load_model(name) for name in bundled_models()]
    if as_json:
        _print_json({"schema_version": 1, "models": [_model_dict(model) for model in models]})
        return
    from roofprof.reports.tables.models import print_models as print_table

    print_table(models)


def print_served(
    name: str,
    given: ServedSizes,
    gpu: "DeviceSpec",
    only: str | None,
    sort: str,
    top: int | None,
    as_json: bool,
) -> None:
    """The ops of the kinds of layers asked for, and the sum over a whole step."""
    from dataclasses import asdict

    from roofprof.formulas.served.bundled import load_model
    from roofprof.formulas.served.step import served_rows, step_total
    from roofprof.formulas.table import formula_document, sort_rows

    model = load_model(name)
    cases = [case for phase in given.phases for case in _cases(model, phase, given)]
    wanted = name_filter(only)
    tables = [
        (case, sort_rows([r for r in served_rows(case, gpu) if not wanted or wanted(r.op)], sort)) for case in cases
    ]
    say_unmatched(only, any(rows for _, rows in tables))
    steps = [(case, step_total(case, gpu)) for case in _one_kind(cases)]
    if as_json:
        ops = [{**asdict(row), "layer": str(case.kind)} for case, rows in tables for row in rows[:top]]
        document = formula_document(gpu, [_case_dict(case) for case in cases], ops, [rows for _, rows in tables])
        of_steps = [_step_dict(case, total) for case, total in steps]
        _print_json({**document, "model": _model_dict(model), "steps": of_steps})
        return
    from roofprof.reports.tables.formulas import print_formula_rows
    from roofprof.reports.tables.models import print_model, print_steps

    print_model(model)
    for case, rows in tables:
        print_formula_rows(case, rows, gpu, top)
    print_steps(steps)


def _cases(model: "ServedModel", phase: "Phase", given: ServedSizes) -> "list[ServedCase]":
    from roofprof.formulas.served.case import ServedCase
    from roofprof.formulas.served.recipes import served_recipe

    decode, recipe = phase == "decode", served_recipe(given.recipe or model.recipe)
    return [
        ServedCase(
            model=model, kind=kind, recipe=recipe, phase=phase, batch=batch,
            seq_len=given.seq_len if decode else given.prefill_len, prefix_len=0 if decode else given.prefix_len,
            queries=given.queries, kv_cache=given.kv_cache, tp=given.tp, ep=given.ep, experts_hit=given.experts_hit,
            all_reduce=given.all_reduce, dispatch=given.dispatch,
        )
        for batch in (given.batches if decode else [given.prefill_batch])
        for kind in _kinds(model, given.layer)
    ]  # fmt: skip


def _kinds(model: "ServedModel", layer: str | None) -> "list[LayerKind]":
    if layer is None:
        return [model.main_kind]
    known = {str(kind): kind for kind in model.kinds}
    if layer == "all":
        return [*known.values()]
    if layer not in known:
        raise UsageError(f"{model.name} has no {layer} layer", f"use one of {', '.join(known)}, or all")
    return [known[layer]]


def _one_kind(cases: "Sequence[ServedCase]") -> "list[ServedCase]":
    """A case of each step: those of other layers of the same step are left out."""
    return list({(case.phase, case.batch): case for case in reversed(cases)}.values())[::-1]


def _model_dict(model: "ServedModel") -> dict[str, object]:
    from roofprof.formulas.served.parameters import parameters

    counts = parameters(model)
    return {
        "name": model.name,
        "architecture": model.architecture,
        "source": model.source,
        "layers": {str(kind): count for kind, count in model.kinds.items()},
        "draft_layers": model.draft_layers,
        "recipe": model.recipe,
        "unread_quantization": model.unread,
        "parameter_count": counts.total,
        "active_parameter_count": counts.active,
        "embedding_parameter_count": counts.embedding,
    }


def _case_dict(case: "ServedCase") -> dict[str, object]:
    return {
        "phase": case.phase, "batch": case.batch, "seq_len": case.seq_len, "prefix_len": case.prefix_len,
        "layer": str(case.kind), "recipe": case.recipe.name, "tp": case.tp, "ep": case.ep, "tokens": case.tokens,
        "all_reduce": case.all_reduce, "dispatch": case.dispatch, "queries": case.queries, "kv_cache": case.kv_cache,
        "experts_hit": case.hit if case.kind.mlp == "moe" else None,
    }  # fmt: skip


def _step_dict(case: "ServedCase", total: "FormulaTotal") -> dict[str, object]:
    from dataclasses import asdict

    return {"phase": case.phase, "batch": case.batch, "seq_len": case.seq_len, "tokens": case.tokens, **asdict(total)}


def _print_json(document: dict[str, object]) -> None:
    import json

    print(json.dumps(document))
