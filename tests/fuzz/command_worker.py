"""The process that runs commands: one JSON line in, one out; started by command_line.py."""

import contextlib
import io
import json
import os
import sys
import traceback
import warnings


def answer(arguments: list[str]) -> dict[str, object]:
    """Run one command with its output caught."""
    from roofprof.cli import run

    # As a terminal has them: text that UTF-8 cannot hold stops a print.
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", how, newline="") for how in ("strict", "backslashreplace"))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = run(arguments)
    return {"code": code, "out": _text(out), "err": _text(err)}


def _text(stream: io.TextIOWrapper) -> str:
    if stream.closed:  # the command closes stderr where its reader has left
        return ""
    stream.flush()
    return stream.buffer.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined,no-any-return]


def where(arguments: list[str]) -> str:
    """The last line of our own code in the traceback of a command that fails."""
    sink = io.StringIO()
    try:
        with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            from roofprof.cli import run

            run(["--debug", *arguments])
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "/site-packages/" not in f.filename]
        ours = [f for f in frames if "fuzz" not in os.path.basename(os.path.dirname(f.filename))]
        ours = [f for f in ours if "roofprof" in f.filename] or frames
        if ours:
            folders = ours[-1].filename.split(os.sep)
            return f"({'/'.join(folders[-3:])}:{ours[-1].lineno})"
    return ""


def main() -> None:
    """Answer until the input ends."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what native code prints is not the answer
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        os.chdir(asked["cwd"])
        found = answer(asked["arguments"])
        if "roofprof failed" in str(found["err"]):
            found["where"] = where(asked["arguments"])
        channel.write(json.dumps(found).encode() + b"\n")
        channel.flush()


if __name__ == "__main__":
    main()
