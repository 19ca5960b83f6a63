"""Ops files: the bundled ones, and what is wrong with a bad one."""

import contextlib
import copy
import datetime
import re
import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.cli import run
from roofprof.errors import ReportError, RoofprofError, UsageError
from roofprof.formulas.models import ShapeError, evaluate
from roofprof.formulas.ops_file import bundled_ops_files, load_ops_config, parse_ops_config


def test_bundled_files_load() -> None:
    assert bundled_ops_files() == ["h100-decode-b64-s4096", "sglang-vllm-layerwise"]
    assert len(load_ops_config("h100-decode-b64-s4096").rules) == 52


HOOK = (
    "{{'Module': 'top.model.layers.3.{module}', "
    "'TrainableParams': {{'weight': [24576, 1536]}}, 'Inputs': [[64, 1536]]}}"
)


@pytest.mark.parametrize(
    ("module", "op", "formula"),
    [
        ("self_attn.q_b_proj", "q_b_proj", "gemm"),
        ("self_attn.fused_qkv_a_proj_with_mqa", "fused_qkv_a_proj", "gemm"),
        ("self_attn.q_a_layernorm", "q_a_layernorm", "rmsnorm"),
        ("input_layernorm", "input_layernorm", "add_rmsnorm"),
        ("mlp.shared_experts.gate_up_proj", "shared_gate_up", "gemm"),
        ("mlp.gate_up_proj", "dense_gate_up", "gemm"),
        ("mlp.gate", "router_gemm", "gemm"),
        ("self_attn.attn_mqa", "attn_mqa", None),
        ("mlp.experts", "moe_experts", None),
    ],
)
def test_names_that_sglangs_and_vllms_hooks_emit(module: str, op: str, formula: str | None) -> None:
    match = load_ops_config("sglang-vllm-layerwise").match(HOOK.format(module=module))
    assert match is not None
    assert (match.op, match.formula) == (op, formula)
    if formula == "gemm":
        assert {k: match.shape[k] for k in "mnk"} == {"m": 64, "n": 24576, "k": 1536}


def test_the_first_rule_that_matches_wins() -> None:
    config = parse_ops_config({"op": [{"match": "a", "op": "x"}, {"match": ".", "op": "y"}]}, "f")
    assert [m.op if (m := config.match(name)) else None for name in ("a", "b", "")] == ["x", "y", None]


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"ops": []}, "unknown key 'ops'"),
        ({"case": {"batchsize": 1}}, "batchsize"),
        ({"op": [{"op": "x"}]}, "no match"),
        ({"op": [{"match": "("}]}, "no op"),
        ({"op": [{"match": "(", "op": "x"}]}, "invalid regular expression"),
        ({"op": [{"match": "x", "op": "x", "formula": "gem"}]}, "formula = 'gem': expected one of gemm"),
        ({"op": [{"match": "x", "op": "x", "formula": "gemm"}]}, "needs k, m, n"),
        (
            {"op": [{"match": "x", "op": "x", "formula": "rmsnorm", "shape": {"m": 1, "d": 1, "q": 1}}]},
            "does not take q",
        ),
        (
            {"op": [{"match": "x", "op": "x", "formula": "quant", "shape": {"m": 1, "k": 1, "precision": "fp9"}}]},
            "fp9",
        ),
    ],
)
def test_a_bad_file_says_where(table: dict[str, object], why: str) -> None:
    with pytest.raises(RoofprofError, match=why):
        parse_ops_config(table, "ops.toml")


def test_a_file_that_is_not_there_lists_the_bundled_ones() -> None:
    with pytest.raises(UsageError) as caught:
        load_ops_config("nowhere.toml")
    assert "sglang-vllm-layerwise" in (caught.value.hint or "")


GEMM = """[[op]]
match = '^mine_(?P<m>\\d+)'
op = "q_b_proj"
formula = "gemm"
shape = { n = 24576, k = 1536, precision = "fp8" }
"""

