"""Every op and implementation that the modules of `harness/ops` declare."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import ModuleType

from roofprof.formulas.layer import LayerCase, OpSpec
from roofprof.harness import ops
from roofprof.harness.inputs.counts import Counts
from roofprof.harness.inputs.op import Implementation, Op


def _modules() -> Iterator[ModuleType]:
    """The modules of `harness/ops` by name; those that begin with an underscore declare nothing."""
    for name in sorted(found.name for found in pkgutil.iter_modules(ops.__path__)):
        if not name.startswith("_"):
            yield importlib.import_module(f"{ops.__name__}.{name}")


def collect_ops(modules: Iterable[ModuleType]) -> dict[str, Op]:
    """Formula to its declaration.

    Raises:
        ValueError: two modules declare the same formula.
    """
    collected: dict[str, Op] = {}
    for module in modules:
        declared: tuple[Op, ...] = getattr(module, "OPS", ())
        for op in declared:
            if op.formula in collected:
                raise ValueError(f"{module.__name__} declares {op.formula} a second time")
            collected[op.formula] = op
    return collected


def collect_implementations(modules: Iterable[ModuleType]) -> tuple[Implementation, ...]:
    """All implementations, best first for each op."""
    declared: list[Implementation] = [i for module in modules for i in getattr(module, "IMPLEMENTATIONS", ())]
    return tuple(sorted(declared, key=lambda implementation: implementation.order))


OPS = collect_ops(_modules())
CATALOGUE = collect_implementations(_modules())


def op_of(spec: OpSpec) -> Op:
    """The declaration of an op's formula; without one it has no weights and no counted sizes."""
    return OPS.get(spec.formula) or Op(spec.formula)


def counted(spec: OpSpec, counts: Counts) -> OpSpec:
    """The op with counted sizes in place of expected ones; ops that routing does not touch stay as they are."""
    sizes = op_of(spec).counted(spec, counts)
    return replace(spec, shape={**spec.shape, **sizes}) if sizes else spec


def variants_of(case: LayerCase) -> list[OpSpec]:
    """Ops outside the layer that can be run beside it."""
    return [spec for op in OPS.values() for spec in op.variants(case)]
