"""Plans a case: which implementation runs each op, and under which range name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from roofprof.errors import RoofprofError, UsageError
from roofprof.formulas.collectives import COLLECTIVE_NAMES
from roofprof.formulas.layer import RECIPES, LayerCase, OpSpec, Recipe, layer_ops
from roofprof.formulas.range_names import format_range_name
from roofprof.harness.inputs.call import Call
from roofprof.harness.inputs.context import Context
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.machine import Machine
from roofprof.harness.inputs.op import Implementation
from roofprof.harness.plan.catalogue import CATALOGUE, counted, variants_of
from roofprof.harness.plan.choice import Choice, choose

NEEDS_RANKS = "it needs several GPUs"
_ROUTED = ("moe_gate_up", "moe_down")


@dataclass(frozen=True, slots=True)
class MixedRecipe(Recipe):
    """A recipe in which some ops have their own precision."""

    own: Mapping[str, str] = field(default_factory=dict)
    """Op to precision."""

    def of(self, op: str) -> str:
        """Precision of an op's inputs."""
        return self.own.get(op) or Recipe.of(self, op)


@dataclass(frozen=True, slots=True)
class PlannedOp:
    """One op of the case."""

    spec: OpSpec
    """Shape as `layer_ops` expects it."""
    choice: Choice
    fused_into: str | None = None
    """The op whose implementation does this one's work as well."""

    @property
    def implementation(self) -> Implementation | None:
        """What runs it, or None."""
        return None if self.fused_into else self.choice.implementation

    @property
    def is_collective(self) -> bool:
        """Whether it takes several GPUs."""
        return self.spec.formula in COLLECTIVE_NAMES

    @property
    def not_run(self) -> str | None:
        """Why it does not run, or None."""
        if self.is_collective and self.choice.machine.ranks == 1:
            return NEEDS_RANKS
        if self.fused_into:
            return f"fused into {self.fused_into}"
        if self.choice.implementation is None:
            return "; ".join(f"{name}: {why}" for name, why in self.choice.refused.items()) or "nothing implements it"
        return None

    def actual_spec(self, counts: Counts, implementation: Implementation | None = None) -> OpSpec:
        """The op with counted sizes, and the formula of the work that the implementation really does."""
        chosen, spec = implementation or self.implementation, counted(self.spec, counts)
        return spec if chosen is None or chosen.actual_spec is None else chosen.actual_spec(spec, counts)

    def range_name(self, counts: Counts) -> str:
        """The NVTX range name, all sizes counted."""
        spec = self.actual_spec(counts)
        return format_range_name(spec.op, spec.formula, spec.shape)

    def make_call(self, ctx: Context, implementation: Implementation) -> Call:
        """The op's inputs, which depend on the random seed and the op's name alone, and the call that runs it."""
        spec = counted(self.spec, ctx.counts)  # may draw the routing, which has a seed of its own
        ctx.seed_for(self.spec.op)
        return implementation.make(ctx, spec)


def recipe_for(name: str, machine: Machine) -> Recipe:
    """A recipe by name; `auto` is what the GPU can run: fp8 on 9.0, nvfp4-v2 on 10.x, else bf16."""
    if name == "auto":
        capability = machine.capability or (0, 0)
        name = {(9, 0): "fp8", (10, 0): "nvfp4-v2", (10, 3): "nvfp4-v2"}.get(capability, "bf16")
    if name not in RECIPES:
        raise UsageError(f"unknown recipe {name!r}", f"use auto, {', '.join(RECIPES)}")
    return RECIPES[name]


