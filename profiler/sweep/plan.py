"""What a sweep captures: sizes in, one capture for each length out."""

from dataclasses import dataclass, replace
from pathlib import Path

from roofprof.formulas.layer import Phase
from roofprof.options import option
from roofprof.profiler.run.options import CaptureOptions


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """What a sweep is asked for."""

    base: CaptureOptions
    """`output` is the sweep's folder, `phase` and `batch` count, and all that is not a size."""
    seq_lens: tuple[int, ...] = option((4096,), "Decode: KV lengths; one capture each.", "sweep", flag="--seq-len")
    prefill_batches: tuple[int, ...] = option(
        (1,), "Prefill: sequences; one capture per pair with a length.", "sweep", flag="--prefill-batch"
    )
    prefill_lens: tuple[int, ...] = option((1024,), "Prefill: new tokens per sequence.", "sweep", flag="--prefill-len")


@dataclass(frozen=True, slots=True)
class SweepCapture:
    """One capture of a sweep."""

    phase: Phase
    batches: tuple[int, ...]
    seq_len: int

    @property
    def name(self) -> str:
        """Its directory; a prefill capture has one batch, which tells it apart."""
        return f"decode-s{self.seq_len}" if self.phase == "decode" else f"prefill-b{self.batches[0]}-s{self.seq_len}"

    def options(self, base: CaptureOptions, folder: Path) -> CaptureOptions:
        """The options of this capture."""
        own = replace(base, output=folder, phase=self.phase)
        if self.phase == "decode":
            return replace(own, batch=self.batches, seq_len=self.seq_len)
        return replace(own, prefill_batch=self.batches[0], prefill_len=self.seq_len)


def planned_captures(options: SweepOptions) -> list[SweepCapture]:
    """Every capture that covers the points, in order.

    Raises:
        UsageError: a size or another option is out of range.
    """
    base, phases = options.base, options.base.phases
    planned = [SweepCapture("decode", base.batch, length) for length in options.seq_lens if "decode" in phases]
    for batch in options.prefill_batches if "prefill" in phases else ():
        planned += [SweepCapture("prefill", (batch,), length) for length in options.prefill_lens]
    if not planned:
        base.check()
    for item in planned:
        item.options(base, base.output).check()
    return planned
