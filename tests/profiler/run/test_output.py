import random
import time
import tracemalloc

import pytest

from roofprof.profiler.ncu.failures import explain_ncu
from roofprof.profiler.ncu.watch import NcuWatch
from roofprof.profiler.run.output import MAX_LINE, KeptText, Sorter, readable_lines
from roofprof.profiler.run.runner import Ending, Outcome

SIZE = 100 << 20
PIECE = 1 << 20
FLOODS = {
    "one line": "lock file, the argument is invalid, Metric " * 25_000,
    "one letter": "x" * PIECE,
    "equals signs": "=" * PIECE,
    "slashes": "/a" * (PIECE // 2),
    "short lines": "step 1, loss 0.5\n" * 62_000,
    "empty lines": "\n" * PIECE,
    "random bytes": random.Random(3).randbytes(PIECE).decode("utf-8", "replace"),
    "half of ncu's words": '==PROF== Profiling "k" - 1 (' * 38_000,
}


@pytest.mark.parametrize("kind", FLOODS)
def test_100_mb_of_any_output_take_seconds_and_little_memory(kind: str) -> None:
    watch, piece = NcuWatch("r", 1, 1), FLOODS[kind]
    count, started = SIZE // len(piece), time.process_time()
    for _ in range(count):
        watch.feed(piece)
    watch.finish()
    taken_s = time.process_time() - started
    print(f"{kind}: {count * len(piece) / 1e6:.0f} MB in {taken_s:.2f} s")
    assert taken_s < 20  # usually below 1; quadratic patterns took minutes
    tracemalloc.start()
    watch = NcuWatch("r", 1, 1)
    for _ in range(20):
        watch.feed(piece)
    watch.finish()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 64 << 20
    assert not watch.passes


def test_a_watch_holds_no_more_of_more_output() -> None:
    text = KeptText(head_size=100, tail_size=50)
    for number in range(10_000):
        text.add(f"line {number}\n")
    kept = text.text()
    assert kept.startswith("line 0\n")
    assert kept.endswith("line 9999\n")
    assert "characters left out" in kept
    assert len(kept) < 250


def test_ncus_lines_are_found_however_the_text_is_cut() -> None:
    text = "=====\nhalf==WARNING== odd\nmore = text\n==ERROR== bad=\n=="
    for size in range(1, 20):
        sorter, own, workload = Sorter(), list[str](), ""
        for start in range(0, len(text), size):
            lines, words = sorter.feed(text[start : start + size])
            own, workload = own + lines, workload + words
        lines, words = sorter.finish()
        assert own + lines == ["==WARNING== odd", "==ERROR== bad="]
        assert workload + words == "=====\nhalf\nmore = text\n=="


def test_a_profilers_line_without_end_is_cut() -> None:
    sorter = Sorter()
    own, _ = sorter.feed("==ERROR== " + "x" * (3 * MAX_LINE))
    assert [len(line) for line in own] == [MAX_LINE]
    assert len(sorter.open_line) <= MAX_LINE


@pytest.mark.parametrize(
    "words",
    [
        "could not acquire the lock file of the cache, going on without",
        "RuntimeWarning: unrecognised option 'fast'",
        "the argument --lr is invalid; using 0.1",
        "ERR_NVGPUCTRPERM is a name that I print",
        "wandb: [Errno 28] No space left on device",
        "error: this is only what I say",
    ],
)
def test_the_workloads_words_are_not_taken_for_ncus(words: str) -> None:
    watch = NcuWatch("r", 1, 1)
    watch.feed(f'{words}\n==PROF== Profiling "k" - 0: 0%....100% - 1 pass\n==WARNING== odd\n')
    watch.finish()
    assert explain_ncu(Outcome(Ending.FINISHED, 0, 1.0), watch) is None
    crashed = explain_ncu(Outcome(Ending.FINISHED, 1, 1.0), watch)
    assert crashed
    assert not crashed.fatal


def test_escapes_do_not_leave_the_workload() -> None:
    watch = NcuWatch("r", 1, 1)
    watch.feed("\x1b[31merror: red\x1b[0m\n\terror: \x1b]0;title\x07bad\n==ERROR== \x1b[2Jgone\n")
    watch.finish()
    assert watch.output.isprintable() or "\n" in watch.output
    assert "\x1b" not in watch.output + "".join(watch.messages)
    assert "\\x1b[31merror" in watch.output
    assert readable_lines("a\tb\n\n\r10%\r20%\n") == "a       b\n10%\n20%"


def test_a_cause_is_short() -> None:
    watch = NcuWatch("r", 1, 1)
    watch.feed("y" * 100_000 + "\n==ERROR== " + "z" * 10_000 + "\n")
    watch.finish()
    problem = explain_ncu(Outcome(Ending.FINISHED, 1, 1.0), watch)
    assert problem
    assert len(problem.message) < 500
    assert len(problem.hint or "") < 500
