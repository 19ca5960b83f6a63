"""Which row each launch counts in, on hand-made launches."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roofprof.analysis.analyze import Measured, Options, analyze
from roofprof.hardware.devices import bundled_gpus
from roofprof.launches.attribution import attribute
from roofprof.launches.schema import LAUNCH_SCHEMA
from roofprof.results.op import short_labels
from roofprof.results.report import RooflineReport

DEVICE: Mapping[str, Any] = {"device_name": "NVIDIA H100 80GB HBM3", "compute_capability_major": 9}


def launch(name: str, *path: str, **columns: Any) -> dict[str, Any]:
    """One launch of a kernel, 100 ns long and of 1e6 bytes unless said otherwise."""
    nvtx = [{"domain": "<default domain>", "push_pop": list(path), "push_pop_id": None, "start_end": []}]
    return {
        "report": "r", "process_id": 1, "workload_type": "kernel", "kernel_name": name,
        "kernel_demangled_name": f"{name}(int)", "grid": [8, 1, 1], "block": [128, 1, 1], "duration_ns": 100.0,
        "dram_bytes": 1e6, "dram_read_bytes": 1e6, "dram_write_bytes": 0.0, "fp32_flop_count": 1e6, "device_id": 0,
        "nvtx": nvtx if path else [], **columns,
    }  # fmt: skip


def analyzed(*rows: dict[str, Any], **options: Any) -> RooflineReport:
    frame = pl.DataFrame([{"launch_id": i, **row} for i, row in enumerate(rows)], schema=LAUNCH_SCHEMA)
    launches, _ = attribute(frame)
    return analyze([Measured("r", launches, {"0": DEVICE}, [])], bundled_gpus()["h100"], Options(**options))


def rows_of(report: RooflineReport) -> list[tuple[str, str, int]]:
    return [(op.kind, op.op, op.calls) for op in report.ops]


def test_launches_in_no_range_are_rows_of_their_kernels() -> None:
    report = analyzed(
        launch("a"), launch("b", duration_ns=30.0), launch("a", duration_ns=300.0), launch("a", duration_ns=200.0)
    )
    assert rows_of(report) == [("kernel", "a", 3), ("kernel", "b", 1)]
    median = report.ops[0]
    assert (median.duration_ns, median.kernels, median.nvtx_path) == (200.0, [3], [])
    assert (median.spread.duration_ns.min, median.spread.duration_ns.max) == (100.0, 300.0)
    assert median.bound == "memory"
    assert report.unattributed.launch_count == 4


def test_ops_and_kernels_stand_in_one_list() -> None:
    report = analyzed(launch("a", "mlp"), launch("a"), launch("b", "mlp"))
    assert rows_of(report) == [("op", "mlp", 2), ("kernel", "a", 1)]


def test_launch_shapes_are_told_apart_where_their_work_differs() -> None:
    wide = {"grid": [64, 1, 1], "fp32_flop_count": 8e6, "dram_bytes": 8e6}
    report = analyzed(launch("a"), launch("a", **wide), launch("a", block=[256, 1, 1], grid=[4, 1, 1]))
    assert rows_of(report) == [("kernel", "a (8)x(128)", 2), ("kernel", "a (64)x(128)", 1)]


def test_shapes_of_unknown_work_are_told_apart() -> None:
    unknown = {"fp32_flop_count": None, "dram_bytes": None}
    report = analyzed(launch("a", **unknown), launch("a", grid=[9, 1, 1], **unknown))
    assert rows_of(report) == [("kernel", "a (8)x(128)", 1), ("kernel", "a (9)x(128)", 1)]


def test_different_work_with_one_shape_is_said() -> None:
    report = analyzed(launch("a"), launch("a", fp32_flop_count=2e6))
    assert rows_of(report) == [("kernel", "a", 2)]
    assert "mixed-work" in {f.kind for f in report.ops[0].findings}


def test_by_kernel_ignores_ranges_and_by_launch_shows_every_launch() -> None:
    launches = launch("a", "x"), launch("a", "y"), launch("b")
    assert rows_of(analyzed(*launches, by="kernel")) == [("kernel", "a", 2), ("kernel", "b", 1)]
    assert rows_of(analyzed(*launches, by="launch")) == [
        ("kernel", "a #0", 1), ("kernel", "a #1", 1), ("kernel", "b #2", 1)
    ]  # fmt: skip


def test_cases_are_not_mixed_by_kernel() -> None:
    report = analyzed(
        launch("a", "decode:case:b1:s8", "x"), launch("a", "decode:case:b64:s8", "x"), by="kernel"
    )  # fmt: skip
    assert [(op.op, op.batch) for op in report.ops] == [("a", 1), ("a", 64)]


def test_layers_are_calls_of_one_row_unless_they_are_told_apart() -> None:
    names = [f"model.layers.{n}.self_attn.o_proj" for n in (3, 0, 11)]
    launches = [launch("gemm", name, duration_ns=100.0 + i) for i, name in enumerate(names)]
    (op,) = analyzed(*launches).ops
    assert (op.calls, op.layers, op.nvtx_path) == (3, [0, 3, 11], [names[1]])
    assert [(op.calls, op.layers) for op in analyzed(*launches, layers="each").ops] == [(1, [3]), (1, [0]), (1, [11])]


@pytest.mark.parametrize("name", ["aten::mm, seq = 5", "nccl:all_reduce", "{'Module': 'x.y'}", "Thunk:#hlo_op=a#"])
def test_names_of_others_are_not_cut_at_a_colon(name: str) -> None:
    (op,) = analyzed(launch("k", name)).ops
    assert op.op != name.split(":")[0]
    assert {"range-name"} <= {f.kind for f in op.findings}


def test_ours_of_one_name_are_told_apart_by_their_sizes() -> None:
    report = analyzed(
        launch("a", "q_b_proj:gemm:m64:n24576:k1536:bf16"),
        launch("a", "q_b_proj:gemm:m128:n24576:k1536:fp8"),
        launch("b"),
    )
    assert [op.op for op in report.ops] == ["q_b_proj", "q_b_proj", "b"]
    assert short_labels(report.ops) == ["q_b_proj m64 bf16", "q_b_proj m128 fp8", "◦ b"]


def test_rows_of_one_module_and_several_formulas_are_told_apart_by_these() -> None:
    """The first layer's norm has no residual to add."""
    names = [
        f"{{'Module': 'M.layers.{n}.norm', 'TrainableParams': {{'weight': [64]}}, 'Inputs': [{inputs}]}}"
        for n, inputs in enumerate(("[8, 64]", "[8, 64], [8, 64]", "[8, 64], [8, 64]"))
    ]
    report = analyzed(*(launch("a", name) for name in names))
    assert short_labels(report.ops) == ["norm rmsnorm", "norm add_rmsnorm"]


