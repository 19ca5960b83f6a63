"""Markdown: kernel placement, cases side by side: measured on the profiled GPU, the same on the target, by formula."""

from collections.abc import Iterable, Iterator, Sequence

from roofprof.advice.answer import TargetRow, target_rows
from roofprof.document.cases import CaseOps
from roofprof.document.claimed_kernels import DOCUMENT_KERNELS
from roofprof.document.placement import PlacementRow
from roofprof.reports.markdown.text import code, joined, number, percent, prose, rate, table
from roofprof.reports.markdown.view import SMALL, View
from roofprof.results.op import OpResult

MOST = 24
"""Rows of a table where no op is large."""

Row = tuple[str, list[OpResult | None]]


def placements(view: View) -> list[str]:
    """Tables of every group of cases."""
    sections = view.sections
    if not any((*case.ops, *case.step_ops) for case in sections.headline):
        return ["No op was measured: no launch lies in a range.", ""]
    lines: list[str] = []
    groups = view.columns(sections.headline)
    for number_, cases in enumerate(groups, 1):
        part = f", part {number_}" if len(groups) > 1 else ""
        lines += _group(view, cases, part)
    shown = {id(case) for case in sections.headline}
    left_out = [prose(case.title) for case in sections.cases if id(case) not in shown]
    if left_out:
        lines += [f"Without columns of their own, and in every sum and series: {joined(left_out)}.", ""]
    return lines


def _group(view: View, cases: list[CaseOps], part: str) -> list[str]:
    rows, folded = _rows(view, cases)
    heads = [view.head(case) for case in cases]
    lines = [f"### Measured on {code(cases[0].gpu)}{part}", ""]
    lines += ["AI by formula → measured (FLOP/byte), part of the roof reached, what binds.", ""]
    cells = [
        [view.kernels(cases, ops), name, *(_measured(view, op) for op in ops)] for name, ops in rows
    ]  # fmt: skip
    lines += table(["Kernel", "Op", *heads], cells)
    if folded:
        more = ", or further implementations" if any(case.alternatives for case in cases) else ""
        small = f"under {percent(SMALL)} of {view.whole} in every case{more}"
        lines += [f"In the appendix: {folded} further {'op' if folded == 1 else 'ops'}, {small}.", ""]
    if cases[0].source.projected:
        lines += _extrapolated(view, cases, rows, part)
    return [*lines, *_by_formula(view, cases, part)]


def _extrapolated(view: View, cases: Sequence[CaseOps], rows: Sequence[Row], part: str) -> list[str]:
    """The same ops on the target; those of which nothing is to be said but that memory binds them in one line."""
    lines = [f"### The same on {view.target_words(cases)}{part}", ""]
    lines += ["AI useful (the formula's FLOPs / measured bytes), bound, attainable rate.", ""]
    found = [{id(row.op): row for row in target_rows(case, (*case.ops, *case.step_ops))} for case in cases]
    table_rows, plain = [], []
    for name, ops in rows:
        targets = [own[id(op)] if op else None for own, op in zip(found, ops, strict=True)]
        if any(target and (_does_tensor_work(target.op) or target.bound != "memory") for target in targets):
            table_rows.append([name, *map(_on_target, targets)])
        else:
            plain += [target for target in targets if target]
    lines += table(["Op", *map(view.head, cases)], table_rows) if table_rows else []
    if plain:
        intensities = sorted(row.useful_intensity for row in plain if row.useful_intensity is not None)
        ends = list(dict.fromkeys(map(number, (intensities[0], intensities[-1])))) if intensities else []
        span = f", AI {' to '.join(ends)}" if ends else ""
        which = "The others" if table_rows else "All of them"
        lines += [f"{which} do no tensor work: memory-bound, or at the launch floor, in every case{span}.", ""]
    return lines


def _does_tensor_work(op: OpResult) -> bool:
    pipes = {pipe for pipe, count in op.flop_by_pipe.items() if count} | ({op.formula.pipe} if op.formula else set())
    return any(pipe.startswith("tensor_") for pipe in pipes)


