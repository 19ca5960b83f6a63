"""The text of a Python dict that SGLang's, vLLM's and TensorRT-LLM's layerwise hooks push round every module.

    {'Module': 'model.model.layers.0.self_attn.o_proj', 'TrainableParams': {'weight': [7168, 16384]},
     'Inputs': [[8, 16384]]}

Sources: our capture of SGLang 0.5.11 (--enable-layerwise-nvtx-marker); sglang/srt/utils/nvtx_pytorch_hooks.py,
vllm/utils/nvtx_pytorch_hooks.py (--enable-layerwise-nvtx-tracing), tensorrt_llm's LayerwiseNvtxMarker. All keys but
Module may be missing; `StaticParams` may follow; a profiler may cut the text off anywhere.
"""

import re
from collections.abc import Mapping

from roofprof.names.modules import Module, module_of
from roofprof.names.name import Asked, Reading, ReadName
from roofprof.names.numbers import PLACE
from roofprof.names.products import Found, gemm, linear, linear_w4
from roofprof.names.sizes import Sizes, first_of_lists, list_of_lists, rows_of, shown, sizes_of, usable

NAME = "layerwise"

_START = re.compile(r"\{(['\"])Module\1: (['\"])")
_INPUTS = re.compile(r"'Inputs': (?=\[)")
_PARAMETERS = re.compile(r"'TrainableParams': \{([^{}]*)\}?")
_PARAMETER = re.compile(r"'([^']*)': \[([0-9, ]*)\]")


def read(text: str, asked: Asked) -> Reading | None:
    """A dict with a module in it."""
    start = _START.match(text)
    if start is None:
        return None
    end = text.find(start[2], start.end())
    path = text[start.end() : end] if end >= 0 else text[start.end() :]
    rest = text[end:] if end >= 0 else ""
    module = module_of(path, asked.layers)
    inputs, first = _inputs(rest)
    weights = _parameters(rest)
    found = _work(module, inputs, weights)
    formula, shape = found or (None, {})
    key = f"{start[0]}{module.key}{rest}"
    name = ReadName(key, module.label or PLACE, module.layer, None, formula, shape, NAME)
    scope = f"{{'Module': '{module.key}'" + (f", 'Inputs': [{shown(first)}]}}" if first is not None else "}")
    return Reading(name, module.op, _detail(module, inputs, weights.get("weight")), scope)


def _inputs(rest: str) -> tuple[tuple[Sizes, ...], Sizes | None]:
    """All inputs, none where the text is cut off in them; and the first."""
    match = _INPUTS.search(rest)
    if match is None:
        return (), None
    found = list_of_lists(rest, match.end())
    return found[0] if found else (), first_of_lists(rest, match.end())


def _parameters(rest: str) -> Mapping[str, Sizes]:
    match = _PARAMETERS.search(rest)
    pairs = _PARAMETER.findall(match[1]) if match else []
    read = {name: sizes_of(sizes) for name, sizes in pairs}
    return {name: sizes for name, sizes in read.items() if sizes is not None}


def _detail(module: Module, inputs: tuple[Sizes, ...], weight: Sizes | None) -> str:
    sizes = ", ".join(map(shown, inputs))
    weighed = f" x {shown(weight)}" if weight else ""
    return f"{module.key} {sizes}{weighed}".strip()


def _work(module: Module, inputs: tuple[Sizes, ...], weights: Mapping[str, Sizes]) -> Found:
    """Formula and shape, where module, inputs and weight fit each other."""
    if not inputs or not inputs[0]:
        return None
    weight = weights.get("weight", ())
    if module.is_linear and len(inputs[0]) > 1:
        packed = weights.get("qweight")
        return _linear(inputs[0], weight) if packed is None else linear_w4(inputs[0], packed, weights.get("scales", ()))
    if module.is_norm and "bias" not in weights:
        return _norm(inputs, weight)
    if module.leaf == "rotary_emb":
        return _rope(inputs)
    return None


def _linear(x: Sizes, weight: Sizes) -> Found:
    """A weight may lie as [n, k], as [k, n], or as [n, k/2] with two FP4 numbers to a byte; not where two fit."""
    k = x[-1]
    found = linear(x, weight)
    if found or len(weight) != 2:
        return found
    turned, packed = weight[0] == k, 2 * weight[1] == k
    return gemm(rows_of(x), weight[1] if turned else weight[0], k) if turned != packed else None


def _norm(inputs: tuple[Sizes, ...], weight: Sizes) -> Found:
    """With a second input of the same sizes it adds the residual first."""
    x = inputs[0]
    if weight != (x[-1],) or not usable((rows_of(x), x[-1])) or (len(inputs) > 1 and inputs[1] != x):
        return None
    return "add_rmsnorm" if len(inputs) > 1 else "rmsnorm", {"m": rows_of(x), "d": x[-1]}


def _rope(inputs: tuple[Sizes, ...]) -> Found:
    """DeepSeek's: positions [m], queries [m, h, 64] and the one key head [m, 1, 64]."""
    match inputs:
        case ((m,), (mq, h, 64), (mk, 1, 64)) if m == mq == mk and usable((m, h)):
            return "rope", {"m": m, "h": h}
    return None
