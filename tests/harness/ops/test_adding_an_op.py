"""docs/extending/op.md, followed step by step in a copy of the source: three files, run and verified on the CPU."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pages import code_blocks

SMALL = ("--device", "cpu", "--experts", "16", "--ep", "2", "--tp", "2", "--batch", "3", "--seq-len", "70")
FORMULAS, LAYER, MODULE = "roofprof/formulas/models.py", "roofprof/formulas/layer.py", "harness/ops/column_scale.py"


def insert(path: Path, anchor: str, text: str) -> None:
    """Put text behind the one line that the anchor matches."""
    source = path.read_text()
    (line,) = re.findall(rf"^.*{anchor}.*\n", source, re.MULTILINE)
    path.write_text(source.replace(line, line + text))


@pytest.fixture(scope="module")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source with the page's blocks applied."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in ("roofprof", "harness", "parsers", "profiler", "reports"):
        shutil.copytree(root / folder, copy / folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    blocks = code_blocks(root / "docs" / "extending" / "op.md")
    assert list(blocks) == [FORMULAS, LAYER, MODULE]
    models = copy / FORMULAS
    insert(models, "^import inspect", "import dataclasses\n")
    models.write_text(models.read_text().replace("Formula = Callable", f"{blocks[FORMULAS]}\n\nFormula = Callable", 1))
    insert(models, "^ON_ONE_GPU", "    scale_columns,\n")
    insert(copy / LAYER, 'OpSpec\\("moe_down"', blocks[LAYER])
    (copy / MODULE).write_text(blocks[MODULE])
    return copy


def run(checkout: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, *words], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_listed_with_its_expected_shape(checkout: Path) -> None:
    listing = json.loads(run(checkout, "-m", "roofprof.harness.run", "--list", *SMALL, "--only", "^moe_scale"))
    (op,) = listing["cases"][0]["ops"]
    assert (op["op"], op["formula"], op["implementation"]) == ("moe_scale", "scale_columns", "torch_mul")
    assert op["shape"] == {"m": 12, "d": 7168}
    assert (op["flop_count"], op["dram_bytes"]) == (12 * 7168, 4 * 12 * 7168 + 2 * 7168)


def test_it_agrees_with_its_reference(checkout: Path) -> None:
    pytest.importorskip("torch")
    found = json.loads(run(checkout, "-m", "roofprof.harness.verify", *SMALL, "--only", "^moe_", "--json"))["results"]
    verdicts: dict[str, Any] = {result["op"]: result["verdict"] for result in found}
    assert verdicts["moe_scale"] == verdicts["moe_down"] == "ok"


def test_its_range_name_holds_the_counted_rows(checkout: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    run(
        checkout, "-m", "roofprof.harness.run", *SMALL, "--only", "^moe_scale", "--json-out", str(tmp_path / "run.json")
    )
    (case,) = json.loads((tmp_path / "run.json").read_text())["cases"]
    rows = case["routing"]["row_count"]
    assert rows != 12
    assert case["ops"][0]["range_name"] == f"moe_scale:scale_columns:m{rows}:d7168"


def test_its_memory_is_the_rotated_weights_beside_inputs_and_outputs(checkout: Path) -> None:
    code = (
        "from roofprof.formulas.layer import LayerCase; from roofprof.harness.inputs.counts import expected_counts;"
        "from roofprof.harness.inputs.machine import Machine; from roofprof.harness.plan.choose import plan_case;"
        "from roofprof.harness.plan.memory import estimate_bytes; case = LayerCase(batch=3);"
        "plan = plan_case(case, Machine(None, lambda name: None), {}, '^moe_scale');"
        "print(estimate_bytes(plan, expected_counts(case, 256), 50 << 20, 4) - estimate_bytes([], None, 0, 1))"
    )
    assert int(run(checkout, "-c", code)) == 4 * 24 * 7168 + 4 * 2 * 7168
