"""What of the layer is to be run: every option of it once, for the command line, the capture, the harness, the record.

A new option is one field of `LayerRequest`; docs/extending/option.md follows it through.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, cast

from roofprof.errors import UsageError
from roofprof.formulas.layer import EXPERTS, PHASES, RECIPES, LayerCase, Phase, Recipe, layer_ops
from roofprof.options import Value, check_options, from_argv, name_filter, option, recorded, to_argv

VARIANTS = ("topk_softmax", "topk_sigmoid", "merge_state")
"""Ops beside those of the layer, by --variants."""
EXPERT_COUNTS = (16, 32, 64, 128, 256)
"""Numbers of experts that the router can group as the model does."""

_ALL = ("capture", "sweep", "run", "verify")
"""`run` and `verify` are the harness's own command lines."""
_SIZES = ("capture", "run", "verify")
"""A sweep takes lists of these, see `SweepOptions`."""
_RUNS = ("capture", "sweep", "run")


@dataclass(frozen=True, slots=True)
class LayerRequest:
    """The options of the layer, in the order in which help shows them."""

    phase: str = option("decode", "Phase to run.", *_ALL, choices=(*PHASES, "all"), condition=False)
    batch: tuple[int, ...] = option(
        (64,), "Decode: sequences; one or more, such as 1,64,128.", *_ALL, phase="decode", condition=False
    )
    seq_len: int = option(
        4096, "Decode: tokens in the KV cache of each sequence.", *_SIZES, phase="decode", condition=False
    )
    prefill_batch: int = option(1, "Prefill: sequences.", *_SIZES, phase="prefill", condition=False)
    prefill_len: int = option(1024, "Prefill: new tokens per sequence.", *_SIZES, phase="prefill", condition=False)
    layer: str = option("moe", "Kind of layer.", *_ALL, choices=("moe", "dense"))
    recipe: str = option(
        "auto", "Precisions of the weights; auto is what the GPU can run.", *_ALL, choices=("auto", *RECIPES)
    )
    only: str | None = option(None, "Only ops matching this regex.", *_ALL, metavar="REGEX", placeholder="<regex>")
    impl: tuple[str, ...] = option(
        (),
        "Implementation of one op; repeatable.",
        *_ALL,
        metavar="OP=NAME",
        repeatable=True,
        pairs=True,
        placeholder="<name>",
    )
    repeats: int = option(3, "Profiled calls of each op.", *_RUNS, minimum=1, maximum=10_000)
    experts: int = option(EXPERTS, "Routed experts in total; fewer fit a smaller GPU.", *_ALL, choices=EXPERT_COUNTS)
    tp: int = option(1, "Tensor-parallel degree (this GPU runs one rank's share).", *_ALL, minimum=1)
    ep: int = option(1, "Expert-parallel degree (this GPU runs one rank's share).", *_ALL, minimum=1)
    ranks: int = option(
        1, "Processes, one a GPU, that run the layer together: EP of them, or TP.", "capture", "run", minimum=1,
        maximum=65_536,
    )  # fmt: skip
    seed: int = option(0, "Random seed for inputs and routing.", *_ALL, minimum=0, maximum=2**63 - 1)
    skew: float = option(0.0, "Zipf exponent of the routing; 0 is uniform.", *_ALL, minimum=0, maximum=4)
    rotate: bool = option(True, "Rotate copies of the weights so that none stays in L2.", *_RUNS)
    variants: bool = option(False, f"Also run {', '.join(VARIANTS)}.", "capture", "run", "verify")

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases to run, in order."""
        return PHASES if self.phase == "all" else tuple(p for p in PHASES if p == self.phase)

    def cases(self, recipe: Recipe | None = None) -> list[LayerCase]:
        """Every case in the order in which they run.

        Args:
            recipe: what `auto` comes to on this machine; without it, an automatic recipe stands as bf16.
        """
        recipe = recipe or RECIPES["bf16" if self.recipe == "auto" else self.recipe]
        layer = cast(Literal["moe", "dense"], self.layer)
        sizes = {"decode": (self.batch, self.seq_len), "prefill": ((self.prefill_batch,), self.prefill_len)}
        return [
            LayerCase(phase, batch, sizes[phase][1], recipe, layer, self.tp, self.ep)
            for phase in self.phases
            for batch in sizes[phase][0]
        ]

    def check(self) -> None:
        """Refuse what does not exist or is out of range, as far as that can be said without a GPU.

        Raises:
            UsageError: naming the option.
        """
        check_options(self)
        if self.experts % self.ep:
            raise UsageError(f"--ep {self.ep} does not divide --experts {self.experts}")
        if not self.batch:
            raise UsageError("--batch is empty", "give sizes such as 1,64,128")
        for case in self.cases():
            case.check()
            if self.ranks not in (1, case.ranks):
                hint = "give --ranks as many as --ep, or as --tp without --ep"
                raise UsageError(f"--ranks {self.ranks} is not the layer's {case.ranks}", hint)
        self._check_ops()

    def _check_ops(self) -> None:
        known = list(dict.fromkeys(op for phase in self.phases for op in self.ops(phase)))
        hint = f"the ops are {', '.join(known)}"
        if self.only is not None and not self.wanted_phases():
            raise UsageError(f"no op matches --only {self.only!r}", hint)
        for choice in self.impl:
            op, _, name = choice.partition("=")
            if not op or not name:
                raise UsageError(f"invalid --impl: {choice!r}", "write OP=NAME, for instance rope=torch")
            if op not in known:
                raise UsageError(f"unknown op in --impl: {op!r}", hint)

    def wanted_phases(self) -> tuple[Phase, ...]:
        """The phases that have an op matching --only."""
        wanted = name_filter(self.only)
        return tuple(p for p in self.phases if any(map(wanted, self.ops(p)))) if wanted else self.phases

    def ops(self, phase: Phase) -> list[str]:
        """Names of a phase's ops, whatever recipe `auto` comes to."""
        names: dict[str, None] = {}
        for case in self.cases():
            recipes = RECIPES.values() if self.recipe == "auto" else [case.recipe]
            if case.phase == phase:
                names |= dict.fromkeys(op.op for r in recipes for op in layer_ops(replace(case, recipe=r)))
        return [*names, *(VARIANTS if self.variants else ())]

    def implementations(self) -> dict[str, str]:
        """The implementations asked for, by op."""
        return {op: name for op, _, name in (choice.partition("=") for choice in self.impl)}

    def to_argv(self, phase: Phase | None = None) -> list[str]:
        """The harness's command line for this request.

        Args:
            phase: for one phase alone: without the sizes of the other, and the implementations of its ops, which
                the harness refuses.
        """
        if phase is None:
            return to_argv(self, "run")
        here = self.ops(phase)
        impl = tuple(choice for choice in self.impl if choice.partition("=")[0] in here)
        return to_argv(replace(self, phase=phase, impl=impl), "run", phase)

    @classmethod
    def from_argv(cls, argv: Sequence[str], command: str = "run", prog: str = "", description: str = "") -> Self:
        """The request of a harness command line, checked.

        Raises:
            UsageError: a word or a value is wrong.
        """
        given: dict[str, Any] = dict(from_argv(cls, argv, command, prog, description))
        request = cls(**given)
        request.check()
        return request

    def recorded(self) -> dict[str, Value]:
        """Every option by name, for a manifest: free text is left out."""
        return recorded(self)
