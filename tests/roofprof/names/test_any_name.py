"""Properties that hold for any name at all."""

import re

from hypothesis import given
from hypothesis import strategies as st
from real_names import EVERY, Real

from roofprof.names.labels import distinct_labels
from roofprof.names.reading import Layers, ReadPath, read_path

PIECES = (
    "aten::mm", ", seq = ", ", op_id = ", ", sizes = ", "[[8, 4], [4, 2]]", ", input_op_ids = [(1,0)]", "{'Module': '",
    "', 'Inputs': [[", "]]}", "'TrainableParams': {'weight': [", "Thunk:#", "name=", ",hlo_op=", "#", "TSL:", "layers.",
    "layer ", "Layer", "step ", "step_", "Step#", "iteration", "experts.", ".w1", "model.", "o_proj", ":gemm:m",
    "case", "{}", "{", "}", "[", "]", "(", "0", "7", "12", "٣", "²", " ", ".", ":", "/", "\n", "\x1b[31m", "\0", "'",
    "[Executor] _forward_step ", "step[DECODE bs=", "execute_", "nccl:", "transformer_engine.", "é", "a", "num_",
)  # fmt: skip
HOSTILE = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.text(max_size=30),
    st.sampled_from([real.name for real in EVERY]),
    st.builds(
        lambda real, cut, more: real.name[:cut] + more,
        st.sampled_from(EVERY), st.integers(0, 120), st.sampled_from(PIECES),
    ),
)  # fmt: skip
PATHS = st.lists(HOSTILE, max_size=4).map(tuple)


@given(PATHS, st.sampled_from(["folded", "each"]), st.sampled_from([None, "NCCL", "roofprof"]))
def test_a_path_is_always_read_and_its_key_is_the_key_of_itself(
    path: tuple[str, ...], layers: Layers, domain: str | None
) -> None:
    read = read_path(path, domain, layers)
    assert isinstance(read, ReadPath)
    assert len(read.key) == len(path)
    again = read_path(read.key, domain, layers)
    assert (again.key, again.innermost.label, again.op) == (read.key, read.innermost.label, read.op)
    assert (again.innermost.formula, again.innermost.shape) == (read.innermost.formula, read.innermost.shape)


@given(st.lists(PATHS, max_size=12))
def test_distinct_paths_have_distinct_labels(paths: list[tuple[str, ...]]) -> None:
    for every in (paths, [read_path(path).key for path in paths]):
        labels = distinct_labels(every)
        assert labels.keys() == set(every)
        assert len(set(labels.values())) == len(labels)


RUN_NUMBERS = re.compile(
    r"(?<=seq = )\d+|(?<=op_id = )\d+|(?<=program_id=)\d+|(?<=\bstep )\d+(?![.\d])|(?<=_forward_step )\d+|(?<=Step#)\d+"
    r"|(?<=layers\.)\d+|(?<=\.h\.)\d+|(?<=experts\.)\d+|(?<=g_sk=)\d+"
)


@given(st.sampled_from(EVERY), st.integers(0, 10**8))
def test_a_key_does_not_know_which_call_layer_or_step_it_was(real: Real, number: int) -> None:
    other = RUN_NUMBERS.sub(str(number), real.name)
    staged = "layers.2.blocks" in real.name
    assert staged or read_path((other,)).key == (real.key,)


@given(st.sampled_from(EVERY), st.integers(1, 10**6))
def test_a_size_is_a_part_of_the_key(real: Real, number: int) -> None:
    other = re.sub(r"(?<=\[\[)\d+", str(number), real.name)
    assert (read_path((other,)).key == (real.key,)) is (other == real.name)


LONG = (
    "aten::mm, sizes = [" + "[1, 2], " * 50_000,
    "aten::mm" + ", seq = 5" * 50_000,
    "x" + ", sizes = [[" * 30_000,
    "{'Module': '" + "a." * 100_000,
    "{'Module': 'm', 'TrainableParams': {" + "'w': [1, " * 50_000,
    "{'Module': 'm', 'Inputs': [[" + "1, " * 100_000,
    "Thunk:#" + "name=," * 60_000,
    "step " * 80_000 + "7",
    "layer" * 80_000,
    "step 7" * 60_000,
    "layers." * 60_000,
    "1" * 400_000,
    "step " + "1" * 400_000,
    "[" * 400_000,
    "a:" * 200_000,
    "nccl:" + "a " * 200_000,
    "transformer_engine." + "a." * 200_000,
)


def test_long_names_take_no_longer_than_their_length() -> None:
    """Half a megabyte each: what was quadratic would take hours."""
    for name in LONG:
        read = read_path((name + "!", name))
        assert read_path(read.key).key == read.key
        assert all(len(label) <= 210 for label in distinct_labels([(name,), (name, name), (name + "!",)]).values())