MISTAKES = {
    "a single table for the array": (
        '[op]\nmatch = "a"\nop = "x"\n',
        "op = a table: expected tables, each headed [[op]]",
    ),
    "text for the array": ('op = "a"\n', "op = 'a': expected tables, each headed [[op]]"),
    "words for tables": ('op = ["a"]\n', "op 1 = 'a': expected a table, [[op]]"),
    "a number to match": ('[[op]]\nmatch = 5\nop = "x"\n', "op 1: match = 5: expected a text in quotes"),
    "a list to match": ('[[op]]\nmatch = ["a"]\nop = "x"\n', "op 1: match = an array: expected a text in quotes"),
    "nothing to match": ('[[op]]\nmatch = ""\nop = "x"\n', "op 1: match = '': expected a text in quotes"),
    "a number for an op": (GEMM.replace('"q_b_proj"', "7"), "op 1: op = 7: expected a text in quotes"),
    "a date for an op": (
        GEMM.replace('"q_b_proj"', "2026-01-02"),
        "op 1: op = datetime.date(2026, 1, 2): expected a text",
    ),
    "a number for a formula": (GEMM.replace('"gemm"', "1"), "op 1: formula = 1: expected a text in quotes"),
    "a shape in words": (
        GEMM.replace("{ n", '"{ n').replace(" }", ' }"').replace('"fp8"', "fp8"),
        "op 1: shape = '{ n",
    ),
    "a size in words": (GEMM.replace("24576", '"24576"'), "op 1: shape.n = '24576': expected a number"),
    "a yes for a size": (GEMM.replace("24576", "true"), "op 1: shape.n = true: expected a number"),
    "a size of 0": (GEMM.replace("24576", "0"), "op 1: size n of formula gemm is 0; expected 1 to"),
    "a size below 0": (GEMM.replace("24576", "-1"), "op 1: size n of formula gemm is -1; expected 1 to"),
    "a size without end": (GEMM.replace("24576", "inf"), "op 1: size n of formula gemm is inf; expected 1 to"),
    "a size that is not a number": (GEMM.replace("24576", "nan"), "op 1: size n of formula gemm is nan; expected 1 to"),
    "a size too large": (GEMM.replace("24576", "9" * 400), "op 1: size n of formula gemm is too large; expected 1 to"),
    "thousands of digits": (GEMM.replace("24576", "9" * 5000), "is not valid TOML"),
    "a precision in digits": (GEMM.replace('"fp8"', "8"), "op 1: shape.precision = 8: expected one of fp4"),
    "a precision that is none": (GEMM.replace('"fp8"', '"fp3"'), "op 1: shape.precision = 'fp3': expected one of fp4"),
    "a group that is not a size": (GEMM.replace("<m>", "<rows>"), "op 1: formula gemm needs m"),
    "a shape without a formula": (GEMM.replace('formula = "gemm"', ""), "op 1: shape without a formula"),
    "a repetition too large": (GEMM.replace("^mine", "a{99999999999}"), "op 1: match = "),
    "a case of several": ("[[case]]\nbatch = 1\n", "case = an array: expected a table, [case]"),
    "a batch in words": ('[case]\nbatch = "64"\n', "case: batch = '64': expected a whole number"),
    "half a batch": ("[case]\nbatch = 0.5\n", "case: batch = 0.5: expected a whole number"),
    "no batch": ("[case]\nbatch = 0\n", "case: batch = 0: expected a whole number"),
    "a phase in digits": ("[case]\nphase = 1\n", "case: phase = 1: expected a text in quotes"),
    "a third state of the cache": ('[case]\ncache = "hot"\n', "case: cache = 'hot': expected one of cold, warm"),
    "an implementation in digits": (
        GEMM + "implementation = 3\n",
        "op 1: implementation = 3: expected a text in quotes",
    ),
    "deep nesting": ("a = " + "[" * 100_000, "is not valid TOML"),
    "another language": ("{}", "is not valid TOML"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_file_key_value_and_what_is_expected(mistake: str, tmp_path: Path) -> None:
    text, told = MISTAKES[mistake]
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ReportError) as caught:
        load_ops_config(str(file))
    assert caught.value.message.startswith(str(file))
    assert told in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "text", ["[op]\nmatch = 'a'\nop = 'x'", "[[op]]\nmatch = 5\nop = 'x'", GEMM.replace("\\d+", ".*")]
)
def test_the_command_says_what_is_wrong_and_not_that_it_failed(
    text: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text.replace("^mine_", ""))
    code = run(["analyze", str(data / "h100-decode-b64-s4096.ncu-rep"), "--ops", str(file)])
    error = capsys.readouterr().err
    assert code == 1
    assert f"error: {file}: op" in error
    assert "hint: " in error
    assert "roofprof failed" not in error


