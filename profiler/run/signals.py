"""Signals during a capture: which end it, and when they have to wait."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import TypeAlias


@contextlib.contextmanager
def ending_signals() -> Iterator[None]:
    """Let a termination or a closed terminal end the children as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


Handler: TypeAlias = Callable[[int, FrameType | None], object] | int | None
"""Of a signal; None where something other than Python set it."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_held: list[Mapping[signal.Signals, Handler]] = []
"""The handlers that `uninterrupted` has put aside; empty where signals take effect at once."""
_waiting: list[int] = []
"""Signals that have come meanwhile."""


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold signals back for the moment that it takes to scrub and to move a file; they take effect at its end.

    By handlers: a signal that the main thread alone blocks is taken by any other thread.
    """
    if _held or threading.current_thread() is not threading.main_thread():
        yield
        return
    _hold()
    try:
        yield
    finally:
        _release()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let signals in again, those that wait too, for a part of `uninterrupted` that takes long."""
    if not _held or threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        _release()
        yield
    finally:
        _hold()


def _hold() -> None:
    _held.append(_handle(dict.fromkeys(_ENDING, lambda number, _: _waiting.append(number))))


def _release() -> None:
    _handle(_held.pop())
    if _waiting:
        number = _waiting[0]
        _waiting.clear()
        signal.raise_signal(number)


def _handle(handlers: Mapping[signal.Signals, Handler]) -> dict[signal.Signals, Handler]:
    """Set handlers, and give those that were set before."""
    # None: set by something other than Python, which cannot be set again.
    return {number: signal.signal(number, handler or signal.SIG_DFL) for number, handler in handlers.items()}
