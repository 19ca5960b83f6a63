import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from roofprof.profiler.run.signals import ending_signals, interruptible, uninterrupted


@pytest.fixture(autouse=True)
def other_thread() -> Iterator[None]:
    """A process of several threads: the kernel may give a signal to any."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    yield
    end.set()
    thread.join()


def interrupt(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_for_the_end(number: signal.Signals) -> None:
    done = []

    def held() -> None:
        with uninterrupted():
            with uninterrupted():
                interrupt(number)
                done.append("inner")
            done.append("outer")
        done.append("not reached")

    with ending_signals(), pytest.raises(KeyboardInterrupt):
        held()
    assert done == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("before", [True, False])
def test_it_comes_at_once_where_it_may(before: bool) -> None:
    done = []

    def let_in() -> None:
        with interruptible():
            if not before:
                interrupt()
            done.append("not reached")

    with uninterrupted():
        if before:
            interrupt()
        with pytest.raises(KeyboardInterrupt):
            let_in()
        done.append("held again")
    assert done == ["held again"]


def test_without_a_signal_nothing_changes() -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with interruptible(), uninterrupted(), interruptible():
        pass
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
