"""Whether a diff may pass, for continuous integration."""

from dataclasses import dataclass

from roofprof.changes.diff import Diff, wanted
from roofprof.changes.judge import Verdict, worst
from roofprof.changes.op_diff import METRICS, OpDiff, figures
from roofprof.options import name_filter

VERDICT, ANY = "verdict", "any"
"""What a gate may be on beside one of METRICS: the ops' verdicts, or any metric at all."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a change may pass."""

    threshold: float
    metric: str
    regressed: tuple[OpDiff, ...]
    inconclusive: tuple[OpDiff, ...]
    """In doubt: the calls overlap or are too few, or the metric is unknown."""
    compared: int
    only: str | None = None
    """The regular expression that chose the ops; None for all that were compared."""

    @property
    def ok(self) -> bool:
        """Nothing regressed, nothing in doubt, and something compared."""
        return bool(self.compared) and not self.regressed and not self.inconclusive

    @property
    def unknown(self) -> tuple[OpDiff, ...]:
        """Those in doubt for want of a figure of the one metric."""
        return tuple(op for op in self.inconclusive if self.metric in METRICS and op.verdicts[self.metric] is None)

    @property
    def exit_code(self) -> int:
        """0 passes, 1 regressed, 3 in doubt."""
        return 0 if self.ok else 1 if self.regressed else 3

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {
            "threshold": self.threshold,
            "metric": self.metric,
            "only": self.only,
            "ok": self.ok,
            "compared": self.compared,
            "regressed": [op.op for op in self.regressed],
            "inconclusive": [op.op for op in self.inconclusive],
        }


def gate(found: Diff, metric: str = VERDICT, only: str | None = None) -> Gate:
    """Judge a diff as a whole.

    Args:
        found: the diff.
        metric: VERDICT, ANY or one of METRICS. A metric that a side does not know is in doubt, never passed.
        only: a regular expression in the names or labels of the ops to judge, out of those compared.

    Raises:
        UsageError: no regular expression.
    """
    keep = name_filter(only)
    judged = [(op, gated(op, metric)) for op in found.ops if op.a and op.b and wanted(op, keep)]
    return Gate(
        found.threshold,
        metric,
        tuple(op for op, verdict in judged if verdict is Verdict.REGRESSED),
        tuple(op for op, verdict in judged if verdict in (Verdict.INCONCLUSIVE, None)),
        len(judged),
        only,
    )


def gated(op: OpDiff, metric: str) -> Verdict | None:
    """What a gate on a metric makes of an op that both sides have; None where the metric is unknown."""
    if metric == VERDICT:
        return op.verdict
    if metric == ANY:
        return worst(_known(op, name) for name in METRICS)
    return op.verdicts[metric]


def _known(op: OpDiff, metric: str) -> Verdict | None:
    """A metric's verdict; in doubt where one side alone has it, for a counter that went missing is no pass."""
    known = [side is not None and figures(side, metric).value is not None for side in (op.a, op.b)]
    return Verdict.INCONCLUSIVE if any(known) and not all(known) else op.verdicts[metric]
