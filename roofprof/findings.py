"""Findings: reasons to doubt or to explain a number, as values and not prints."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from roofprof.validate import built


class Severity(StrEnum):
    """How much a finding weakens the number that it stands beside."""

    INFO = "info"
    """Explains a number that is right."""
    DOUBTFUL = "doubtful"
    """The number may mean something else than it seems to."""
    WARNING = "warning"
    """A number is missing, or is wrong if taken as it stands."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, about which op or launch. docs/findings.md explains each kind."""

    kind: str
    severity: Severity
    message: str
    hint: str | None = None
    op: str | None = None
    launch_id: int | None = None
    report: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {
            "kind": self.kind,
            "severity": str(self.severity),
            "op": self.op,
            "report": self.report,
            "launch_id": self.launch_id,
            "message": self.message,
            "hint": self.hint,
            "values": dict(self.values),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "Finding":
        """The reverse of `as_dict`; unknown fields are left alone.

        Raises:
            FieldError: a field is missing, or of another form.
        """
        return built(cls, data)


@dataclass(frozen=True, slots=True)
class FindingKind:
    """What a kind of finding means; docs/findings.md says what to do about each."""

    severity: Severity
    meaning: str
    also: Severity | None = None
    """The other severity that it may have, where circumstances decide."""

    @property
    def severities(self) -> tuple[Severity, ...]:
        """Every severity that such a finding may have, the usual one first."""
        return (self.severity,) if self.also is None else (self.severity, self.also)


_INFO, _DOUBTFUL, _WARNING = Severity

KINDS: Mapping[str, FindingKind] = {
    "counter-missing": FindingKind(_WARNING, "the report is missing a counter; its column is null"),
    "chip-unknown": FindingKind(
        _DOUBTFUL, "no counter table for this chip; counters were recognised by the pattern of their names"
    ),
    "gpu-unknown": FindingKind(
        _DOUBTFUL, "no datasheet figures for the profiled GPU; its roofs are the report's own peaks"
    ),
    "gpu-sheet-mismatch": FindingKind(
        _DOUBTFUL, "the profiled GPU's SMs, DRAM peak or rates are not those of its name's datasheet"
    ),
    "launch-doubled": FindingKind(
        _DOUBTFUL, "two launches have the number of one API call: a block stands in the file twice, and sums count both"
    ),
    "launch-order": FindingKind(
        _WARNING,
        "a launch was called before the one in front of it: several threads, or blocks changed places",
    ),
    "report-joined": FindingKind(
        _DOUBTFUL, "a launch was measured long before the one in front of it: parts come from another report"
    ),
    "device-unlisted": FindingKind(
        _DOUBTFUL, "launches ran on a device that the report does not list: it was cut, or joined from two"
    ),
    "ranks-missing": FindingKind(_WARNING, "ranks of a job have no report"),
    "ranks-differ": FindingKind(_DOUBTFUL, "the ranks of a job differ in what should be the same"),
    "ranks-unaligned": FindingKind(_DOUBTFUL, "ends of collectives do not coincide over the ranks' traces"),
    "ranks-mixed": FindingKind(_WARNING, "a rank stands twice, or with another rank's trace"),
    "ranks-order": FindingKind(_DOUBTFUL, "files given as ranks 0, 1, ... whose devices are in another order"),
    "rank-groups": FindingKind(_DOUBTFUL, "collectives that end on some ranks together and on others at another time"),
    "link-bytes-short": FindingKind(
        _DOUBTFUL, "one rank's sent bytes are short of the others' in a collective in which all send alike"
    ),
    "other-link-bytes": FindingKind(_INFO, "a collective that sent other bytes than its formula's algorithm"),
    "nvls": FindingKind(_DOUBTFUL, "collectives that the NVLink switch sums or copies, whose bytes are not a ring's"),
    "several-gpus": FindingKind(_WARNING, "reports of different GPUs in one analysis, each row placed against its own"),
    "not-per-kernel": FindingKind(_INFO, "results of range replay or of whole graphs: one result for many kernels"),
    "domain-ambiguous": FindingKind(_WARNING, "ranges in several domains, none of them `roofprof` or the default one"),
    "domain-absent": FindingKind(_WARNING, "no launch lies in a range of the domain asked for"),
    "range-name": FindingKind(_INFO, "a range name carries no shape, or one that does not fit its formula"),
    "ops-file-unused": FindingKind(_WARNING, "no pattern of the ops file matches any range"),
    "tensor-counter-zero": FindingKind(
        _WARNING, "all tensor counters read 0 although the tensor pipe was active or the name says GEMM", also=_INFO
    ),
    "tensor-uncounted": FindingKind(
        _WARNING, "the tensor pipe did work whose FLOPs nothing in the report tells; they are null, not 0", also=_INFO
    ),
    "profiling-failed": FindingKind(
        _WARNING, "a launch that ncu could not profile: it has neither a time nor counters, and sums leave it out"
    ),
    "fp16-constant-moves": FindingKind(
        _DOUBTFUL, "half instructions taken for constant loads and left out of the FLOPs"
    ),
    "tile-padding": FindingKind(_INFO, "the tensor pipes executed more than the useful FLOPs: whole tiles run"),
    "work-below-formula": FindingKind(_WARNING, "the tensor pipes executed less than the formula"),
    "split-k": FindingKind(_INFO, "K is split; partial sums are written and read back"),
    "intermediates": FindingKind(_INFO, "several kernels pass more through memory than the op's output"),
    "kernel-code": FindingKind(_INFO, "a small op reads more than its inputs: code and constants"),
    "re-reads": FindingKind(_INFO, "reads exceed the inputs by over 15 %"),
    "l2-resident": FindingKind(_INFO, "under 85 % of the inputs came from DRAM", also=_DOUBTFUL),
    "write-back": FindingKind(_INFO, "stores that had not reached DRAM when the op ended"),
    "carried-over-writes": FindingKind(_INFO, "write-back of lines dirtied by earlier kernels", also=_DOUBTFUL),
    "flop-convention": FindingKind(_INFO, "counters and the formula count different FLOPs for an elementwise op"),
    "peak-missing": FindingKind(_WARNING, "the target has no peak for a precision that the op used"),
    "over-roof": FindingKind(_DOUBTFUL, "above the profiled GPU's roof, by its datasheet or at that clock"),
    "over-measured-roof": FindingKind(_INFO, "above the measured roof"),
    "sparse-dense": FindingKind(_DOUBTFUL, "a 2:4-sparse kernel: the counter shows the dense product's FLOPs"),
    "counter-failed-selfcheck": FindingKind(_WARNING, "figures rest on a counter that the self-check found wrong"),
    "counter-unverified": FindingKind(_DOUBTFUL, "the self-check has no value of a counter"),
    "not-applied": FindingKind(_DOUBTFUL, "the self-check or the measured roofs given are of another GPU or ncu"),
    "below-floor": FindingKind(_DOUBTFUL, "time or bytes within 2x of the empty-kernel floor"),
    "launch-bound": FindingKind(_INFO, "a short kernel far from every roof: mostly start-up and tear-down"),
    "clock-outlier": FindingKind(_INFO, "calls at a low SM clock, left out of the median"),
    "warm-replayed": FindingKind(_WARNING, "warm-cache bytes from several passes"),
    "other-precision": FindingKind(_DOUBTFUL, "most tensor FLOPs are in another precision than the formula's"),
    "mixed-work": FindingKind(
        _INFO, "launches of one kernel and shape, or calls of one range, do different work; the row is the median one"
    ),
    "uncounted-precision": FindingKind(_WARNING, "the tensor pipe was active for longer than the counted FLOPs take"),
    "partial-wave": FindingKind(_INFO, "fewer blocks than SMs, or a last wave that stays mostly empty"),
    "low-occupancy": FindingKind(_INFO, "few active warps in a kernel that fills the GPU and does no tensor work"),
    "spills": FindingKind(_INFO, "one kernel stores far more than its output: spilled registers, or partial results"),
    "tiny-launches": FindingKind(_INFO, "launches too short to do more than start take a good part of a report's time"),
    "conversions": FindingKind(_INFO, "kernels that only convert a tensor to another type"),
    "split-k-reductions": FindingKind(_INFO, "kernels that only add the partial sums of a split K"),
    "outside-ranges": FindingKind(_INFO, "launches in no range, where others lie in ranges"),
    "wide-product": FindingKind(_INFO, "a product in 32 bits or more in a workload whose products are narrower"),
    "capture-partial": FindingKind(_WARNING, "the capture ended early or a run of it failed"),
    "capture-changed": FindingKind(_WARNING, "a run of the capture was made in another way than planned"),
    "no-region": FindingKind(_WARNING, "a whole workload was profiled, loading and warm-up included"),
    "missing-file": FindingKind(_WARNING, "a file of a capture is gone; what it held is unknown"),
    "altered-file": FindingKind(_WARNING, "a file of a capture is not the one that was captured"),
    "unrecorded-files": FindingKind(_INFO, "a capture's manifest holds no checksums to compare its files with"),
    "merge-unmatched": FindingKind(_WARNING, "two runs of a capture launched different kernels, or one ended early"),
    "replay-changed": FindingKind(_DOUBTFUL, "a launch took over 1.5x as long in one run of a capture as in another"),
    "op-not-run": FindingKind(_INFO, "the layer has this op, and the capture could not run it here"),
    "untested-implementation": FindingKind(_DOUBTFUL, "the implementation was never tested on this kind of GPU"),
    "dropped-events": FindingKind(_WARNING, "events that nsys itself says it lost", also=_DOUBTFUL),
    "trace-column-missing": FindingKind(_WARNING, "a table of the trace is missing a column: some of it is lost"),
    "trace-value": FindingKind(_WARNING, "values of the trace that its columns cannot hold; read as unknown"),
    "name-unknown": FindingKind(_WARNING, "kernels, ranges or domains whose names are not in the trace"),
    "no-kernels": FindingKind(_WARNING, "the trace has GPU operations, but no kernel"),
    "nothing-attributed": FindingKind(_WARNING, "no GPU operation was launched inside a range of the domain"),
    "trace-order": FindingKind(_DOUBTFUL, "launches of the trace in an order in which they cannot have run"),
    "range-crossing": FindingKind(_DOUBTFUL, "push/pop ranges of a thread that overlap without nesting"),
    "range-too-deep": FindingKind(_DOUBTFUL, "ranges nested too deep to be told apart"),
    "range-without-domain": FindingKind(_DOUBTFUL, "ranges that name no domain; counted as the default domain's"),
    "clock-went-back": FindingKind(_WARNING, "operations that end before they start"),
    "launch-unknown": FindingKind(_WARNING, "operations without an API call in the trace"),
    "graph-node-unknown": FindingKind(_WARNING, "graph nodes whose creation is not in the trace"),
    "graph-traced-whole": FindingKind(_WARNING, "graphs that were traced as a whole and not by node"),
    "range-never-closed": FindingKind(_DOUBTFUL, "a range without an end"),
    "range-unusable": FindingKind(_WARNING, "a range whose name or times cannot be used"),
    "range-across-threads": FindingKind(_INFO, "a range that opened and closed on different threads"),
    "range-without-work": FindingKind(_INFO, "ranges that launched nothing on the GPU"),
    "several-devices": FindingKind(
        _INFO, "a trace of several GPUs or processes, each with rows and totals of its own", also=_DOUBTFUL
    ),
    "launch-without-kernel": FindingKind(_WARNING, "launches whose kernels are not in the trace"),
    "range-of-other-thread": FindingKind(_DOUBTFUL, "operations in a start/end range that another thread opened"),
    "range-of-other-domain": FindingKind(_DOUBTFUL, "operations that lie in ranges of another domain alone"),
    "trace-table": FindingKind(_WARNING, "a table of the trace is missing, or has a name that is not known"),
    "no-ranges": FindingKind(_WARNING, "nothing can be attributed to an op"),
    "nsys-diagnostic": FindingKind(_INFO, "an error or a warning that nsys itself wrote into the trace"),
    "launch-unmatched": FindingKind(_WARNING, "launches that only one of ncu and nsys has", also=_INFO),
    "ncu-nsys-time": FindingKind(_DOUBTFUL, "an op whose times under ncu and nsys differ"),
}
"""Every kind that this version makes; a report of a newer one may hold others."""
