"""Finds kernels by name at run time: the wheels drop names between releases, so nothing imports them ahead."""

import importlib
import os
from functools import cache
from typing import cast

from roofprof.harness.inputs.preload import preload_libraries
from roofprof.harness.inputs.tensors import Kernel


class MissingKernelError(Exception):
    """A name is missing; the text says which and why."""


def find(path: str) -> Kernel:
    """The object named `module:attribute.attribute`; `torch.ops.LIBRARY:` loads the library's package first.

    Raises:
        MissingKernelError: the package does not import or does not hold the name.
    """
    found, why = _find(path)
    if why is not None:
        raise MissingKernelError(why)
    return cast(Kernel, found)


def why_missing(path: str) -> str | None:
    """Why a name is missing, or None when it is there."""
    return _find(path)[1]


@cache
def _find(path: str) -> tuple[object, str | None]:
    module_name, _, attributes = path.partition(":")
    try:
        found = _import(module_name)
    except Exception as error:  # a damaged wheel fails in many ways, none of which may end the listing
        return None, f"{module_name} does not import: {_first_line(error)}"
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            return None, f"{module_name} has no {attributes}"
    return found, None


def _import(module_name: str) -> object:
    # flashinfer.norm is CuTe-DSL otherwise, which the wheels alone do not bring; sgl_kernel imports it too
    os.environ.setdefault("FLASHINFER_USE_CUDA_NORM", "1")
    if module_name.startswith(("sgl_kernel", "torch.ops.sgl_kernel", "deep_gemm")):
        preload_libraries()
    if module_name.startswith("torch.ops."):
        import torch

        library = module_name.removeprefix("torch.ops.")
        importlib.import_module(library)
        return getattr(torch.ops, library)
    return importlib.import_module(module_name)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
