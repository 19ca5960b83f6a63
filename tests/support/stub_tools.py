"""Stub tools on PATH, and a report to hand out."""

import importlib.util
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roofprof.profiler.run.options import CaptureOptions

Install = Callable[..., Path]
"""Puts a stub in place; `ncu` and `nsys` give one."""

DATA = Path(__file__).parents[1] / "data" / "profiler"

SMI = """#!/bin/sh
echo "0, GPU-11111111-2222, NVIDIA H100 80GB HBM3, {capability}, 580.65.06, 81559, 4, {mig}"
"""

# A script named ncu, so that its process is too: exec would rename it.
NCU = """#!{python}
MODE, SAMPLE, PLANT, KERNELS, STUB = {mode!r}, {sample!r}, {plant!r}, {kernels!r}, {stub!r}
exec(compile(open({stub!r}).read(), "stub_ncu", "exec"))
"""

NSYS = """#!{python}
MODE, PLANT = {mode!r}, {plant!r}
exec(compile(open({stub!r}).read(), "stub_nsys", "exec"))
"""


@pytest.fixture
def options(tmp_path: Path, tools: Path) -> CaptureOptions:
    """A capture of the layer with the stubs, into a folder that is not there yet."""
    return CaptureOptions(output=tmp_path / "out")


def manifest(path: Path) -> Any:
    """What the capture in a folder says of itself."""
    return json.loads((path / "manifest.json").read_text())


@pytest.fixture
def sample() -> Path:
    return DATA / "nine-launches.ncu-rep"


def write_script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the head of PATH, with an nvidia-smi that shows an H100."""
    folder = tmp_path / "tools"
    folder.mkdir()
    write_script(folder / "nvidia-smi", SMI.format(capability="9.0", mig="Disabled"))
    write_script(folder / "python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("roofprof.profiler.run.tools.INSTALL_FOLDERS", ())
    monkeypatch.setattr("roofprof.profiler.nsys.command.PATTERNS", ())
    status = tmp_path / "status"
    status.write_text("CapEff:\t000001ffffffffff\n")
    monkeypatch.setattr("roofprof.profiler.run.gpu.PROCESS_STATUS", status)
    return folder


@pytest.fixture
def gpu_is(tools: Path) -> Callable[..., None]:
    """Let nvidia-smi show another GPU."""

    def change(capability: str = "9.0", mig: str = "Disabled") -> None:
        write_script(tools / "nvidia-smi", SMI.format(capability=capability, mig=mig))

    return change


@pytest.fixture
def ncu(tools: Path, sample: Path) -> Callable[..., Path]:
    """Install a stub ncu that behaves as told."""

    def install(
        mode: str = "ok", plant: Path | None = None, kernels: dict[str, dict[str, float]] | None = None
    ) -> Path:
        folder = str(plant.parent) if plant else None
        stub = str(Path(__file__).parent / "stub_ncu.py")
        text = NCU.format(
            python=sys.executable, mode=mode, sample=str(sample), plant=folder, stub=stub, kernels=kernels
        )
        write_script(tools / "ncu", text)
        return tools / "ncu"

    return install


@pytest.fixture
def nsys(tools: Path) -> Callable[..., Path]:
    """Install a stub nsys that behaves as told."""

    def install(mode: str = "ok", plant: bool = False) -> Path:
        stub = str(Path(__file__).parent / "stub_nsys.py")
        write_script(tools / "nsys", NSYS.format(python=sys.executable, mode=mode, plant=plant, stub=stub))
        return tools / "nsys"

    return install


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Whether a process runs; a zombie does not."""

    def check(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    return check


@pytest.fixture
def all_bytes() -> Callable[[Path], bytes]:
    """Names and contents of everything below a folder."""

    def read(folder: Path) -> bytes:
        files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
        return b"".join(os.fsencode(str(p.relative_to(folder))) + b"\0" + p.read_bytes() for p in files)

    return read


@pytest.fixture
def plant_in() -> Callable[[bytes, list[str]], bytes]:
    """Adds a block of session data to a report's bytes."""
    spec = importlib.util.spec_from_file_location("plant", Path(__file__).parent / "plant.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.planted  # type: ignore[no-any-return]
