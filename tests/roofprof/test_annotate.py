"""Marks of users' own code; whether they do anything is decided when they are imported, hence own processes."""

import asyncio
import os
import subprocess
import sys
import textwrap
import timeit
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

import roofprof
from roofprof import annotate
from roofprof.annotate import profiled
from roofprof.formulas.range_names import parse_range_name

ROOT = Path(__file__).parents[2]


def run(tmp_path: Path, code: str, **environment: str) -> str:
    """What a program prints, with an nvtx package that prints and a libcuda that is not there."""
    fake = tmp_path / "nvtx.py"
    fake.write_text(
        "def push_range(name, domain): print('push', name, domain)\ndef pop_range(domain): print('pop', domain)\n"
    )
    quiet = "import warnings; warnings.simplefilter('ignore')\n"
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}", **environment}
    done = subprocess.run(
        [sys.executable, "-c", quiet + textwrap.dedent(code)], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


USE = """
import roofprof
@roofprof.op("o_proj", "gemm", m=64, n=7168, k=16384, precision="bf16", output="bf16")
def project(x): return x + 1
with roofprof.region("step"), roofprof.region():
    print(project(1))
    with roofprof.op("topk"): pass
"""


def test_ranges_are_pushed_under_a_profiler(tmp_path: Path) -> None:
    out = run(tmp_path, USE, ROOFPROF_CAPTURE="1").split("\n")
    name = "o_proj:gemm:m64:n7168:k16384:bf16:bf16"
    assert out == [
        "push step roofprof", f"push {name} roofprof", "pop roofprof", "2", "push topk roofprof", "pop roofprof",
        "pop roofprof", "",
    ]  # fmt: skip
    assert parse_range_name(name).shape["k"] == 16384


def test_nothing_happens_without_one(tmp_path: Path) -> None:
    assert run(tmp_path, USE, ROOFPROF_CAPTURE="0") == "2\n"


def test_a_name_outside_the_grammar_does_not_end_the_program(tmp_path: Path) -> None:
    code = """
    import roofprof
    with roofprof.op("a b/c", "gemm", m=1.5): pass
    with roofprof.op("ok", "gemm", m=1.5): pass
    """
    assert run(tmp_path, code, ROOFPROF_CAPTURE="1").split("\n")[::2] == ["push a_b_c roofprof", "push ok roofprof", ""]


def test_the_outermost_region_starts_and_stops_the_profiler(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(annotate, "_active", True)
    monkeypatch.setattr(annotate, "_profiler", said.append)
    with annotate.region(), annotate.region():
        assert said == ["Start"]
    assert said == ["Start", "Stop"]
    with pytest.raises(ZeroDivisionError), annotate.region():
        _ = 1 / 0
    assert said == ["Start", "Stop"] * 2


def test_importing_it_brings_neither_torch_nor_polars(tmp_path: Path) -> None:
    code = """
    import roofprof, sys
    roofprof.op, roofprof.region
    print(sorted({'torch', 'polars', 'numpy'} & set(sys.modules)))
    """
    assert run(tmp_path, code) == "[]\n"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False), ({"ROOFPROF_CAPTURE": "1"}, True), ({"ROOFPROF_CAPTURE": "0", "QUADD_A": "x"}, False),
        ({"NVTX_INJECTION64_PATH": "x"}, True), ({"QUADD_INJECTION_PROXY": "x"}, True),
    ],
)  # fmt: skip
def test_a_profiler_is_known_by_its_variables(environment: dict[str, str], expected: bool) -> None:
    assert profiled(environment) is expected


@pytest.mark.slow
def test_a_mark_costs_next_to_nothing() -> None:
    with_op = timeit.timeit(lambda: roofprof.op("a", "gemm", m=1).__enter__(), number=10_000) / 10_000
    assert with_op < 20e-6  # some tenths of a microsecond; the bound is one that no busy machine reaches


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is pushed (+) and popped (-) under a profiler, and what a test says between."""
    said: list[str] = []
    calls = annotate.NvtxCalls(None, lambda name: said.append(f"+{name}"), lambda: said.append("-"))
    monkeypatch.setattr(annotate, "_active", True)
    monkeypatch.setattr(annotate, "_calls", lambda: calls)
    return said


def test_a_coroutine_runs_inside_its_mark(pushed: list[str]) -> None:
    @roofprof.op("step")
    async def step(value: int) -> int:
        await asyncio.sleep(0)
        pushed.append("work")
        return value

    assert asyncio.run(step(3)) == 3
    assert pushed == ["+step", "work", "-"]


def test_a_generators_caller_works_outside_its_mark(pushed: list[str]) -> None:
    @roofprof.op("tokens")
    def tokens() -> Generator[int, str, str]:
        try:
            answer = yield 1
        except KeyError:
            answer = yield 2
        return answer

    made = tokens()
    assert next(made) == 1
    pushed.append("caller")
    assert made.throw(KeyError()) == 2
    with pytest.raises(StopIteration) as end:
        made.send("done")
    assert end.value.value == "done"
    assert pushed == ["+tokens", "-", "caller", "+tokens", "-", "+tokens", "-"]


def test_an_asynchronous_generator_is_stepped_alike(pushed: list[str]) -> None:
    closed: list[bool] = []

    @roofprof.op("stream")
    async def stream() -> AsyncGenerator[int, None]:
        try:
            for number in range(9):
                yield number
        finally:
            closed.append(True)

    async def read() -> list[int]:
        found, made = [], stream()
        async for number in made:
            found.append(number)
            if number == 1:
                break
        await made.aclose()
        return found

    assert asyncio.run(read()) == [0, 1]
    assert (pushed, closed) == (["+stream", "-"] * 2, [True])


@pytest.mark.parametrize("active", [False, True])
def test_marks_without_brackets_and_on_methods_leave_the_program_as_it_is(
    active: bool, pushed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotate, "_active", active)
    monkeypatch.setattr(annotate, "_profiler", lambda what: None)

    class Layer:
        @roofprof.op
        def forward(self, x: int) -> int:
            return x + 1

        @roofprof.op("made")
        @classmethod
        def make(cls) -> "Layer":
            return cls()

        @roofprof.region
        @staticmethod
        def step(x: int) -> int:
            return 2 * x

    assert (Layer().forward(1), Layer.step(4), type(Layer.make())) == (2, 8, Layer)
    assert pushed == (["+forward", "-", "+made", "-"] if active else [])


def test_a_class_is_left_as_it_is(pushed: list[str]) -> None:
    class Layer:
        pass

    with pytest.warns(UserWarning, match="Layer is a class"):
        assert roofprof.op("layer")(Layer) is Layer
