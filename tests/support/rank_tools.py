"""Stub profilers that behave as told on each rank, and an nvidia-smi that shows several GPUs."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from stub_tools import write_script

SMI = """#!/bin/sh
i=0
while [ $i -lt {count} ]; do
    echo "$i, GPU-0000000$i-2222, NVIDIA H100 80GB HBM3, 9.0, 580.65.06, 81559, 4, {mig}"
    i=$((i + 1))
done
"""

STUB = """#!{python}
import os
MODE, SAMPLE, PLANT = {modes!r}.get(os.environ.get("RANK", ""), "ok"), {sample!r}, None
exec(compile(open({stub!r}).read(), {stub!r}, "exec"))
"""


@pytest.fixture
def gpus_here(tools: Path) -> Callable[..., None]:
    """Let nvidia-smi show so many GPUs."""

    def show(count: int, mig: str = "Disabled") -> None:
        write_script(tools / "nvidia-smi", SMI.format(count=count, mig=mig))

    return show


@pytest.fixture
def rank_stubs(tools: Path, sample: Path) -> Callable[..., None]:
    """Install stubs of ncu and nsys, each with a mode by rank; `ok` on all others."""

    def install(ncu: dict[str, str] | None = None, nsys: dict[str, str] | None = None) -> None:
        for name, modes in (("ncu", ncu or {}), ("nsys", nsys or {})):
            stub = str(Path(__file__).parent / f"stub_{name}.py")
            text = STUB.format(python=sys.executable, modes=modes, sample=str(sample), stub=stub)
            write_script(tools / name, text)

    return install
