"""Steps of serving engines: one forward pass over a batch, with how many requests are in it.

    [Executor] _forward_step 7: 0 ctx reqs, 64 gen reqs                      TensorRT-LLM
    step[DECODE bs=64 g_sqsq=64 g_sqsk=262144 g_sk=262144]                   SGLang
    execute_64_context_0(sq0sk0sqsq0sqsk0)_generation_64(sq64sk9sqsq9sqsk9)  vLLM
    execute_context_0(0)_generation_64(64)                                   vLLM, without details

Sources: py_executor.py of tensorrt_llm; build_step_span_name of SGLang, with roofline_annotations (sgl-project/
sglang#24911 and its tests); gpu_worker.py of vLLM, with detailed_trace_annotation (vllm-project/vllm#37524, #45069).
The sums over queries and cached tokens (sq, sk, sqsq, sqsk) are those of one step and grow with the next, so that all
but the number of queries are left out of the key. None of these names says FLOPs or bytes.
"""

import re
from dataclasses import dataclass

from roofprof.names.name import Asked, Reading, ReadName
from roofprof.names.numbers import PLACE

TENSORRT_LLM, SGLANG, VLLM = "tensorrt-llm", "sglang", "vllm"

_COUNT = r"[0-9]{1,15}"
_TENSORRT_LLM = re.compile(
    rf"\[Executor\] _forward_step(?: ({_COUNT}|\{{\}}))?: "
    rf"({_COUNT}) ctx reqs(?:, {_COUNT} ctx tokens)?, ({_COUNT}) gen reqs"
)
_SGLANG = re.compile(
    rf"step\[([A-Z][A-Z0-9_]{{0,40}})((?: (?:bs|toks|c|g)={_COUNT}){{0,4}})"
    r"(?: [cg]_(?:sq|sk|sqsq|sqsk)=[0-9]{1,40}){0,8}\]"
)
_SUMS = r"(?:sk[0-9]{1,40}sqsq[0-9]{1,40}sqsk[0-9]{1,40})?"
_VLLM = re.compile(
    rf"execute_{_COUNT}_context_({_COUNT})\(sq({_COUNT}){_SUMS}\)_generation_({_COUNT})\(sq({_COUNT}){_SUMS}\)"
)
_VLLM_SHORT = re.compile(rf"execute_context_({_COUNT})\({_COUNT}\)_generation_({_COUNT})\({_COUNT}\)")
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step ran; None where requests of both kinds are in it, or the name does not tell."""

    phase: str | None
    batch: int | None
    """Sequences."""


def read(text: str, asked: Asked) -> Reading | None:
    """A step of one of these engines."""
    if len(text) > _LONGEST:
        return None
    if text.startswith("[Executor]"):
        return _tensorrt_llm(text)
    if text.startswith("step["):
        return _sglang(text)
    return _vllm(text) if text.startswith("execute_") else None


def _tensorrt_llm(text: str) -> Reading | None:
    match = _TENSORRT_LLM.fullmatch(text)
    if match is None:
        return None
    number = match[1]
    start, end = match.span(1) if number else (0, 0)
    key = text[:start] + PLACE + text[end:] if number else text
    label = text[: start - 1] + text[end:] if number else text
    step = int(number) if number and number != PLACE else None
    return Reading(ReadName(key, label, step=step, writer=TENSORRT_LLM))


def _sglang(text: str) -> Reading | None:
    match = _SGLANG.fullmatch(text)
    if match is None:
        return None
    key = f"step[{match[1]}{match[2]}]"
    return Reading(ReadName(key, key, writer=SGLANG))


def _vllm(text: str) -> Reading | None:
    if _VLLM_SHORT.fullmatch(text):
        return Reading(ReadName(text, text, writer=VLLM))
    match = _VLLM.fullmatch(text)
    if match is None:
        return None
    before = text[: match.start(1)]
    key = f"{before}{match[1]}(sq{match[2]})_generation_{match[3]}(sq{match[4]})"
    return Reading(ReadName(key, key, writer=VLLM))


def batch_of(text: str) -> Batch | None:
    """Phase and batch of a step, or None for any other name."""
    if len(text) > _LONGEST:
        return None
    if match := _TENSORRT_LLM.fullmatch(text):
        return _counted(int(match[2]), int(match[3]))
    if match := _VLLM.fullmatch(text):
        return _counted(int(match[1]), int(match[3]))
    if match := _VLLM_SHORT.fullmatch(text):
        return _counted(int(match[1]), int(match[2]))
    if match := _SGLANG.fullmatch(text):
        phase = {"DECODE": "decode", "EXTEND": "prefill"}.get(match[1])
        size = re.search(r" bs=([0-9]+)", match[2])
        return Batch(phase, int(size[1]) if phase and size else None)
    return None


def _counted(context: int, generation: int) -> Batch:
    if bool(context) == bool(generation):
        return Batch(None, None)
    return Batch("prefill", context) if context else Batch("decode", generation)
