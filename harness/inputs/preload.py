"""Loads shared libraries that sglang-kernel needs and the loader's path may not hold."""

import ctypes
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

_CUDA_LIBRARIES = ("libcudart.so", "libnvrtc.so", "libcublasLt.so", "libcublas.so")
_NUMA_NAMES = (
    "copy_nodemask_to_bitmask",
    "numa_allocate_nodemask",
    "numa_bind",
    "numa_bitmask_clearall",
    "numa_bitmask_free",
    "numa_num_configured_nodes",
)


@cache
def preload_libraries() -> None:
    """Load CUDA's libraries from the nvidia-* wheels and libnuma, each where it can be found."""
    major = _cuda_major()
    for library in _CUDA_LIBRARIES if major else ():
        _load_first(_candidates(f"{library}.{major}"))
    if not _load("libnuma.so.1"):
        _load_numa_stub()


def _cuda_major() -> str | None:
    try:
        import torch
    except ImportError:
        return None
    version: str | None = torch.version.cuda
    return version.split(".")[0] if version else None


def _candidates(library: str) -> list[str]:
    roots = [Path(entry) / "nvidia" for entry in sys.path if entry]
    wheels = [str(path) for root in roots if root.is_dir() for path in root.glob(f"*/lib/{library}")]
    toolkits = [str(path) for path in Path("/usr/local").glob(f"cuda*/lib64/{library}")]
    return [*wheels, library, *toolkits]


def _load_first(paths: list[str]) -> None:
    for path in paths:
        if _load(path):
            return


def _load(path: str) -> bool:
    try:
        ctypes.CDLL(path, ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def _load_numa_stub() -> None:
    """Build a libnuma that does nothing: sglang-kernel links it for several-GPU collectives alone."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        source, script, output = (
            Path(folder, "numa.c"),
            Path(folder, "numa.map"),
            Path(folder, "libnuma.so.1"),
        )
        source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in _NUMA_NAMES))
        script.write_text("libnuma_1.2 { global: *; };\n")
        flags = ["-shared", "-fPIC", "-Wl,-soname,libnuma.so.1", f"-Wl,--version-script={script}"]
        built = subprocess.run([compiler, *flags, "-o", output, source], capture_output=True, check=False)
        if built.returncode == 0:
            _load(str(output))
