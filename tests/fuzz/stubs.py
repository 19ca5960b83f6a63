"""Stub tools in a folder at the head of PATH, for commands that run as processes of their own."""

import contextlib
import os
import signal
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MARK = "ROOFPROF_FUZZ_RUN"
"""A variable that every process of one case has in its environment."""

_SMI = "#!/bin/sh\necho '0, GPU-11111111-2222, NVIDIA H100 80GB HBM3, 9.0, 580.65.06, 81559, 4, Disabled'\n"
_TOOL = '#!{python} -P\nexec(compile(open({stub!r}).read(), {stub!r}, "exec"))\n'


@dataclass(slots=True)
class Tools:
    """The folder, and what its tools are told through the environment."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def environment(self, mode: str = "ok", **more: str) -> dict[str, str]:
        """Variables for a command that is to find these tools.

        Args:
            mode: what stub_faults.py does.
            more: further variables.
        """
        path = f"{self.folder}:/usr/bin:/bin"
        return {"PATH": path, MARK: self.mark, "FUZZ_MODE": mode, "HOME": str(self.folder), **more}

    def processes(self) -> dict[int, str]:
        """Live processes of this case by id, with their names; not those of the case's own Python."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    ours = f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes()
                    if ours and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                        found[int(entry.name)] = (entry / "comm").read_text().strip()
        return found

    def wait_for(self, name: str, timeout_s: float = 15.0, word: str = "") -> int | None:
        """The id of a process of this name, and with this word in its command, once there is one."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            for pid, found in self.processes().items():
                if found == name and (not word or word in _words(pid)):
                    return pid
            time.sleep(0.02)
        return None

    def survivors(self, wait_s: float = 1.5) -> list[str]:
        """Names of processes that are still there after a while; they are ended."""
        end = time.monotonic() + wait_s
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.05)
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        return sorted(left.values())


def _words(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    return []


def install(folder: Path) -> Tools:
    """Write nvidia-smi, ncu and nsys into a new folder."""
    folder.mkdir()
    stub = str(Path(__file__).with_name("stub_faults.py"))
    texts: dict[str, Any] = {"nvidia-smi": _SMI}
    texts |= dict.fromkeys(("ncu", "nsys"), _TOOL.format(python=sys.executable, stub=stub))
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return Tools(folder)
