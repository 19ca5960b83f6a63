"""Kernels looked up by name, and why one is missing."""

import sys
import types

import pytest

from roofprof.harness.inputs.lookup import MissingKernelError, find, why_missing


@pytest.fixture
def package(monkeypatch):
    """A package of one kernel, seen by this test alone."""
    name = "toy_kernels"
    monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    vars(sys.modules[name])["scale"] = types.SimpleNamespace(default=lambda x: 2 * x)
    return name


def test_a_name_is_found_through_attributes(package):
    assert find(f"{package}:scale.default")(21) == 42
    assert why_missing(f"{package}:scale.default") is None


def test_a_name_that_a_release_has_dropped(package):
    assert why_missing(f"{package}:rotate") == "toy_kernels has no rotate"
    with pytest.raises(MissingKernelError, match="toy_kernels has no rotate"):
        find(f"{package}:rotate")


def test_a_package_that_does_not_import(monkeypatch, tmp_path):
    (tmp_path / "damaged_kernels.py").write_text("raise OSError('libcudart.so.99: cannot open\\n  shared object file')")
    monkeypatch.syspath_prepend(str(tmp_path))
    why = why_missing("damaged_kernels:scale")
    assert why == "damaged_kernels does not import: libcudart.so.99: cannot open shared object file"
    assert (why_missing("no_such_kernels:scale") or "").startswith("no_such_kernels does not import: No module named")
