"""Reports made by hand: a layer whose times, work and bytes are chosen."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import polars as pl
import pytest

from roofprof.analysis.op_result import build_op
from roofprof.analysis.op_roofline import References
from roofprof.formulas.layer import RECIPES, LayerCase, OpSpec, layer_ops
from roofprof.formulas.ops_file import CaseConditions
from roofprof.hardware.devices import bundled_gpus
from roofprof.hardware.roofline import Roofs, place
from roofprof.launches.ranges import NamedRange
from roofprof.results.kernels import KERNEL_SCHEMA
from roofprof.results.op import OpResult
from roofprof.results.report import RooflineReport, Unattributed

Chosen = Callable[[OpSpec], dict[str, float]]


def made_op(spec: OpSpec, case: LayerCase, number: int, chosen: dict[str, float], report: str) -> OpResult:
    """One op that takes 1 / efficiency times its minimum time on an H100, of work and bytes times their ratios."""
    gpu, target = bundled_gpus()["h100"], bundled_gpus()["gb200"]
    work = spec.work
    assert gpu.dram_bytes_per_s
    flops, traffic = work.flop_count * chosen.get("work", 1), work.dram_bytes * chosen.get("bytes", 1)
    minimum_s = place({work.pipe: flops}, traffic, Roofs.of(gpu)).bound_time_s or traffic / gpu.dram_bytes_per_s
    row: dict[str, object] = defaultdict(lambda: None)
    row |= {
        "nvtx_path": [f"{case.phase}:case:b{case.batch}:s{case.seq_len}", spec.op], "report": report, "calls": 1,
        "kernels": [number], "duration_ns": minimum_s * 1e9 / chosen.get("efficiency", 0.9), "dram_bytes": traffic,
        "dram_read_bytes": max(0.0, traffic - work.dram_write_bytes), "dram_write_bytes": work.dram_write_bytes,
        "flop_count": flops, f"{work.pipe}_flop_count": flops, "fp32_flop_count": 0.0, "clock_outlier_count": 0,
    }  # fmt: skip
    if work.pipe == "fp32":
        row["fp32_flop_count"] = flops
    named = NamedRange(
        spec.op, spec.formula, spec.shape, work, CaseConditions(case.phase, case.batch, case.seq_len, "cold", None)
    )
    return build_op(row, named, [f"kernel_of_{spec.op}"], [], References(gpu, target))


@pytest.fixture(scope="session")
def made() -> Callable[..., RooflineReport]:
    """Make a report of the FP8 layer's cases; `chosen` gives efficiency, work and bytes of each op."""

    def make(
        cases: Sequence[tuple[str, int, int]], chosen: Chosen = lambda _: {}, report: str = "made/cold"
    ) -> RooflineReport:
        ops: list[OpResult] = []
        for phase, batch, length in cases:
            case = LayerCase(phase, batch, length, RECIPES["fp8"])  # type: ignore[arg-type]
            ops += [made_op(spec, case, len(ops) + i, chosen(spec), report) for i, spec in enumerate(layer_ops(case))]
        rows = [{"report": report, "launch_id": i, "kernel_name": f"kernel_of_{op.op}"} for i, op in enumerate(ops)]
        return RooflineReport(
            generated="2026-01-02T03:04:05Z", gpu=bundled_gpus()["h100"], target=bundled_gpus()["gb200"], notes=[],
            reports=[{"name": report, "launch_count": len(ops), "workload_types": ["kernel"], "replay_passes": [1],
                      "devices": {}}], ops=ops,
            kernels=pl.DataFrame(rows, schema=KERNEL_SCHEMA, strict=False, orient="row"),
            unattributed=Unattributed(0, None, None, None, []), findings=[f for op in ops for f in op.findings],
        )  # fmt: skip

    return make


@pytest.fixture(scope="session")
def layers(made) -> RooflineReport:  # type: ignore[no-untyped-def]
    """Decode at batch 1, 64 and 128 and prefill 1x1024, 1x2048; small ops far from any roof."""
    small = ("norm", "quant", "topk", "rope", "kv_write", "align", "combine", "permute", "silu", "add_shared")

    def chosen(spec: OpSpec) -> dict[str, float]:
        if any(part in spec.op for part in small):
            return {"efficiency": 0.05, "bytes": 0.7}
        return {"efficiency": 0.85, "work": 2.0 if spec.formula == "gemm" else 1.0, "bytes": 1.1}

    cases = [
        ("decode", 1, 4096),
        ("decode", 64, 4096),
        ("decode", 128, 4096),
        ("prefill", 1, 1024),
        ("prefill", 1, 2048),
    ]
    return made(cases, chosen)
