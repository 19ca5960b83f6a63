"""The request of a run: its words and back, what it refuses, and what a record of it holds."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.errors import UsageError
from roofprof.formulas.request import EXPERT_COUNTS, LayerRequest

sizes = st.lists(st.integers(1, 4096), min_size=1, max_size=4, unique=True).map(tuple)
requests = st.builds(
    LayerRequest,
    phase=st.sampled_from(("decode", "prefill", "all")),
    batch=sizes,
    seq_len=st.integers(1, 1 << 22),
    prefill_batch=st.integers(1, 64),
    prefill_len=st.integers(1, 4096),
    layer=st.sampled_from(("moe", "dense")),
    recipe=st.sampled_from(("auto", "nvfp4", "fp8", "bf16")),
    only=st.sampled_from((None, "norm", "-|norm", "rope$|^o_proj")),
    impl=st.sampled_from(((), ("rope=torch",), ("rope=torch", "o_proj=x=y"))),
    repeats=st.integers(1, 10_000),
    experts=st.sampled_from(EXPERT_COUNTS),
    tp=st.sampled_from((1, 2, 8)),
    ep=st.sampled_from((1, 8, 16)),
    seed=st.integers(0, 2**63 - 1),
    skew=st.floats(0, 4),
    rotate=st.booleans(),
    variants=st.booleans(),
)


@given(requests)
def test_the_words_of_a_request_give_it_again(request: LayerRequest) -> None:
    assert LayerRequest.from_argv(request.to_argv()) == request


def test_the_process_of_one_phase_gets_what_concerns_it() -> None:
    request = LayerRequest(phase="all", batch=(1, 64), prefill_len=512, impl=("attn_mqa=a", "attn_mha=b", "rope=c"))
    decode, prefill = " ".join(request.to_argv("decode")), " ".join(request.to_argv("prefill"))
    assert "--phase decode --batch 1,64 --seq-len 4096 " in decode
    assert "--phase prefill --prefill-batch 1 --prefill-len 512 " in prefill
    assert "--prefill" not in decode
    assert "--impl attn_mqa=a --impl rope=c" in decode
    assert "--impl attn_mha=b --impl rope=c" in prefill


def test_a_record_holds_no_free_text() -> None:
    kept = LayerRequest(only="my-secret|rope", impl=("rope=my-secret",), skew=0.5).recorded()
    assert (kept["only"], kept["impl"], kept["skew"]) == ("<regex>", ("rope=<name>",), 0.5)
    assert LayerRequest().recorded()["only"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phase": "encode"}, "invalid --phase: 'encode'"),
        ({"experts": 100}, "invalid --experts: 100"),
        ({"repeats": 0}, "--repeats 0 is out of range"),
        ({"skew": 4.5}, "--skew 4.5 is out of range"),
        ({"skew": float("nan")}, "out of range"),
        ({"seed": -1}, "--seed -1 is out of range"),
        ({"ep": 0}, "--ep 0 is out of range"),
        ({"tp": 8, "ep": 4}, "--ep 4 is no multiple of --tp 8"),
        ({"ranks": 0}, "--ranks 0 is out of range"),
        ({"ranks": 4, "tp": 2}, "--ranks 4 is not the layer's 2"),
        ({"ranks": 4, "tp": 4, "ep": 8}, "--ranks 4 is not the layer's 8"),
        ({"experts": 64, "ep": 128}, "--ep 128 does not divide --experts 64"),
        ({"tp": 3}, "does not divide"),
        ({"only": "("}, "invalid regular expression in --only: '('"),
        ({"only": "topk_softmax"}, "no op matches --only"),
        ({"impl": ("=torch",)}, "invalid --impl: '=torch'"),
        ({"impl": ("ropes=torch",)}, "unknown op in --impl: 'ropes'"),
    ],
)
def test_what_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        replace(LayerRequest(), **change).check()
    assert message in error.value.message
