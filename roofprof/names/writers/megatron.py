"""Transformer Engine's ranges, `transformer_engine._Linear.forward.qkv.gemm`, and Megatron-LM's timers.

Sources: nvtx_label in transformer_engine/pytorch/module/*.py; the timers of megatron/training/training.py and
core/pipeline_parallel/schedules.py, which --profile pushes as ranges. Modules of Megatron Core
(`decoder.layers.3.self_attention.linear_qkv`) are paths: see module_path.
DeepSpeed's instrument_w_nvtx pushes names of functions, which stand as they are.
"""

import re

from roofprof.names.name import Asked, Reading, ReadName

NAME = "megatron"

_ENGINE = "transformer_engine."
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+){0,20}")
_TIMERS = frozenset(
    ("forward-backward", "forward-compute", "backward-compute", "batch-generator", "forward-recv", "forward-send",
     "backward-recv", "backward-send", "forward-send-backward-recv", "backward-send-forward-recv",
     "forward-backward-send-forward-backward-recv", "layernorm-grads-all-reduce", "embedding-grads-all-reduce",
     "all-grads-sync", "params-all-gather", "optimizer", "optimizer-copy-to-main-grad",
     "optimizer-unscale-and-check-inf", "optimizer-clip-main-grad", "optimizer-count-zeros", "optimizer-inner-step",
     "optimizer-copy-main-to-model-params", "interval-time", "train/valid/test-data-iterators-setup")
)  # fmt: skip


def read(text: str, asked: Asked) -> Reading | None:
    """A range of Transformer Engine's, without its prefix on the label, or a timer."""
    if text in _TIMERS:
        return Reading(ReadName(text, text, writer=NAME))
    if not text.startswith(_ENGINE) or not _DOTTED.fullmatch(text):
        return None
    return Reading(ReadName(text, text.removeprefix(_ENGINE), writer=NAME), detail=text)
