"""`roofprof ceilings --ranks N`: the link's roofs, measured by processes that torchrun starts."""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from roofprof.errors import RoofprofError
from roofprof.own_python import module_command, module_environment
from roofprof.profiler.ranks.launch import check_gpus, torchrun_command
from roofprof.profiler.run.problems import last_words, told_problem
from roofprof.profiler.run.runner import Ending, run_profiler
from roofprof.profiler.run.watch import RunWatch

DEADLINE_S = 300.0


def measure_links(ranks: int, deadline_s: float = DEADLINE_S, device: str = "cuda") -> dict[str, Any]:
    """What `harness.parallel.links` found.

    Raises:
        RoofprofError: too few GPUs, no torch, or it did not come to its end.
    """
    if device == "cuda":
        check_gpus(ranks)
    with tempfile.TemporaryDirectory(prefix="roofprof-") as folder:
        output = Path(folder) / "links.json"
        words = ["--device", device, "--json-out", str(output)]
        if device == "cpu":
            words += ["--largest", str(1 << 16)]
        command = torchrun_command(ranks, module_command("roofprof.harness.parallel.links", *words))
        watch = _Watch("link ceilings", 1, 1, timeout_s=deadline_s)
        outcome = run_profiler(command, Path(folder) / "log", watch, module_environment())
        if outcome.ending is Ending.HUNG:
            raise RoofprofError(
                f"the link's roofs were not measured in {deadline_s:.0f} s", "see roofprof doctor --ranks"
            )
        if outcome.returncode != 0 or not output.is_file():
            told = told_problem(watch.output)
            hint = told.hint if told else last_words(watch.output)
            raise RoofprofError(told.message if told else "the link's roofs were not measured", hint)
        found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
        return found


class _Watch(RunWatch):
    """A deadline alone."""

    began = 0.0

    def hung(self) -> bool:
        """Whether it is over."""
        self.began = self.began or time.monotonic()
        return time.monotonic() - self.began > (self.timeout_s or 0)
