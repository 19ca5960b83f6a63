import pytest

from roofprof.profiler.ncu.command import Scope, ncu_options
from roofprof.profiler.ncu.failures import explain_ncu
from roofprof.profiler.ncu.plan import layer_plan, table_of_chip
from roofprof.profiler.ncu.watch import NcuWatch
from roofprof.profiler.run.region import Region
from roofprof.profiler.run.runner import Ending, Outcome
from roofprof.profiler.run.watch import CaptureProgress

FINISHED, FAILED = Outcome(Ending.FINISHED, 0, 1.0), Outcome(Ending.FINISHED, 1, 1.0)


def watch(text: str = "") -> NcuWatch:
    w = NcuWatch("decode core cold", 1, 2)
    w.feed(text)
    w.finish()
    return w


def test_options_are_the_chosen_ones() -> None:
    run = layer_plan(table_of_chip("gh100"), None, ["warm"]).runs[0]
    options = " ".join(ncu_options(run, Scope(Region("api"))))
    for wanted in (
        "--clock-control none", "--cache-control none", "--replay-mode kernel", "--import-sass 0",
        "--import-source 0", "--profile-from-start off", "--graph-profiling node",
        "--target-processes all", "--nvtx",
    ):  # fmt: skip
        assert wanted in options
    assert "--profile-from-start" not in ncu_options(run, Scope(Region("all")))


def test_launches_and_passes_are_counted_however_the_text_is_cut() -> None:
    text = '==PROF== Profiling "a "quoted" name" - 0: 0%....100% - 1 pass\n'
    text += '==PROF== Profiling "b" - 1 (2/9): 0%..100% - 3 passes\n'
    for size in (1, 7, 1000):
        w = NcuWatch("r", 1, 1)
        for start in range(0, len(text), size):
            w.feed(text[start : start + size])
        w.finish()
        assert w.passes == [1, 3]
        assert w.kernel == "b"


def test_launches_of_a_sample_are_counted_and_named() -> None:
    """As ncu 2025.3.1 prints them with --kernel-id: context, stream, name and invocation, and no number."""
    seen: list[CaptureProgress] = []
    w = NcuWatch("r", 1, 1, seen.append)
    kernel = "void flashinfer::norm::RMSNormKernel<(unsigned int)8, __nv_bfloat16>(T2 *, T2 *, unsigned int, float)"
    w.feed(f'==PROF== Profiling "1:7:{kernel}:1": 0%....')
    assert w.profiling
    assert w.startup_s is not None
    w.feed("100% - 1 pass\n")
    assert (w.passes, w.kernel) == ([1], "RMSNormKernel")
    assert seen[-1].kernel == w.kernel
    w.feed('==PROF== Profiling "splitKreduce_kernel": 0%....50%....100% - 1 pass\n')
    assert (w.passes, w.kernel, w.profiling) == ([1, 1], "splitKreduce_kernel", False)


def test_time_left_comes_from_an_earlier_run() -> None:
    seen: list[CaptureProgress] = []
    w = NcuWatch("r", 2, 2, seen.append, launch_total=4)
    for i in range(3):
        w.feed(f'==PROF== Profiling "k{i}" - {i}: 0%....100% - 1 pass\n')
    assert [p.launch_count for p in seen] == [1, 2, 3]
    assert seen[-1].seconds_left is not None


def test_the_workloads_lines_are_kept_apart() -> None:
    text = 'loading\n==PROF== Profiling "k" - 0: 0%....100% - 1 pass\nhalf a line==WARNING== something\ndone\n'
    seen: list[CaptureProgress] = []
    w = NcuWatch("r", 1, 1, seen.append)
    w.feed(text)
    w.finish()
    assert w.output == "loading\nhalf a line\ndone"
    assert w.messages[1:] == ["==WARNING== something"]
    assert seen[0].output == "loading\nhalf a line\ndone\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("==ERROR== ERR_NVGPUCTRPERM - The user does not have permission", "ERR_NVGPUCTRPERM"),
        ("==ERROR== Failed to open/create lock file /tmp/x", "lock file"),
        ("==ERROR== Failed to find metric a__b.sum", "a__b.sum"),
        ("==ERROR== Profiling failed because a driver resource was unavailable.", "another profiler"),
        ("==ERROR== unrecognised option '--nonsense'", "--nonsense"),
        ("==ERROR== Could not write: No space left on device", "disk is full"),
    ],
)
def test_known_failures_are_explained(text: str, message: str) -> None:
    problem = explain_ncu(FAILED, watch(text + "\n"))
    assert problem
    assert message in problem.message
    assert problem.hint
    assert problem.fatal


def test_the_workloads_own_error_comes_first() -> None:
    text = "error: too big\nhint: make it smaller\n==ERROR== The application returned an error code (1).\n"
    problem = explain_ncu(FAILED, watch(text))
    assert problem
    assert (problem.message, problem.hint, problem.fatal) == ("too big", "make it smaller", True)


def test_a_crash_after_launches_is_not_fatal() -> None:
    text = '==PROF== Profiling "k" - 0: 100% - 1 pass\nSegmentation fault\n'
    text += "==ERROR== The application returned an error code (11).\n"
    problem = explain_ncu(FAILED, watch(text))
    assert problem
    assert not problem.fatal
    assert "(11)" in problem.message
    assert problem.hint == "its last line was: Segmentation fault"


def test_a_good_end_is_not_a_problem() -> None:
    assert explain_ncu(FINISHED, watch('==PROF== Profiling "k" - 0: 100% - 1 pass\n==WARNING== odd\n')) is None
    nothing = explain_ncu(FINISHED, watch("==WARNING== No kernels were profiled.\n"))
    assert nothing
    assert "no kernel" in nothing.message


def test_silence_is_a_hang_only_beyond_its_limit() -> None:
    w = NcuWatch("r", 1, 1, timeout_s=1e-9)
    w.feed("x")
    assert w.hung()
    assert not NcuWatch("r", 1, 1).hung()
