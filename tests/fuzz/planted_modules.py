"""Python files planted in the working folder of every command that starts a child Python: none may run."""

from collections.abc import Sequence
from pathlib import Path

from cases import DATA, NINE, Case
from command_line import CommandLine, finish, start
from outcomes import Outcome, Verdict, broken
from stubs import install

KIND = "planted module"
# It writes down that it ran, then gives way to the module whose name it took.
_PLANT = """
import os, sys
here, name = os.path.dirname(os.path.abspath(__file__)), {name!r}
open(os.path.join(here, "ran." + name), "w").close()
before = list(sys.path)
sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != here]
sys.modules.pop(name, None)
try:
    __import__(name)
finally:
    sys.path[:] = before
"""
COMMON = ("random", "math", "json", "re", "typing", "tempfile", "struct", "sitecustomize", "usercustomize")
COMMANDS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "analyze": (["analyze", str(NINE), "--json"], (*COMMON, "ncu_report", "polars", "numpy")),
    "doctor": (["doctor", "--json"], (*COMMON, "nvtx", "torch", "numpy")),
    "capture": (["capture", "-o", "out", "--no-nsys", "--only", "^topk$"], (*COMMON, "torch", "nvtx")),
    "selfcheck": (["selfcheck", "-o", "out", "--capture-only"], (*COMMON, "torch", "cupy", "nvtx")),
    "sweep": (["sweep", "-o", "out", "--no-nsys", "--batch", "1", "--only", "^topk$", "--capture-only"],
              (*COMMON, "torch")),
    "verify": (["verify", "--device", "cpu", "--only", "^topk$"], (*COMMON, "torch", "numpy")),
    "report": (["report", str(NINE), "-o", "roofline.md"], (*COMMON, "ncu_report", "matplotlib")),
    "compare": (["compare", str(NINE), "--json"], (*COMMON, "ncu_report")),
}  # fmt: skip


def cases() -> list[Case]:
    """For each command all modules together, and for analyze each alone."""
    found = [_case(name, f"{name}, all modules", words, modules) for name, (words, modules) in COMMANDS.items()]
    words, modules = COMMANDS["analyze"]
    return found + [_case("analyze", f"analyze, {module}.py", words, (module,)) for module in (*modules, "roofprof")]


def _case(command: str, name: str, words: Sequence[str], modules: Sequence[str]) -> Case:
    def run(folder: Path, roofprof: CommandLine) -> Verdict:
        del roofprof
        tools = install(folder / "tools")
        here = folder / "downloaded"
        here.mkdir()
        for module in modules:
            (here / f"{module}.py").write_text(_PLANT.format(name=module))
        told = tools.environment("run", FUZZ_DATA=str(DATA))
        answer = finish(start(words, here, told), 120)
        tools.survivors(0)
        ran = sorted(path.suffix[1:] for path in here.glob("ran.*"))
        if ran:
            return Verdict(Outcome.BROKEN, f"ran: {', '.join(ran)}")
        if command in ("analyze", "report", "compare") and (bad := broken(answer)):
            return bad
        return Verdict(Outcome.REFUSED if answer.code else Outcome.UNCHANGED, answer.err[:120])

    return Case(KIND, name, run)
