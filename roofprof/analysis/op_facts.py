"""What the rules look at: the median call of one op, what its name stands for, what it is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

from roofprof.analysis.op_roofline import References
from roofprof.findings import Finding, Severity
from roofprof.formulas.models import Work
from roofprof.hardware.devices import PIPES
from roofprof.launches.measured_work import CallRow
from roofprof.launches.ranges import NamedRange
from roofprof.results.op_groups import MeasuredOn

_TENSOR = tuple(pipe for pipe in PIPES if pipe.startswith("tensor_"))
_CUDA_CORES = tuple(pipe for pipe in PIPES if pipe not in _TENSOR)


@dataclass(frozen=True, slots=True)
class OpFacts:
    """One op."""

    row: CallRow
    """Of `op_rows`."""
    named: NamedRange
    kernel_names: Sequence[str]
    """Demangled."""
    measured_on: MeasuredOn
    time_source: str
    references: References

    @property
    def formula(self) -> Work:
        """The formula's work; asked for only where the name has one."""
        assert self.named.work is not None
        return self.named.work

    @property
    def dram_read_bytes(self) -> float | None:
        """Read from DRAM."""
        return self._number("dram_read_bytes")

    @property
    def dram_write_bytes(self) -> float | None:
        """Written to DRAM."""
        return self._number("dram_write_bytes")

    @property
    def l2_write_bytes(self) -> float | None:
        """Stored by the SMs."""
        return self._number("l2_write_bytes")

    @property
    def passed_on_bytes(self) -> float | None:
        """Stored by all its kernels but the last."""
        return self._number("passed_on_bytes")

    @property
    def own_intermediate_bytes(self) -> float | None:
        """Reads beyond the inputs that its own kernels wrote before: at most what they passed on.

        None without a formula or counters. Where ncu flushes between kernels all of it comes back from DRAM.
        """
        if self.named.work is None or self.dram_read_bytes is None or self.passed_on_bytes is None:
            return None
        beyond = max(0.0, self.dram_read_bytes - self.named.work.dram_read_bytes)
        return min(beyond, self.passed_on_bytes)

    @property
    def mufu_count(self) -> float | None:
        """Special-function results."""
        return self._number("mufu_count")

    def _number(self, column: str) -> float | None:
        value: float | None = self.row[column]
        return value

    @property
    def tensor_flop_count(self) -> float | None:
        """Executed on tensor cores; None where no precision was counted."""
        return known_sum([self.row[f"{pipe}_flop_count"] for pipe in _TENSOR])

    @property
    def cuda_core_flop_count(self) -> float | None:
        """Executed on CUDA cores; None where none of it was counted."""
        return known_sum([self.row[f"{pipe}_flop_count"] for pipe in _CUDA_CORES])

    @property
    def tensor_flop_by_pipe(self) -> dict[str, float]:
        """The tensor pipes that did work."""
        return {pipe: count for pipe in _TENSOR if (count := self.row[f"{pipe}_flop_count"])}

    def finding(self, kind: str, severity: Severity, message: str, hint: str | None, **values: object) -> Finding:
        """A finding about this op."""
        return Finding(kind, severity, message, hint, op=self.named.op, report=self.row["report"], values=values)


def known_sum(values: Sequence[float | None]) -> float | None:
    """The sum of what is known; None where nothing is."""
    known = [v for v in values if v is not None]
    return sum(known) if known else None
