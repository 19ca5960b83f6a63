"""Phase and batch of a serving engine's step, and the case of the ops in it."""

import polars as pl
import pytest

from roofprof.launches.ranges import name_ranges
from roofprof.names.writers.engine_steps import Batch, batch_of


@pytest.mark.parametrize(
    ("name", "phase", "batch"),
    [
        ("[Executor] _forward_step 7: 0 ctx reqs, 64 gen reqs", "decode", 64),
        ("[Executor] _forward_step 7: 2 ctx reqs, 900 ctx tokens, 0 gen reqs", "prefill", 2),
        ("[Executor] _forward_step 7: 2 ctx reqs, 3 gen reqs", None, None),
        ("step[DECODE bs=16]", "decode", 16),
        ("step[EXTEND bs=2 toks=12 c_sqsq=80 c_sqsk=120 c_sk=20]", "prefill", 2),
        ("step[MIXED bs=2 c=1 g=1]", None, None),
        ("execute_64_context_0(sq0sk0sqsq0sqsk0)_generation_64(sq64sk1sqsq64sqsk1)", "decode", 64),
        ("execute_context_2(6144)_generation_0(0)", "prefill", 2),
    ],
)
def test_phase_and_batch_of_a_step(name: str, phase: str | None, batch: int | None) -> None:
    assert batch_of(name) == Batch(phase, batch)


def test_any_other_name_says_neither() -> None:
    assert batch_of("decode step 64") is None


def test_the_case_of_an_op_is_its_steps() -> None:
    path = ["step[DECODE bs=16]", "model.layers.0.self_attn.o_proj"]
    launches = pl.DataFrame({"report": ["r"], "nvtx_path": [path]})
    named, _ = name_ranges(launches, None)
    case = named["r", tuple(path)].case
    assert (case.phase, case.batch, case.seq_len) == ("decode", 16, None)
