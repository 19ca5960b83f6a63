"""Why a name gives no formula, in words, and what would help."""

from collections.abc import Mapping
from dataclasses import dataclass

from roofprof.formulas.range_names import RangeNameError, parse_range_name
from roofprof.names.name import ReadName


@dataclass(frozen=True, slots=True)
class Missing:
    """What is missing in a name."""

    why: str
    hint: str


_MAP = "name it op:formula:sizes:precision, or map it with --ops"
_BY_WRITER: Mapping[str, Missing] = {
    "layerwise": Missing("its inputs and weight give no formula of this module", "map it with --ops"),
    "module path": Missing("a module's path has no sizes", "push sizes too, as layerwise hooks do, or use --ops"),
    "megatron": Missing("it has no sizes", _MAP),
    "xla": Missing("XLA writes no sizes", "map it with --ops"),
    "nccl": Missing("it has no sizes", _MAP),
    "tensorrt-llm": Missing("it is a whole step", "push a range round each op in it"),
    "sglang": Missing("it is a whole step", "push a range round each op in it"),
    "vllm": Missing("it is a whole step", "push a range round each op in it"),
}


def missing_in(name: ReadName) -> Missing:
    """What a name without a formula lacks.

    Args:
        name: as read, with `formula` None.
    """
    if name.writer == "emit_nvtx":
        if ", sizes = " in name.key:
            return Missing("no formula fits this operator and these sizes", "map it with --ops")
        return Missing("it has no sizes", "emit_nvtx(record_shapes=True) writes them")
    if name.writer in _BY_WRITER:
        return _BY_WRITER[name.writer]
    try:
        parse_range_name(name.key)
    except RangeNameError as error:
        return Missing(str(error), _MAP)
    return Missing("it is an op's name alone", _MAP)
