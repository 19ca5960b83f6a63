"""What a name without a formula lacks."""

import pytest
from real_names import EVERY

from roofprof.names.missing import missing_in
from roofprof.names.reading import read_name


@pytest.mark.parametrize(
    ("name", "why", "hint"),
    [
        ("aten::mm, seq = 5, op_id = 7", "no sizes", "record_shapes=True"),
        ("aten::add, sizes = [[8], [8]]", "no formula fits", "--ops"),
        ("{'Module': 'model.layers.0.self_attn.q_b_proj', 'Inputs': [[64, 1536]]}", "inputs and weight", "--ops"),
        ("model.layers.0.self_attn.q_b_proj", "path has no sizes", "layerwise"),
        ("[Executor] _forward_step 7: 0 ctx reqs, 64 gen reqs", "whole step", "range round each op"),
        ("decode_step", "name alone", "op:formula"),
        ("a b", "characters other than", "op:formula"),
    ],
)
def test_it_says_what_and_what_helps(name: str, why: str, hint: str) -> None:
    missing = missing_in(read_name(name))
    assert why in missing.why
    assert hint in missing.hint


def test_every_writer_has_words_for_it() -> None:
    for real in EVERY:
        if real.formula is None:
            assert missing_in(read_name(real.name)).why
