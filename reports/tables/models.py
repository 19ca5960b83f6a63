"""Served models for a terminal: their parameters, and a whole step."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from roofprof.formatting import format_number, format_si
from roofprof.formulas.served.case import ServedCase
from roofprof.formulas.served.model import ServedModel
from roofprof.formulas.served.parameters import parameters
from roofprof.formulas.table import FormulaTotal
from roofprof.reports.tables.formula_console import formula_console
from roofprof.reports.tables.terminal import shown


def print_models(models: Sequence[ServedModel]) -> None:
    """Every model whose sizes ship."""
    console = formula_console()
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=0, pad_edge=False)
    for i, heading in enumerate(("model", "parameters\n(billions)", "active", "recipe", "layers")):
        table.add_column(heading, justify="right" if i in (1, 2) else "left")
    for model in models:
        counts = parameters(model)
        active = _billions(counts.active) if model.moe else "all"
        table.add_row(model.name, _billions(counts.total), active, model.recipe, _layers(model))
    console.print(table)
    console.print("parameters by formula from the sizes; active: of one token, lm_head counted, the embedding not")
    console.print("--model takes a config.json of Hugging Face, or the folder that holds one, too")


def print_model(model: ServedModel) -> None:
    """What the sizes of a model come to."""
    console, counts = formula_console(), parameters(model)
    more = f" ({_billions(counts.active_with_embedding)} with the embedding)" if not model.tied else ""
    console.print(
        shown(
            f"{model.name}, {model.architecture}: {_layers(model)}; {_billions(counts.total)} billion parameters by "
            f"formula, {_billions(counts.active)} of one token{more}"
        )
    )
    if model.draft_layers:
        console.print(f"layers that draft tokens ({model.draft_layers}) are in no count")
    if model.unread:
        console.print(shown(f"quantization_config {model.unread} names no recipe here: bf16 unless --recipe says"))
    console.print(shown(f"sizes: {model.source}"))
    console.print()


def print_steps(steps: Sequence[tuple[ServedCase, FormulaTotal]]) -> None:
    """The sum over all layers and lm_head, one line a step; a GPU's share where several run it together."""
    console = formula_console()
    for case, total in steps:
        console.print(
            shown(
                f"{case.phase} step of {case.tokens} tokens, {_layers(case.model)} and lm_head"
                f"{', on each GPU' if case.ranks > 1 else ''}: "
                f"{format_si(total.flop_count, 'FLOP')}, {format_si(total.dram_bytes, 'B')}, "
                f"AI {format_number(total.arithmetic_intensity)}, at least {format_si(total.bound_time_s, 's')}"
            )
        )


def _billions(count: int) -> str:
    return f"{count / 1e9:.2f}" if count < 10**10 else f"{count / 1e9:.1f}"


def _layers(model: ServedModel) -> str:
    return " + ".join(f"{count} {kind}" for kind, count in model.kinds.items()) + " layers"