def test_a_group_may_capture_a_size_or_a_precision() -> None:
    row = {"match": r"(?P<m>\d+)_(?P<precision>\w+)", "op": "x", "formula": "quant", "shape": {"k": 128}}
    config = parse_ops_config({"op": [row]}, "mine.toml")
    found = config.match("64_fp8")
    assert found is not None
    assert found.shape == {"k": 128, "m": 64, "precision": "fp8"}
    with pytest.raises(
        ReportError, match=r"mine\.toml: op 1: group 'precision' of match captured 'int3' in range '6_int3'"
    ):
        config.match("6_int3")


def test_the_example_of_the_documentation_works(root: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (root / "docs/ops-files.md").read_text(), re.DOTALL)
    config = parse_ops_config(tomllib.loads(example), "docs/ops-files.md")
    found = config.match("layers.3.o_proj Inputs: [64, 16384]")
    assert found is not None
    assert (found.op, found.shape["m"], config.case.batch) == ("o_proj", 64, 64)


@pytest.mark.parametrize("captured", ["sixty", "1.5", "", "9" * 5000, "1e3"])
def test_a_group_that_captures_a_word_says_what_it_caught(captured: str) -> None:
    row = {"match": r"m(?P<m>.*)$", "op": "x", "formula": "quant", "shape": {"k": 128}}
    with pytest.raises(ReportError, match=r"op 1: group 'm' of match captured .*: expected a whole number"):
        parse_ops_config({"op": [row]}, "mine.toml").match(f"m{captured}")


def test_groups_of_a_rule_without_a_formula_are_only_groups() -> None:
    config = parse_ops_config({"op": [{"match": r"(?P<layer>\w+)", "op": "x"}]}, "mine.toml")
    found = config.match("word")
    assert found is not None
    assert found.shape == {}


VALID: dict[str, Any] = {
    "case": {"phase": "decode", "batch": 64, "seq_len": 4096, "cache": "cold", "implementation": "mine"},
    "op": [
        {"match": r"(?P<m>\w+)", "op": "a", "formula": "gemm",
         "shape": {"n": 8, "k": 8, "precision": "fp8", "output": "bf16"}},
        {"match": "b", "op": "b", "implementation": "mine"},
    ],
}  # fmt: skip
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=3),
    st.just(datetime.date(2026, 1, 2)), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.one_of(st.integers(), st.text(max_size=3)), max_size=2),
    st.sampled_from(["(", "(?P<k>.*)", "(?P<z>x)", "gemm", "rmsnorm", "fp4", "a{9999999999}", "[[a]"]),
)  # fmt: skip


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to every value in nested tables and arrays, and to a key that is not there in every table."""
    if isinstance(value, dict):
        return [here, (*here, "more"), *(p for key, item in value.items() for p in places(item, (*here, key)))]
    return (
        [here, *(p for i, item in enumerate(value) for p in places(item, (*here, i)))]
        if isinstance(value, list)
        else [here]
    )


@given(
    st.lists(st.tuples(st.sampled_from([p for p in places(VALID) if p]), JUNK), min_size=1, max_size=3),
    st.text(max_size=6),
)
def test_whatever_stands_in_a_file_it_works_or_is_a_report_error(changes: list[tuple[Any, Any]], name: str) -> None:
    table = copy.deepcopy(VALID)
    for path, junk in changes:
        inner: Any = table
        with contextlib.suppress(KeyError, IndexError, TypeError):  # an earlier change took this place away
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = junk
    found, told = None, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own about odd patterns
            found = parse_ops_config(table, "mine.toml").match(name)
    except ReportError as error:
        told = error
    assert told is None or (told.message.startswith("mine.toml: ") and told.hint)
    if found and found.formula:
        with contextlib.suppress(ShapeError):
            assert evaluate(found.formula, found.shape).dram_bytes > 0
