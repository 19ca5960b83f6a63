"""The pipe between a verification and its child process."""

import os
import sys

import pytest

from roofprof.errors import RoofprofError
from roofprof.harness.verify import child
from roofprof.harness.verify.child import ChildEnded, child_events, refuse

CHILD = """
import sys, time
from roofprof.harness.verify.child import EventWriter
send = EventWriter(int(sys.argv[sys.argv.index("--child") + 1]))
{body}
"""


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Start a child that runs a few statements; its events."""

    def run(body, limit_s=20.0):
        script = tmp_path / "child.py"
        script.write_text(CHILD.format(body=body))
        monkeypatch.setattr(child, "COMMAND", (str(script),))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        return child_events(["--batch", "1"], limit_s)

    return run


def test_events_arrive_until_it_is_done(start):
    events = list(start("send(event='start', op='rope'); send(event='done'); send(event='late')"))
    assert [event["event"] for event in events] == ["start", "done"]


@pytest.mark.parametrize(
    ("body", "how", "exit_code"),
    [
        ("print('no kernel image'); sys.exit(9)", "exit code 9; it said: no kernel image", 9),
        ("import os; os.kill(os.getpid(), 11)", "killed by SIGSEGV", -11),
    ],
)
def test_how_it_ended(start, body, how, exit_code):
    events = start(f"send(event='start'); {body}")
    assert next(events)["event"] == "start"
    with pytest.raises(ChildEnded, match=how) as ended:
        next(events)
    assert ended.value.exit_code == exit_code


def test_a_limit_holds_from_one_event_to_the_next(start):
    events = start("send(event='start', limit_factor=2); time.sleep(60)", limit_s=0.2)
    next(events)
    with pytest.raises(ChildEnded, match=r"no result in 0 s"):
        next(events)


def test_a_refusal_keeps_message_hint_and_exit_code():
    with pytest.raises(RoofprofError) as error:
        refuse({"event": "refused", "message": "torch sees no GPU", "hint": "use --device cpu", "exit_code": 2})
    assert (error.value.message, error.value.hint, error.value.exit_code) == (
        "torch sees no GPU",
        "use --device cpu",
        2,
    )
