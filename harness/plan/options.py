"""The command-line options that choose cases, shared by run and verify."""

import argparse
from dataclasses import dataclass
from typing import Literal

from roofprof.errors import UsageError
from roofprof.formulas.layer import EXPERTS, PHASES, LayerCase
from roofprof.harness.inputs.machine import Device, Machine
from roofprof.harness.plan.choose import PlannedOp, plan_case, recipe_for

_EXPERT_COUNTS = (16, 32, 64, 128, 256)


class _Parser(argparse.ArgumentParser):
    """Raises instead of exiting, so that every error has one form."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(message, f"see {self.prog} --help")


@dataclass(frozen=True, slots=True)
class CaseOptions:
    """What the options say, checked."""

    phases: tuple[str, ...]
    batches: tuple[int, ...]
    seq_len: int
    prefill_batch: int
    prefill_len: int
    layer: Literal["moe", "dense"]
    recipe: str
    tp: int
    ep: int
    experts: int
    only: str | None
    wanted: tuple[tuple[str, str], ...]
    variants: bool
    device: Device
    seed: int
    skew: float

    def cases(self, machine: Machine) -> list[LayerCase]:
        """The cases in the order in which they run.

        Raises:
            UsageError: a size is out of range.
        """
        recipe, cases = recipe_for(self.recipe, machine), []
        for phase in PHASES:
            if phase not in self.phases:
                continue
            decode = phase == "decode"
            for batch in self.batches if decode else (self.prefill_batch,):
                seq_len = self.seq_len if decode else self.prefill_len
                cases.append(LayerCase(phase, batch, seq_len, recipe, self.layer, self.tp, self.ep))
        for case in cases:
            case.check()
        if self.experts // self.ep < 1 or self.experts % self.ep:
            raise UsageError(f"--ep {self.ep} does not divide --experts {self.experts}")
        return cases

    def plan(self, case: LayerCase, machine: Machine) -> list[PlannedOp]:
        """The plan of one case; an implementation wanted for another case's op is left out here."""
        here = dict(self.wanted)
        if len(self.phases) > 1:
            ops = {p.spec.op for p in plan_case(case, machine, {}, None, self.variants)}
            here = {op: name for op, name in here.items() if op in ops or op.removeprefix("quant_") in ops}
        return plan_case(case, machine, here, self.only, self.variants)


def case_parser(prog: str, description: str) -> argparse.ArgumentParser:
    """A parser with the options of `CaseOptions`."""
    parser = _Parser(prog=prog, description=description, allow_abbrev=False)
    add = parser.add_argument
    add("--phase", choices=(*PHASES, "all"), default="decode")
    add("--batch", default="64", metavar="N[,N..]", help="decode: sequences")
    add("--seq-len", type=int, default=4096, metavar="N", help="decode: KV length")
    add("--prefill-batch", type=int, default=1, metavar="N", help="prefill: sequences")
    add("--prefill-len", type=int, default=1024, metavar="N", help="prefill: new tokens a sequence")
    add("--layer", choices=("moe", "dense"), default="moe")
    add("--recipe", default="auto", help="auto, nvfp4, nvfp4-v2, fp8 or bf16")
    add("--tp", type=int, default=1, metavar="N", help="this GPU's share of heads and MLP widths: 1/N")
    add("--ep", type=int, default=1, metavar="N", help="this GPU's share of the experts: 1/N")
    add(
        "--experts",
        type=int,
        default=EXPERTS,
        metavar="N",
        help="routed experts in all, fewer to save memory",
    )
    add("--only", metavar="REGEX", help="ops whose name matches")
    add("--impl", action="append", default=[], metavar="OP=NAME", help="implementation of an op; repeatable")
    add("--variants", action="store_true", help="also topk_softmax, topk_sigmoid and merge_state")
    add("--device", choices=("cuda", "cpu"), default="cuda")
    add("--seed", type=int, default=0, metavar="N")
    add("--skew", type=float, default=0.0, metavar="S", help="Zipf exponent of the routing; 0 is uniform")
    return parser


def case_options(args: argparse.Namespace) -> CaseOptions:
    """The parsed options, checked as far as possible without a GPU.

    Raises:
        UsageError: a value is out of range or malformed.
    """
    if args.experts not in _EXPERT_COUNTS:
        raise UsageError(f"--experts {args.experts} cannot be grouped", f"use {', '.join(map(str, _EXPERT_COUNTS))}")
    if not 0 <= args.skew <= 4:
        raise UsageError(f"--skew {args.skew} is out of range", "use 0 (uniform) to 4")
    return CaseOptions(
        phases=PHASES if args.phase == "all" else (args.phase,),
        batches=_batches(args.batch),
        seq_len=args.seq_len,
        prefill_batch=args.prefill_batch,
        prefill_len=args.prefill_len,
        layer=args.layer,
        recipe=args.recipe,
        tp=args.tp,
        ep=args.ep,
        experts=args.experts,
        only=args.only,
        wanted=tuple(_wanted(text) for text in args.impl),
        variants=args.variants,
        device=args.device,
        seed=args.seed,
        skew=args.skew,
    )


def _batches(text: str) -> tuple[int, ...]:
    try:
        batches = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--batch {text!r} is no list of numbers", "write --batch 1,64,128") from None
    return tuple(dict.fromkeys(batches))


def _wanted(text: str) -> tuple[str, str]:
    op, equals, name = text.partition("=")
    if not (op and equals and name):
        raise UsageError(f"--impl {text!r} is not of the form OP=NAME", "for instance --impl rope=torch")
    return op, name


def case_label(case: LayerCase) -> str:
    """Short name of a case, for messages."""
    return f"{case.phase} {case.batch}x{case.seq_len}"
