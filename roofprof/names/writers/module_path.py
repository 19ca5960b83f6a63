"""Paths of modules, as hooks on named_modules() push them: `model.layers.0.self_attn.q_b_proj`.

Sources: our capture of transformers' DeepseekV3 with such hooks; named_modules() of transformers' models.
"""

from roofprof.names.modules import read_module
from roofprof.names.name import Asked, Reading, ReadName

NAME = "module path"
MEGATRON_NAME = "megatron"


def read(text: str, asked: Asked) -> Reading | None:
    """A path that names a layer, or starts as models do."""
    module = read_module(text, asked.layers)
    if module is None:
        return None
    writer = MEGATRON_NAME if module.megatron else NAME
    name = ReadName(module.key, module.label, module.layer, writer=writer)
    return Reading(name, module.op, detail=module.key)
