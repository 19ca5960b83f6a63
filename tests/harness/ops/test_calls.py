"""Every call that the implementations make, against the recorded signatures of the published wheels."""

import ast
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from roofprof.formulas.layer import RECIPES, LayerCase
from roofprof.harness.inputs import lookup
from roofprof.harness.plan.catalogue import CATALOGUE
from roofprof.harness.plan.choose import plan_case

torch = pytest.importorskip("torch")

# No wheel of the three holds these: sglang's own package, and functions bound in C++.
NOT_RECORDED = ("sglang.", "deep_gemm:", "sgl_kernel.flashmla_ops:", "torch:", "torch.nn", "triton:")
RETURNS: dict[str, Callable[..., Any]] = {
    "get_mla_metadata": lambda *a, **k: (None, None),
    "flash_mla_with_kvcache": lambda *a, **k: (None, None),
    "cutlass_mla_get_workspace_size": lambda *a, **k: 1024,
    "_maybe_get_cached_w3_w1_permute_indices": lambda cache, weight, *a, **k: torch.arange(weight.shape[0]),
    "get_w2_permute_indices_with_cache": lambda cache, weight, *a, **k: torch.arange(weight.shape[0]),
    "trtllm_fp4_block_scale_moe": lambda *a, **k: [None],
}


def signature(text: str) -> inspect.Signature:
    """A recorded parameter list as a signature."""
    (function,) = ast.parse(f"def f{text}: pass").body
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    empty, kinds = inspect.Parameter.empty, inspect.Parameter
    plain = [*arguments.posonlyargs, *arguments.args]
    without = [empty] * (len(plain) - len(arguments.defaults))
    parameters = [
        kinds(a.arg, kinds.POSITIONAL_OR_KEYWORD, default=d)
        for a, d in zip(plain, [*without, *arguments.defaults], strict=True)
    ]
    parameters += [
        kinds(a.arg, kinds.KEYWORD_ONLY, default=empty if d is None else d)
        for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    return inspect.Signature(parameters)


def schema_signature(schema: str) -> inspect.Signature:
    """An operator schema, `f(Tensor! a, int b=1) -> ()`, as a signature."""
    inside = schema[schema.index("(") + 1 : schema.rindex(") ->")]
    names = [part.split("=")[0].split()[-1] for part in inside.split(",")]
    return inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names])


class Recorder:
    """Stands in for the kernel packages of one wheel: checks how it is called and computes nothing."""

    def __init__(self, wheel: dict[str, Any]) -> None:
        self.wheel = wheel
        self.called: list[str] = []

    def holds(self, path: str) -> bool:
        if path.startswith("torch.ops."):
            return path.split(":")[1].split(".")[0] in self.wheel["schemas"]
        return path in self.wheel["names"]

    def find(self, path: str) -> Any:
        if path.startswith(("torch:", "torch.nn")):
            return lookup._find(path)[0]
        name = path.split(":")[1].removesuffix(".default")
        if path.startswith("torch.ops."):
            return self.function(path, name, schema_signature(self.wheel["schemas"][name]))
        recorded = self.wheel["names"][path]
        if isinstance(recorded, str):
            return self.function(path, name, signature(recorded))
        methods = {method: self.function(path, method, signature(text)) for method, text in recorded.items()}
        return lambda *args, **kwargs: self.instance(methods, *args, **kwargs)

    def function(self, path: str, name: str, expected: inspect.Signature) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            expected.bind(*args, **kwargs)
            self.called.append(path)
            return RETURNS.get(name, lambda *a, **k: None)(*args, **kwargs)

        return call

    def instance(self, methods: dict[str, Callable[..., Any]], *args: Any, **kwargs: Any) -> Any:
        methods["__init__"](None, *args, **kwargs)

        class Instance:
            plan = staticmethod(lambda *a, **k: methods["plan"](None, *a, **k))
            run = staticmethod(lambda *a, **k: methods["run"](None, *a, **k))

        return Instance()


def recorded_names(implementation):
    return [name for name in implementation.needs.names if not name.startswith(NOT_RECORDED)]


CALLED = [i for i in CATALOGUE if recorded_names(i)]


def specs_for(implementation, make_machine):
    for phase in ("decode", "prefill"):
        for recipe in RECIPES.values():
            case = LayerCase(phase, 5, 70, recipe, tp=8)
            for planned in plan_case(case, make_machine(None), {}, variants=True):
                precision = planned.spec.shape.get("precision")
                fits = not implementation.precisions or precision in implementation.precisions
                if implementation.serves(planned.spec) and fits:
                    yield case, planned


@pytest.mark.parametrize("implementation", CALLED, ids=lambda i: i.name)
def test_calls_fit_the_wheels(implementation, recorded, make_machine, monkeypatch):
    from roofprof.harness.inputs.context import Context, InputOptions

    wheels = [Recorder(w) for w in recorded]
    wheels = [w for w in wheels if all(w.holds(name) for name in recorded_names(implementation))]
    assert wheels, f"no recorded wheel holds {recorded_names(implementation)}"
    module = inspect.getmodule(inspect.unwrap(getattr(implementation.make, "func", implementation.make)))
    case, planned = next(specs_for(implementation, make_machine))
    for wheel in wheels:
        monkeypatch.setattr(module, "find", wheel.find)
        ctx = Context(case, InputOptions("cpu", experts=16))
        planned.make_call(ctx, implementation).run(0)
        assert {path.removesuffix(".default") for path in wheel.called} >= {
            name.removesuffix(".default") for name in recorded_names(implementation)
        }


def test_a_wrong_call_is_noticed(recorded):
    wheel = next(w for w in map(Recorder, recorded) if w.holds("sgl_kernel:bmm_fp8"))
    with pytest.raises(TypeError):
        wheel.find("sgl_kernel:bmm_fp8")(1, 2, 3)
    with pytest.raises(TypeError):
        wheel.find("torch.ops.sgl_kernel:rmsnorm.default")(1, 2)


def test_what_the_releases_dropped(recorded):
    wheels = {f"{w['package']} {w['version']}": w for w in recorded}
    assert "sgl_kernel:cutlass_scaled_fp4_mm" in wheels["sgl-kernel 0.3.21"]["names"]
    assert "sgl_kernel:cutlass_scaled_fp4_mm" not in wheels["sglang-kernel 0.4.2"]["names"]
    assert "flashinfer:mm_fp4" in wheels["flashinfer-python 0.6.8"]["names"]
