"""What every section of the document needs beside the sections: answers, short names, columns."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from roofprof.advice.answer import Answer, AnswerRow, answer_of, by_headroom, least_time
from roofprof.advice.causes import cause_of
from roofprof.document.cases import CaseOps, Sum
from roofprof.document.sections import ReportSections
from roofprof.reports.markdown.text import code, finding_link, prose
from roofprof.results.op import OpResult, short_labels

COLUMNS = 4
"""Cases that stand side by side in one table."""
SMALL = 0.01
"""An op with less of the layer's time in every case stands in the appendix alone."""


@dataclass(frozen=True)
class View:
    """One document."""

    sections: ReportSections
    picture: str = "roofline.png"
    """Name that the picture beside the document has."""
    _answers: dict[int, Answer] = field(default_factory=dict)

    def answer(self, case: CaseOps) -> Answer:
        """The answer to a case, every row in it."""
        if id(case) not in self._answers:
            self._answers[id(case)] = answer_of(case, by_headroom, every=True)
        return self._answers[id(case)]

    @cached_property
    def rows(self) -> dict[int, AnswerRow]:
        """The answer's row of every op, by the op's id."""
        return {id(row.op): row for case in self.sections.cases for row in self.answer(case).rows}

    @cached_property
    def names(self) -> dict[int, str]:
        """Of every op: with the implementation, then numbered, only where a case holds one name twice."""
        names: dict[int, str] = {}
        for source in {id(case.source): case.source for case in self.sections.cases}.values():
            names |= zip(map(id, source.ops), short_labels(source.ops, with_case=False), strict=True)
        for case in self.sections.cases:
            seen: Counter[str] = Counter()
            for op in (*case.ops, *case.step_ops):
                name = names[id(op)]
                seen[name] += 1
                names[id(op)] = name if seen[name] == 1 else f"{name} #{seen[name]}"
        return names

    @cached_property
    def heads(self) -> dict[int, str]:
        """A few words for each case, `decode 64` or `prefill 1 × 1024`; with what tells it apart where they are two."""
        cases = self.sections.cases
        for words in (_sizes, _lengths, _conditions, _reports):
            counts = Counter(map(words, cases))
            if max(counts.values(), default=1) == 1:
                return {id(case): words(case) for case in cases}
        return {id(case): f"case {number}" for number, case in enumerate(cases, 1)}

    @property
    def whole(self) -> str:
        """What shares are of."""
        layers = all(case.adds_to_layer for case in self.sections.cases)
        return "the layer's time" if layers else "the whole time"

    @property
    def of_calls(self) -> str:
        """What times and headroom of a row are of: one call, or as often as the case holds it."""
        return "of all calls" if any(row.times > 1 for row in self.rows.values()) else "per call"

    def head(self, case: CaseOps) -> str:
        """The heading of a case's column."""
        return prose(self.heads[id(case)])

    def op(self, op: OpResult) -> str:
        """An op's name; marked where it is in no sum of the layer."""
        return code(self.names[id(op)]) + ("" if self.rows[id(op)].counted else prose(" *"))

    def cause(self, op: OpResult) -> str:
        """What binds it on the profiled GPU."""
        return cause_of(op, self.rows[id(op)].reason)

    def why(self, op: OpResult) -> str:
        """The reason in words; a link to what the finding means where it is made of one."""
        reason = self.rows[id(op)].reason
        return finding_link(reason.kind, reason.why) if reason.kind else prose(reason.why)

    def attempt(self, op: OpResult) -> str:
        """What to try."""
        attempt = self.rows[id(op)].reason.attempt
        return prose(attempt) if attempt else "—"

    def share(self, case: CaseOps, op: OpResult) -> float:
        """Its time over the layer's known time, which `lm_head` may exceed; 0 where it is unknown."""
        whole = case.time.known
        return (case.time_of(op) or 0.0) / whole if whole else 0.0

    def small(self, case: CaseOps, op: OpResult) -> bool:
        """Whether a table of the main part leaves it out."""
        return self.share(case, op) < SMALL

    def least(self, case: CaseOps) -> Sum:
        """The layer's minimum time on the target."""
        return least_time(case)

    def columns(self, cases: Iterable[CaseOps]) -> list[list[CaseOps]]:
        """Cases that may share a table: of one GPU and target, at most `COLUMNS`; more of them by phase."""
        every, groups = list(cases), dict[tuple[str, str, str | None], list[CaseOps]]()
        for case in every:
            phase = case.phase if len(every) > COLUMNS else None
            groups.setdefault((case.gpu, case.source.target.name, phase), []).append(case)
        return [group[i : i + COLUMNS] for group in groups.values() for i in range(0, len(group), COLUMNS)]

    def by_op(self, cases: Sequence[CaseOps]) -> list[tuple[str, list[OpResult | None]]]:
        """Each op once, in launch order: its name as shown, and the op of each case in their order.

        Names are told apart as they are, for two long ones may be shown alike.
        """
        table: dict[str, list[OpResult | None]] = {}
        for number, case in enumerate(cases):
            for op in (*case.ops, *case.step_ops):
                table.setdefault(self.names[id(op)], [None] * len(cases))[number] = op
        return [(self.op(next(op for op in ops if op)), ops) for ops in table.values()]

    def kernels(self, cases: Sequence[CaseOps], ops: Sequence[OpResult | None]) -> str:
        """What ran as one op in some cases."""
        found = [case.kernel_of(op) for case, op in zip(cases, ops, strict=True) if op]
        return ", ".join(code(name, 40) for name in dict.fromkeys(found))

    def target_words(self, cases: Sequence[CaseOps]) -> str:
        """The target of a table, `` `gb200` (extrapolated) ``."""
        source = cases[0].source
        return code(source.target.name) + (" (extrapolated)" if source.projected else "")


def _sizes(case: CaseOps) -> str:
    if case.phase == "prefill" and case.batch and case.seq_len:
        return f"prefill {case.batch} × {case.seq_len}"
    parts = [case.phase, case.batch and str(case.batch)]
    return " ".join(part for part in parts if part) or case.report


def _lengths(case: CaseOps) -> str:
    length = case.phase != "prefill" and case.seq_len and f"KV {case.seq_len}"
    return ", ".join(part for part in (_sizes(case), length) if part)


def _conditions(case: CaseOps) -> str:
    return ", ".join(part for part in (_lengths(case), case.cache) if part)


def _reports(case: CaseOps) -> str:
    return ", ".join(part for part in (_conditions(case), case.told_apart_by) if part)
