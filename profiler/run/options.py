"""What a capture is asked for, checked before anything is launched."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

from roofprof.errors import UsageError
from roofprof.formulas.layer import Phase
from roofprof.formulas.request import LayerRequest
from roofprof.options import check_options, declared, option, recorded_argv
from roofprof.own_python import module_command
from roofprof.profiler.run.region import Region, parse_region

Cache = Literal["cold", "warm"]
MIN_TRACED_REPEATS = 10
"""Minimum of calls of each op under nsys."""
_CACHES: dict[str, tuple[Cache, ...]] = {"cold": ("cold",), "warm": ("warm",), "both": ("cold", "warm")}
_BOTH = ("capture", "sweep")


@dataclass(frozen=True, slots=True)
class CaptureOptions(LayerRequest):
    """The options of `roofprof capture`, as docs/capture.md describes them: the layer's, and how it is captured."""

    output: Path = field(kw_only=True)
    cache: str = option(
        "cold", "L2 before each kernel: cold is flushed, warm left alone.", *_BOTH, choices=tuple(_CACHES)
    )
    groups: tuple[str, ...] = option(
        (), "Further counters: l1, mufu, tensor_pipe, fp16, tf32, fp64, int8, ...", *_BOTH, metavar="GROUP[,GROUP...]"
    )
    nsys: bool = option(True, "Trace the same commands under nsys, for the timeline.", *_BOTH)
    graph: bool = option(True, "Under nsys, replay decode as a CUDA graph too.", *_BOTH)
    keep_nsys_rep: bool = option(
        False, "Keep nsys' own report: it holds your whole environment.", "capture", condition=False
    )
    timeout_s: float | None = option(
        None, "Abort a run after this many seconds without progress.", *_BOTH, flag="--timeout", metavar="SECONDS",
        above=0, unit="seconds", condition=False,
    )  # fmt: skip
    ncu_args: tuple[str, ...] = option(
        (), "Options for ncu: one quoted text, or all words up to --.", "capture", metavar="TEXT", repeatable=True,
        placeholder="<word>",
    )  # fmt: skip
    region: str = option(
        "auto", "Of another workload: api (cudaProfilerStart), nvtx:NAME, all; auto finds out.", "capture",
        metavar="REGION", condition=False,
    )  # fmt: skip
    skip: int = option(0, "Of another workload: launches left out first.", "capture", minimum=0, condition=False)
    count: int | None = option(
        None, "Of another workload: launches profiled, at most.", "capture", minimum=1, condition=False
    )
    warmup: int = option(
        0, "Of another workload: regions left out first; the next one is profiled.", "capture", minimum=0,
        condition=False,
    )  # fmt: skip
    runs: tuple[str, ...] = option(
        (), "Only these runs: core, cuda_core, tensor_ops, second_look, nsys, ...", "capture",
        metavar="RUN[,RUN...]", condition=False,
    )  # fmt: skip
    command: tuple[str, ...] = ()
    """Another workload than the layer."""
    force: bool = False

    @property
    def caches(self) -> tuple[Cache, ...]:
        """The cache modes to capture, in order."""
        return _CACHES[self.cache]

    @property
    def captured_phases(self) -> tuple[str, ...]:
        """What gets runs of its own: the phases of the layer that have a wanted op, or the one other workload."""
        return ("workload",) if self.command else self.wanted_phases()

    def check(self) -> None:
        """Refuse what does not exist or is out of range.

        Raises:
            UsageError: naming the option.
        """
        if self.keep_nsys_rep and not self.nsys:
            raise UsageError("--keep-nsys-rep and --no-nsys exclude each other", "leave one out")
        check_options(self)
        if self.runs and "core" not in self.runs:
            raise UsageError("--runs needs core: it has the time of each launch", "add core to --runs")
        _check_ncu_args(self.ncu_args)
        if self.command:
            self._check_no_layer()
            region = parse_region(self.region, self.ncu_args)
            if self.warmup and (region.kind == "all" or region.by_hand):
                raise UsageError("--warmup counts regions, and --region all has none", "use --region api or nvtx:NAME")
            return
        for flag, given in (
            ("region", self.region != "auto"),
            ("skip", self.skip),
            ("count", self.count),
            ("warmup", self.warmup),
        ):
            if given:
                raise UsageError(f"--{flag} is for another workload than the layer", "leave it out")
        LayerRequest.check(self)

    def _check_no_layer(self) -> None:
        """Refuse the layer's sizes with another workload; --tp, --ep and --ranks may say how any is cut."""
        for d in declared(LayerRequest):
            if d.name not in ("tp", "ep", "ranks") and getattr(self, d.name) != d.default:
                flag = d.name.replace("_", "-")
                raise UsageError(f"--{flag} is for the layer, and a command is given", "leave one of both out")

    def wanted_region(self) -> Region:
        """The region of another workload, as asked for."""
        return parse_region(self.region, self.ncu_args)

    @property
    def traced_repeats(self) -> int:
        """Calls of each op under nsys: a launch costs next to nothing there, and medians like more than three."""
        return max(self.repeats, MIN_TRACED_REPEATS)

    def traced_command(self, phase: Phase, progress: Path, graph: bool) -> list[str]:
        """The process for nsys: all cases in one profiled region, because nsys writes a report for each."""
        words = replace(self, repeats=self.traced_repeats).harness_command(phase, None, progress)
        return [*words, "--profiler-range", "once", *(["--graph"] if graph else [])]

    def harness_command(self, phase: str, json_out: Path | None, progress: Path) -> list[str]:
        """The process that launches one phase of the layer, all its batch sizes."""
        words = module_command("roofprof.harness.run", *self.to_argv(cast(Phase, phase)))
        if json_out is not None:
            words += ["--json-out", str(json_out)]
        return [*words, "--progress", str(progress)]

    def recorded_command(self) -> list[str]:
        """This command for the manifest: text that the user wrote freely is left out."""
        words = recorded_argv(self, "capture", without=LayerRequest if self.command else None)
        return ["roofprof", "capture", *words, *(["--", "<command>"] if self.command else [])]

    def free_text(self) -> Sequence[str]:
        """What the user wrote freely, to be scrubbed from all that is kept.

        Not --only and --impl: they hold names of ops and implementations, which the capture is about.
        """
        return [str(self.output), str(self.output.absolute()), *self.ncu_args, *self.command]


_OWN_NCU_OPTIONS = frozenset(("-o", "--export", "-i", "--import", "--log-file", "--page", "--csv", "--mode"))


def _check_ncu_args(words: Sequence[str]) -> None:
    """Refuse what would take the place of the workload, and where ncu's reports go."""
    if words and not words[0].startswith("-"):
        raise UsageError(f"--ncu-args begins with {words[0]!r}", "options of ncu begin with -; the workload follows --")
    if own := next((word for word in words if word.partition("=")[0] in _OWN_NCU_OPTIONS), None):
        raise UsageError(f"--ncu-args {own}: capture itself says where ncu's reports go", "leave it out")
