"""docs/extending/option.md, followed step by step in a copy of the package."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Every way in which the option shows itself, in one process that imports the copy.
FOLLOW = """
import contextlib, io, json, sys
from pathlib import Path
from roofprof.cli import run
from roofprof.profiler.run import gpu
from roofprof.harness.plan.options import RunOptions, VerifyOptions
gpu.PROCESS_STATUS = Path(sys.argv[2])

def said(*words):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        code = run(list(words))
    return code, out.getvalue()

folder = Path(sys.argv[1])
plan = json.loads(said("capture", "--dry-run", "--json", "--streams", "4")[1])
harness = plan["runs"][0]["command"]
harness = harness[harness.index("roofprof.harness.run") + 1 :]
seen = {
    "file": __import__("roofprof").__file__,
    "capture": said("capture", "--help")[1],
    "sweep": said("sweep", "--help")[1],
    "verify": said("verify", "--help")[1],
    "harness": harness,
    "traced": plan["nsys"][1]["command"],
    "parsed": RunOptions.from_argv(harness).streams,
    "default": VerifyOptions.from_argv([], "verify").streams,
    "refused": said("capture", "--streams", "9", "-o", str(folder / "out")),
    "refused by the harness": said("verify", "--streams", "9"),
    "captured": said("capture", "--streams", "4", "--no-nsys", "-o", str(folder / "out"))[0],
    "swept": said("sweep", "--batch", "1", "--streams", "2", "--capture-only", "--no-nsys", "-o", str(folder / "s"))[0],
    "swept otherwise": said("sweep", "--batch", "1", "--streams", "3", "--capture-only", "-o", str(folder / "s")),
}
print(json.dumps(seen))
"""


@pytest.fixture
def extended(root: Path, tmp_path: Path) -> Path:
    """A copy of the package with the page's field after the last one of LayerRequest."""
    (field,) = re.findall(r"```python\n(.*?)```", (root / "docs/extending/option.md").read_text(), re.DOTALL)
    shutil.copytree(root / "roofprof", tmp_path / "copy" / "roofprof", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "copy" / "roofprof" / "formulas" / "request.py"
    before, after = path.read_text().split("\n    @property\n", 1)
    path.write_text(f"{before}{field}\n    @property\n{after}")
    return tmp_path / "copy"


def follow(copy: Path, status: Path) -> Any:
    words = [sys.executable, "-c", FOLLOW, str(copy.parent), str(status)]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(copy)}, cwd=copy)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_field_is_an_option_everywhere(extended: Path, ncu: Callable[..., Path], tools: Path) -> None:
    ncu()
    seen = follow(extended, tools.parent / "status")
    assert Path(seen["file"]).is_relative_to(extended)
    for command in ("capture", "sweep", "verify"):
        assert "--streams" in seen[command]
        assert "CUDA streams that the ops" in " ".join(seen[command].split())
    assert " ".join(seen["harness"]).count("--streams 4") == 1
    assert "--streams 4" in " ".join(seen["traced"])
    assert (seen["parsed"], seen["default"]) == (4, 1)
    assert seen["refused"] == [2, "error: --streams 9 is out of range\nhint: use 1 to 8\n"]
    assert seen["refused by the harness"] == seen["refused"]
    assert (seen["captured"], seen["swept"]) == (0, 0)
    manifest = json.loads((extended.parent / "out" / "manifest.json").read_text())
    assert manifest["request"]["streams"] == 4
    assert "--streams 4" in " ".join(manifest["command"])
    assert json.loads((extended.parent / "s" / "sweep.json").read_text())["conditions"]["streams"] == 2
    assert seen["swept otherwise"][0] == 2
    assert "other options: nsys, streams" in seen["swept otherwise"][1]