def plan_case(
    case: LayerCase,
    machine: Machine,
    wanted: Mapping[str, str],
    only: str | None = None,
    variants: bool = False,
) -> list[PlannedOp]:
    """The ops of a case in launch order, each with its implementation.

    Args:
        wanted: op to the implementation that it must have.
        only: regular expression that op names must match in full or in part.
        variants: also the ops outside the layer that modules of `harness/ops` declare.

    Raises:
        UsageError: an op or implementation of `wanted`, or `only`, matches nothing.
        RoofprofError: a wanted implementation cannot run here.
    """
    mixed = replace(case, recipe=_mixed_recipe(case, wanted))
    specs = [*layer_ops(mixed), *(variants_of(mixed) if variants else ())]
    if unknown := sorted(wanted.keys() - {s.op for s in specs}):
        raise UsageError(f"unknown op in --impl for this case: {unknown[0]}", "see --list")
    planned = _choose_all(specs, machine, dict(wanted))
    if only is None:
        return planned
    chosen = [p for p in planned if _matches(only, p.spec.op)]
    if not chosen:
        raise UsageError(f"--only {only!r} matches no op", f"ops: {', '.join(p.spec.op for p in planned)}")
    return chosen


def require_runnable(planned: Sequence[PlannedOp], machine: Machine) -> None:
    """Refuse a plan with an op that nothing here can run.

    Raises:
        RoofprofError: names the first such op and why.
    """
    for op in planned:
        if op.choice.implementation is None and not op.fused_into and op.not_run != NEEDS_RANKS:
            what = " in ".join(str(word) for word in (op.spec.op, op.spec.shape.get("precision")) if word)
            raise RoofprofError(
                f"nothing can run {what} on {machine.label}: {op.not_run}",
                "choose another --recipe, or leave the op out with --only",
            )


def _matches(only: str, op: str) -> bool:
    try:
        return re.search(only, op) is not None
    except re.error as error:
        raise UsageError(f"invalid regular expression in --only: {only!r} ({error})") from error


def _mixed_recipe(case: LayerCase, wanted: Mapping[str, str]) -> Recipe:
    """The recipe, changed to the precisions that wanted implementations take."""
    recipe, own = case.recipe, {}
    for spec in layer_ops(case):
        precision = spec.shape.get("precision")
        serving = [i for i in CATALOGUE if i.serves(spec) and i.name == wanted.get(spec.op)]
        if not spec.op.startswith("quant_") and serving and serving[0].precisions and precision:
            accepted = serving[0].precisions
            own[spec.op] = str(precision) if precision in accepted else min(accepted)
    if not own:
        return recipe
    routed = {own.get(op, recipe.experts) for op in _ROUTED} - {recipe.experts} or {recipe.experts}
    if len({own[op] for op in _ROUTED if op in own}) > 1:
        raise UsageError("moe_gate_up and moe_down cannot differ in precision", "give --impl for both")
    kept = {op: recipe.of(op) for kind in ("shared", "dense") for op in (f"{kind}_gate_up", f"{kind}_down")}
    return MixedRecipe(
        recipe.name,
        recipe.attention_in,
        recipe.o_proj,
        routed.pop(),
        recipe.bmm,
        recipe.note,
        {**kept, **own},
    )


def _choose_all(specs: list[OpSpec], machine: Machine, wanted: dict[str, str]) -> list[PlannedOp]:
    choices = {s.op: _choose(s, machine, wanted.get(s.op)) for s in specs}
    fused: dict[str, str] = {}
    for spec in specs:
        chosen = choices[spec.op].implementation
        if chosen is None or spec.op in fused:
            continue
        fused |= dict.fromkeys(chosen.fuses(spec.op) if chosen.fuses else (), spec.op)
        for other, name in chosen.requires:
            if other in choices and other not in wanted:
                partner = next(s for s in specs if s.op == other)
                choices[other] = _choose(partner, machine, name)
    return [PlannedOp(s, choices[s.op], fused.get(s.op)) for s in specs]


def _choose(spec: OpSpec, machine: Machine, wanted: str | None) -> Choice:
    if spec.formula in COLLECTIVE_NAMES and machine.ranks == 1:
        return Choice(None, spec, (), machine)
    return choose(spec, CATALOGUE, machine, wanted)
