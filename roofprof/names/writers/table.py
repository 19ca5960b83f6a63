"""The writers, in the order in which they are asked; docs/extending/writer.md adds one."""

from collections.abc import Callable

from roofprof.names.name import Asked, Reading
from roofprof.names.writers import emit_nvtx, engine_steps, layerwise, megatron, module_path, nccl, own, xla

Writer = Callable[[str, Asked], Reading | None]
"""Reads a name that is of its form, and leaves every other."""

WRITERS: tuple[Writer, ...] = (
    own.read,
    emit_nvtx.read,
    layerwise.read,
    xla.read,
    engine_steps.read,
    nccl.read,
    megatron.read,
    module_path.read,
)
