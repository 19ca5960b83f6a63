"""The layout of an NVTX state, written here once more: what is kept is what its ranges are named by."""

from pathlib import Path

import pytest
from nvtx_states import domain, number, pushed, started, with_states
from plant import field

from roofprof.formats.protobuf import FramingError
from roofprof.profiler.ncu.registered import RegisteredStrings
from roofprof.profiler.ncu.scrub import scrub_report
from roofprof.profiler.ncu.slim import slim_report
from roofprof.profiler.run.secrets import collect_secrets


def message(handle: int) -> bytes:
    return field(5, number(1, 3) + number(3, handle))


def state(*, push_pop: int, start_end: int, strings: tuple[str, ...]) -> bytes:
    """Two domains of the same strings; a push/pop range of the first, a start/end range of the second."""
    thread = pushed(0, strings[push_pop], 7, message=field(2, message(push_pop)))
    other = started(1, strings[start_end], None, message=field(3, message(start_end)))
    return domain(0, "<default domain>", *strings) + domain(1, "xla", *strings) + thread + other


STRINGS = ("unused-zero", "Thunk", "/canary/people/jane/model.py", "module")


def test_only_the_strings_of_open_ranges_stay() -> None:
    registered, data = RegisteredStrings(), state(push_pop=1, start_end=3, strings=STRINGS)
    for _ in range(2):  # the second launch takes what was kept of the first
        slim = registered.without_unused(data, 0, len(data))
        assert b"canary" not in slim
        assert b"unused" not in slim
        assert slim.count(b"Thunk") == 2  # the range, and its string in one of the domains
        assert slim.count(b"module") == 2
    other = state(push_pop=0, start_end=3, strings=STRINGS)
    assert registered.without_unused(other, 0, len(other)).count(b"unused-zero") == 2


def test_a_state_without_strings_stays_as_it_is() -> None:
    data = domain(0, "<default domain>") + field(3, number(1, 0)) + number(4, 0) + number(9, 1) + field(8, "later")
    assert RegisteredStrings().without_unused(data, 0, len(data)) == data


def test_damage_is_told() -> None:
    data = state(push_pop=1, start_end=1, strings=STRINGS)
    with pytest.raises(FramingError):
        RegisteredStrings().without_unused(data, 0, len(data) - 1)


def test_a_report_loses_them_and_what_stays_is_scrubbed(sample: Path, tmp_path: Path) -> None:
    strings = (*STRINGS, f"{Path.cwd()}/model.py", *(f"/canary/source/{n}.py" for n in range(1000)))
    report = tmp_path / "report.ncu-rep"
    new = state(push_pop=4, start_end=3, strings=strings)
    report.write_bytes(with_states(sample.read_bytes(), lambda _: new))
    before = report.stat().st_size
    slim_report(report)
    assert scrub_report(report, collect_secrets()) == 9
    after = report.read_bytes()
    assert len(after) < before / 5
    assert b"canary" not in after
    assert str(Path.cwd()).encode() not in after
    assert after.count(b"/model.py") == 18
