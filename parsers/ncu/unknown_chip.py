"""The counters of a chip without a table, read off the metric names in its report.

Runs in the reading process beside ncu_report: standard library only.
"""

import re
from collections.abc import Iterable

from roofprof.hardware.chip import Chip, PipeCounter, common_counters, cuda_core_pipe

_TENSOR_PREFIX = "sm__ops_path_tensor_"
_SOURCE = re.compile(
    re.escape(_TENSOR_PREFIX) + r"(src_(?P<source>[a-z0-9_]+?)(_dst_[a-z0-9]+)?)(?P<sparsity>_sparsity_(off|on))?\.sum"
)
_SASS = re.compile(r"smsp?__sass_thread_inst_executed_op_([fhd](?:add|mul|fma)2?)_pred_on")
_PRECISION_OF = {"fp4_fp6": "fp6", "fp4_fp6_fp8": "fp8", "fp16_bf16_tf32": "fp16"}
_PRECISIONS = ("fp4", "fp6", "fp8", "fp16", "bf16", "tf32", "int8", "fp64")


def chip_by_pattern(names: Iterable[str], label: str) -> Chip:
    """Read an unknown chip's counters off the metric names in its report.

    Per precision: the unsuffixed src_* totals where there are any, else sparsity_off plus _on; never both.
    """
    totals: dict[str, set[str]] = {}
    halves: dict[str, set[str]] = {}
    sass: set[str] = set()
    for name in names:
        if match := _SOURCE.fullmatch(name):
            precision = _PRECISION_OF.get(match["source"], match["source"])
            if precision in _PRECISIONS:
                (halves if match["sparsity"] else totals).setdefault(precision, set()).add(name.removesuffix(".sum"))
        elif match := _SASS.match(name):
            sass.add(match[1])
    pipes = {}
    for precision in totals.keys() | halves.keys():
        metrics = totals.get(precision) or halves[precision]
        dense = sorted(m for m in halves.get(precision, ()) if m.endswith("_off"))
        pipes[f"tensor_{precision}"] = PipeCounter((dict.fromkeys(sorted(metrics), 1),), dense[0] if dense else None)
    for pipe, letter, lanes in (("fp32", "f", 1), ("fp16", "h", 2), ("fp64", "d", 1)):
        weights = {f"{letter}{op}": lanes * weight for op, weight in (("add", 1), ("mul", 1), ("fma", 2))}
        weights |= {f"{i}2": 2 * w for i, w in weights.items() if f"{i}2" in sass}
        pipes[pipe] = cuda_core_pipe(weights, f"{letter}fma")
    return Chip(label, pipes, common_counters())
