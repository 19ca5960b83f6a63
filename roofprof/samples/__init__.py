"""Sample captures that come with roofprof, for `roofprof demo`: packed by scripts/make-samples."""

import lzma
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from roofprof.errors import RoofprofError, UsageError
from roofprof.files import cause

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Sample:
    """One capture."""

    title: str
    """What it is of, in a line."""
    first: tuple[str, int] | None = None
    """Phase and batch of the case that `roofprof demo` shows, where there are several."""


SAMPLES: Mapping[str, Sample] = {
    "deepseek-r1": Sample("a DeepSeek-R1 layer in FP8 on an H100; of four cases, decode at batch 64", ("decode", 64)),
    "sglang": Sample("SGLang 0.5.11 on an H100: a decode step of two DeepSeek-V3 layers in bf16, batch 8"),
}


def unpack(name: str, folder: Path) -> Path:
    """Write a sample into a folder, over an earlier copy of it; returns the capture's directory.

    Raises:
        UsageError: no such sample.
        RoofprofError: the folder cannot be written.
    """
    if name not in SAMPLES:
        raise UsageError(f"unknown sample {name!r}", f"use one of {', '.join(SAMPLES)}")
    capture = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with lzma.open(FOLDER / f"{name}.tar.xz") as packed, tarfile.open(fileobj=packed) as archive:
            archive.extractall(folder, filter="data")
    except OSError as error:
        raise RoofprofError(f"cannot write {capture}: {cause(error)}", "choose another folder with -o") from None
    return capture