def test_distinct_paths_have_distinct_names() -> None:
    report = analyzed(launch("a", "fwd", "act"), launch("a", "bwd", "act"), launch("a", "fwd"))
    assert len({op.op for op in report.ops}) == 3


def test_a_launch_that_could_not_be_profiled_is_named_and_in_no_sum() -> None:
    unknown = dict.fromkeys(("duration_ns", "dram_bytes", "dram_read_bytes", "dram_write_bytes", "fp32_flop_count"))
    report = analyzed(launch("a"), launch("a", **unknown), launch("b", **unknown))
    assert rows_of(report) == [("kernel", "a", 2), ("kernel", "b", 1)]
    assert report.ops[0].duration_ns == 100.0
    failed = [f for f in report.findings if f.kind == "profiling-failed"]
    assert [f.launch_id for f in failed] == [1, 2]
    assert (report.unattributed.launch_count, report.unattributed.duration_ns) == (3, 100.0)


paths = st.sampled_from([(), ("x",), ("x", "layers.1.y"), ("x", "layers.2.y"), ("a:b",)])
shapes = st.sampled_from([[1, 1, 1], [8, 1, 1], [8, 2, 1]])
counts = st.sampled_from([None, 0.0, 1e6, 1.05e6, 4e6])
some_launches = st.lists(
    st.builds(
        lambda name, path, grid, work, size, time: launch(
            name, *path, grid=grid, fp32_flop_count=work, dram_bytes=size, duration_ns=time
        ),
        st.sampled_from("abc"), paths, shapes, counts,
         counts, st.sampled_from([None, 50.0, 100.0]),
    ),
    min_size=1, max_size=14,
)  # fmt: skip


@given(some_launches, st.sampled_from(["op", "kernel", "launch"]), st.sampled_from(["folded", "each"]))
def test_every_launch_is_in_exactly_one_row(launches: list[dict[str, Any]], by: str, layers: str) -> None:
    report = analyzed(*launches, by=by, layers=layers)
    of_launches = report.kernels["op"].to_list()
    assert None not in of_launches
    names = [op.op for op in report.ops]
    assert len(set(names)) == len(names)
    assert set(of_launches) == set(names)
    members = Counter(of_launches)
    ids: dict[str, set[int]] = {}
    for launch_id, op in report.kernels.select("launch_id", "op").iter_rows():
        ids.setdefault(op, set()).add(launch_id)
    for op in report.ops:
        assert set(op.kernels) <= ids[op.op]
        assert op.kind == "op" or op.calls == members[op.op]
    inside = [op for op in report.ops if op.kind == "kernel" and not op.nvtx_path]
    assert by != "op" or sum(op.calls for op in inside) == report.unattributed.launch_count


@given(some_launches)
def test_sums_by_launch_are_those_of_the_launches(launches: list[dict[str, Any]]) -> None:
    report = analyzed(*launches, by="launch")
    for column in ("duration_ns", "dram_bytes", "flop_count"):
        assert [getattr(op, column) for op in report.ops] == report.kernels[column].to_list()
