import time

import pytest

from roofprof.profiler.run.problems import last_words, other_profiler, traceback_end

TRACEBACK = """loading
Traceback (most recent call last):
  File "/secret/place/serve.py", line 3, in <module>
    main()
  File "/secret/place/model.py", line 12, in forward
    return x @ w
           ^^^^^
RuntimeError: mat1 and mat2 shapes cannot be multiplied
NCCL WARNING: process group was not destroyed
"""


def test_the_end_of_the_last_traceback_is_told_and_not_the_last_line() -> None:
    told = traceback_end(TRACEBACK)
    assert told == "RuntimeError: mat1 and mat2 shapes cannot be multiplied (model.py:12, in forward)"
    assert last_words(TRACEBACK) == f"the workload ended with {told}"
    assert traceback_end(TRACEBACK + TRACEBACK.replace("RuntimeError", "KeyError")).startswith("KeyError")  # type: ignore[union-attr]


def test_a_rank_that_marks_its_lines() -> None:
    marked = "\n".join(f"[rank1]: {line}" for line in TRACEBACK.splitlines()[1:8]) + "\n[rank0]: done\n"
    assert str(traceback_end(marked)).startswith("RuntimeError: mat1")


@pytest.mark.parametrize("text", ["", "all is well", "Traceback (most recent call last):", "Traceback\n  File x\n"])
def test_where_there_is_no_whole_traceback(text: str) -> None:
    assert traceback_end(text) is None


def test_without_a_traceback_the_last_line_is_quoted() -> None:
    assert last_words("one\ntwo\n\n") == "its last line was: two"
    assert last_words("") is None


@pytest.mark.parametrize(
    "text",
    [
        "function cbapi->getCuptiStatus() failed with error CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED (39)",
        "Another profiler is already attached to this process",
    ],
)
def test_another_profiler_is_recognised(text: str) -> None:
    assert other_profiler(f"x\n{text}\ny") is not None


@pytest.mark.parametrize("text", ["profile saved", "another tool", "CUPTI is not available"])
def test_other_words_are_none(text: str) -> None:
    assert other_profiler(text) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["lock", "Another tool ", "CUPTI_ERROR_", "Traceback (most recent call last):", '  File "']
)
def test_a_line_of_4_mb_is_read_in_linear_time(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        start = time.perf_counter()
        for read in (other_profiler, traceback_end, last_words):
            read(text)
        return time.perf_counter() - start

    assert seconds(4_000_000) < 20  # quadratic patterns do not end in this time
