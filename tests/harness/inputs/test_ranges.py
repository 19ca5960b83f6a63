"""NVTX ranges around cases and ops."""

import sys
import types

import pytest

from roofprof.formulas.layer import LayerCase
from roofprof.harness.inputs.ranges import Ranges, case_range, open_ranges


def test_the_case_names_phase_batch_and_length():
    assert case_range(LayerCase("prefill", 2, 1024)) == "prefill:case:b2:s1024"


def test_a_range_is_closed_by_an_exception():
    stack: list[str] = []
    ranges = Ranges(None, stack.append, stack.pop)
    seen: list[str] = []

    def fail() -> None:
        seen.extend(stack)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), ranges.range("rope"):
        fail()
    assert (seen, stack) == (["rope"], [])


def test_without_the_nvtx_package_torch_pushes_to_the_default_domain(monkeypatch):
    pushed: list[str] = []
    nvtx = types.SimpleNamespace(range_push=pushed.append, range_pop=pushed.pop)
    monkeypatch.setitem(sys.modules, "nvtx", None)
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=types.SimpleNamespace(nvtx=nvtx)))
    ranges = open_ranges("cuda")
    assert ranges.domain is None
    with ranges.range("rope"):
        assert pushed == ["rope"]
    with open_ranges("cpu").range("rope"):
        assert pushed == []


def test_the_nvtx_package_has_the_domain_roofprof(monkeypatch):
    calls: list[tuple[object, ...]] = []
    package = types.SimpleNamespace(
        push_range=lambda name, domain: calls.append((name, domain)), pop_range=lambda domain: calls.append((domain,))
    )
    monkeypatch.setitem(sys.modules, "nvtx", package)
    ranges = open_ranges("cpu")
    with ranges.range("rope"):
        pass
    assert ranges.domain == "roofprof"
    assert calls == [("rope", "roofprof"), ("roofprof",)]