def _rows(view: View, cases: Sequence[CaseOps]) -> tuple[list[Row], int]:
    """Ops that are the reference document's or not small, its own first; how many are left out."""
    of_document = {id(op) for case in cases for op in _of_document(view, case)}
    every = view.by_op(cases)

    def largest(ops: Sequence[OpResult | None]) -> float:
        return max(view.share(case, op) for case, op in zip(cases, ops, strict=True) if op)

    own = [item for item in every if any(id(op) in of_document for op in item[1])]
    others = [item for item in every if not any(id(op) in of_document for op in item[1])]
    others.sort(key=lambda item: -largest(item[1]))
    large = [item for item in others if largest(item[1]) >= SMALL and not _all_further(cases, item[1])]
    shown = [*own, *(large or others[:MOST])]
    return shown, len(every) - len(shown)


def _of_document(view: View, case: CaseOps) -> Iterator[OpResult]:
    """Its kernels' ops, each in the implementation that the layer's sums have, or in the kernel's own."""
    further = {id(op) for op in case.alternatives}
    for row in _document_rows(view, case):
        if row.measured and (id(row.measured) not in further or not row.reason):
            yield row.measured


def _all_further(cases: Sequence[CaseOps], ops: Sequence[OpResult | None]) -> bool:
    """Whether a row is of further implementations alone."""
    further = {id(op) for case in cases for op in case.alternatives}
    return all(id(op) in further for op in ops if op)


def _document_rows(view: View, case: CaseOps) -> tuple[PlacementRow, ...]:
    return next((placed.document_rows for placed in view.sections.placements if placed.case is case), ())


def _measured(view: View, op: OpResult | None) -> str:
    if op is None:
        return "—"
    ours = number(op.formula.arithmetic_intensity) if op.formula else "—"
    return f"{ours} → {number(op.arithmetic_intensity)}, {percent(op.of_roof)}, {prose(view.cause(op))}"


def _on_target(row: TargetRow | None) -> str:
    if row is None:
        return "—"
    if row.by_launch:
        return f"{number(row.useful_intensity)}, launch floor"
    return f"{number(row.useful_intensity)}, {prose(row.bound or 'unknown')}, {rate(row.attainable_flop_per_s)}"


def _by_formula(view: View, cases: list[CaseOps], part: str) -> list[str]:
    """The reference document's kernels that no case measured, where the case has such an op at all."""
    rows: dict[tuple[str, str], dict[int, PlacementRow]] = {}
    measured = {key for case in cases for key, _ in _keyed(view, case, "measured")}
    for number_, case in enumerate(cases):
        for key, row in _keyed(view, case, "formula"):
            if key not in measured and _could_run(key, case):
                rows.setdefault(key, {})[number_] = row
    if not rows:
        return []
    lines = [f"### Not measured: by formula on {view.target_words(cases)}{part}", ""]
    lines += ["Kernels of the reference document; AI, bound and attainable rate of a whole layer on one GPU.", ""]
    cells = [
        [code(kernel), code(op), *(_formula(found.get(i)) for i in range(len(cases))), _why_not(found.values())]
        for (kernel, op), found in rows.items()
    ]  # fmt: skip
    return [*lines, *table(["Kernel", "Op", *map(view.head, cases), "Why"], cells)]


def _keyed(view: View, case: CaseOps, source: str) -> Iterator[tuple[tuple[str, str], PlacementRow]]:
    return (((row.kernel, row.op), row) for row in _document_rows(view, case) if row.source == source)


def _could_run(key: tuple[str, str], case: CaseOps) -> bool:
    """Whether the layer has the kernel's op in the case's phase and at its tokens."""
    kernel = next((kernel for kernel in DOCUMENT_KERNELS if (kernel.kernel, kernel.op) == key), None)
    if kernel is None or case.phase not in ("decode", "prefill"):
        return False
    if kernel.max_tokens and (case.tokens or 0) > kernel.max_tokens:
        return False
    return kernel.phase in (None, case.phase)


def _formula(row: PlacementRow | None) -> str:
    if row is None:
        return "—"
    return f"{number(row.formula_intensity)}, {prose(row.bound or 'unknown')}, {rate(row.attainable_flop_per_s)}"


def _why_not(rows: Iterable[PlacementRow]) -> str:
    return "; ".join(dict.fromkeys(prose(row.reason) for row in rows))
