"""What a capture is asked for, checked before anything is launched."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from roofprof.errors import UsageError
from roofprof.formulas.layer import PHASES, RECIPES, LayerCase, Phase, layer_ops
from roofprof.hardware.chip import Chip
from roofprof.profiler.ncu.plan import Cache, Plan, layer_plan, workload_plan

VARIANTS = ("topk_softmax", "topk_sigmoid", "merge_state")
"""Ops beside those of the layer, by --variants."""
EXPERT_COUNTS = ("16", "32", "64", "128", "256")
"""Numbers of experts that the router can group as the model does."""
MIN_TRACED_REPEATS = 10
"""Calls of each op under nsys at least."""
_LAYERS = ("moe", "dense")
_CACHES: dict[str, tuple[Cache, ...]] = {"cold": ("cold",), "warm": ("warm",), "both": ("cold", "warm")}


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """The options of `roofprof capture`, as docs/capture.md describes them."""

    output: Path
    phase: str = "decode"
    batch: tuple[int, ...] = (64,)
    seq_len: int = 4096
    prefill_batch: int = 1
    prefill_len: int = 1024
    layer: str = "moe"
    recipe: str = "auto"
    tp: int = 1
    ep: int = 1
    experts: int | None = None
    only: str | None = None
    impl: tuple[str, ...] = ()
    repeats: int = 3
    seed: int = 0
    skew: float | None = None
    rotate: bool = True
    variants: bool = False
    cache: str = "cold"
    groups: tuple[str, ...] = ()
    timeout_s: float | None = None
    ncu_args: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    """Another workload than the layer."""
    force: bool = False
    nsys: bool = True
    """Trace the same commands under nsys too."""
    graph: bool = True
    """Under nsys, replay decode as a CUDA graph as well."""
    keep_nsys_rep: bool = False
    """Keep nsys' own report, which holds the whole environment."""

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases to capture, in order."""
        return PHASES if self.phase == "all" else tuple(p for p in PHASES if p == self.phase)

    @property
    def caches(self) -> tuple[Cache, ...]:
        """The cache modes to capture, in order."""
        return _CACHES[self.cache]

    def cases(self) -> list[LayerCase]:
        """Every case of the layer that is asked for; an automatic recipe stands as bf16 here."""
        recipe = RECIPES["bf16" if self.recipe == "auto" else self.recipe]
        layer: Literal["moe", "dense"] = "dense" if self.layer == "dense" else "moe"
        sizes = {"decode": (self.batch, self.seq_len), "prefill": ((self.prefill_batch,), self.prefill_len)}
        return [
            LayerCase(phase, batch, sizes[phase][1], recipe, layer, self.tp, self.ep)
            for phase in self.phases
            for batch in sizes[phase][0]
        ]

    def check(self) -> None:
        """Refuse what does not exist or is out of range.

        Raises:
            UsageError: naming the option.
        """
        _one_of("--cache", self.cache, _CACHES)
        if self.timeout_s is not None and not self.timeout_s > 0:
            raise UsageError(f"--timeout {self.timeout_s:g} is out of range", "give seconds, more than 0")
        if self.keep_nsys_rep and not self.nsys:
            raise UsageError("--keep-nsys-rep and --no-nsys exclude each other", "leave one out")
        if self.command:
            return
        _one_of("--phase", self.phase, (*PHASES, "all"))
        _one_of("--layer", self.layer, _LAYERS)
        _one_of("--recipe", self.recipe, ("auto", *RECIPES))
        _in_range("--repeats", self.repeats, 1, 10_000)
        _in_range("--seed", self.seed, 0, 2**63 - 1)
        if self.experts is not None:
            _one_of("--experts", str(self.experts), EXPERT_COUNTS)
            if self.experts % self.ep:
                raise UsageError(f"--ep {self.ep} does not divide --experts {self.experts}")
        if self.skew is not None and not 0 <= self.skew <= 4:
            raise UsageError(f"--skew {self.skew:g} is out of range", "use 0 (uniform) to 4")
        if not self.batch:
            raise UsageError("--batch is empty", "give sizes such as 1,64,128")
        for case in self.cases():
            case.check()
        self._check_ops()

    def _check_ops(self) -> None:
        known = list(dict.fromkeys(op for phase in self.phases for op in self._ops(phase)))
        hint = f"the ops are {', '.join(known)}"
        if self.only is not None:
            try:
                re.compile(self.only)
            except re.error as error:
                raise UsageError(f"--only {self.only!r} is no regular expression: {error}") from None
            if not self.wanted_phases():
                raise UsageError(f"no op matches --only {self.only!r}", hint)
        for choice in self.impl:
            op, separator, name = choice.partition("=")
            if not separator or not name:
                raise UsageError(f"--impl {choice!r} is not of the form op=name", "for instance rope=torch")
            if op not in known:
                raise UsageError(f"no op is named {op!r}", hint)

    def wanted_phases(self) -> tuple[Phase, ...]:
        """The phases that have an op which --only finds."""
        if self.only is None:
            return self.phases
        pattern = re.compile(self.only)
        return tuple(p for p in self.phases if any(pattern.search(op) for op in self._ops(p)))

    def _ops(self, phase: Phase) -> list[str]:
        """Names of a phase's ops, whatever recipe `auto` comes to."""
        names: dict[str, None] = {}
        for case in self.cases():
            recipes = RECIPES.values() if self.recipe == "auto" else [case.recipe]
            if case.phase == phase:
                names |= dict.fromkeys(op.op for r in recipes for op in layer_ops(replace(case, recipe=r)))
        return [*names, *(VARIANTS if self.variants else ())]

    def plan(self, table: Chip) -> Plan:
        """The ncu runs of each phase."""
        if self.command:
            return workload_plan(table, self.caches, self.groups)
        return layer_plan(table, self.recipe, self.caches, self.groups)

    @property
    def traced_repeats(self) -> int:
        """Calls of each op under nsys: a launch costs next to nothing there, and medians like more than three."""
        return max(self.repeats, MIN_TRACED_REPEATS)

    def traced_command(self, phase: Phase, progress: Path, graph: bool) -> list[str]:
        """The process for nsys: all cases in one profiled region, because nsys writes a report for each."""
        words = replace(self, repeats=self.traced_repeats).harness_command(phase, None, progress)
        return [*words, "--profiler-range", "once", *(["--graph"] if graph else [])]

    def harness_command(self, phase: Phase, json_out: Path | None, progress: Path) -> list[str]:
        """The process that launches one phase of the layer, all its batch sizes."""
        words: list[object] = [sys.executable, "-m", "roofprof.harness.run", "--phase", phase]
        if phase == "decode":
            words += ["--batch", ",".join(map(str, self.batch)), "--seq-len", self.seq_len]
        else:
            words += ["--prefill-batch", self.prefill_batch, "--prefill-len", self.prefill_len]
        words += self._layer_words()
        # The harness refuses an implementation of an op that its phase does not have.
        here = self._ops(phase)
        for choice in self.impl:
            if choice.partition("=")[0] in here:
                words += ["--impl", choice]
        words += [*([] if self.rotate else ["--no-rotate"]), *(["--variants"] if self.variants else [])]
        if json_out is not None:
            words += ["--json-out", json_out]
        return [*map(str, words), "--progress", str(progress)]

    def _layer_words(self) -> list[object]:
        """The options that the harness and this command have in common."""
        words: list[object] = ["--layer", self.layer, "--tp", self.tp, "--ep", self.ep]
        words += ["--repeats", self.repeats, "--seed", self.seed]
        if self.recipe != "auto":
            words += ["--recipe", self.recipe]
        if self.experts is not None:
            words += ["--experts", self.experts]
        if self.skew is not None:
            words += ["--skew", self.skew]
        if self.only is not None:
            words += ["--only", self.only]
        return words

    def recorded_command(self) -> list[str]:
        """This command for the manifest: text that the user wrote freely is left out."""
        words: list[object] = ["roofprof", "capture", "--cache", self.cache]
        if self.groups:
            words += ["--groups", ",".join(self.groups)]
        if self.timeout_s is not None:
            words += ["--timeout", f"{self.timeout_s:g}"]
        words += [*([] if self.nsys else ["--no-nsys"]), *(["--keep-nsys-rep"] if self.keep_nsys_rep else [])]
        if self.command:
            return [*map(str, words), "--", "<command>"]
        words += ["--phase", self.phase, "--batch", ",".join(map(str, self.batch)), "--seq-len", self.seq_len]
        words += [
            "--prefill-batch",
            self.prefill_batch,
            "--prefill-len",
            self.prefill_len,
            "--recipe",
            self.recipe,
        ]
        free = {"--only": "<regex>"}
        common = self._layer_words()
        pairs = zip(common[::2], common[1::2], strict=True)
        words += [w for name, value in pairs if name != "--recipe" for w in (name, free.get(str(name), value))]
        for choice in self.impl:
            words += ["--impl", f"{choice.partition('=')[0]}=<name>"]
        words += [*([] if self.rotate else ["--no-rotate"]), *([] if self.graph else ["--no-graph"])]
        return [*map(str, words)]

    def free_text(self) -> Sequence[str]:
        """What the user wrote freely, to be scrubbed from all that is kept.

        Not --only and --impl: they hold names of ops and implementations, which the capture is about.
        """
        return [str(self.output), str(self.output.absolute()), *self.ncu_args, *self.command]


def _one_of(option: str, value: str, known: Sequence[str] | dict[str, tuple[Cache, ...]]) -> None:
    if value not in known:
        raise UsageError(f"{option} {value!r} is unknown", f"use one of {', '.join(known)}")


def _in_range(option: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UsageError(f"{option} {value} is out of range", f"use {low} to {high}")
