"""Our own modules in Python processes of their own, which import nothing from the folder where the user stands."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def module_command(module: str, *words: str) -> list[str]:
    """`python -P -m MODULE WORDS`: without -P, a `json.py` in a downloaded folder would run there."""
    return [sys.executable, "-P", "-m", module, *words]


def module_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of such a process: what it starts in turn, such as compilers' workers, is as safe.

    Args:
        environment: this process's own by default.
    """
    found = {**(os.environ if environment is None else environment), "PYTHONSAFEPATH": "1"}
    # An empty or relative entry means the working folder.
    paths = [entry for entry in found.get("PYTHONPATH", "").split(os.pathsep) if os.path.isabs(entry)]
    root = str(Path(__file__).resolve().parents[1])
    if root == os.getcwd():  # `python -m roofprof` in a checkout that is not installed: -P would not find it
        paths.append(root)
    if paths:
        return found | {"PYTHONPATH": os.pathsep.join(paths)}
    return {name: value for name, value in found.items() if name != "PYTHONPATH"}
