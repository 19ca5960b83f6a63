"""What `roofprof ceilings --ranks` wrote, as measured roofs: of the link alone, beside the GPU's own."""

import json
from pathlib import Path

import pytest

from roofprof.hardware.ceilings import completed, load_ceilings, shipped_ceilings

H100 = "NVIDIA H100 80GB HBM3"


def links(folder: Path, gpu: str, rate: float = 3.7e11) -> Path:
    path = folder / "links.json"
    document = {
        "schema_version": 1, "gpu": gpu, "created": "2026-11-26", "ranks": 2, "peer_read_bytes_per_s": 3.8e11,
        "peer_write_bytes_per_s": rate, "all_reduce": [], "conditions": {"nvls_off": True},
    }  # fmt: skip
    path.write_text(json.dumps(document))
    return path


def test_the_rate_of_writing_is_taken_for_that_is_what_sends(tmp_path: Path) -> None:
    found = load_ceilings(links(tmp_path, H100))
    assert (found.link_bytes_per_s, found.dram_bytes_per_s, found.origin) == (3.7e11, {}, "measured")
    assert found.link_time_s(7.4e11) == 2.0
    assert found.link_time_s(None) is None
    assert found.dram_mix(1.0, 1.0) is None


def test_other_roofs_of_such_a_gpu_stay(tmp_path: Path) -> None:
    shipped = shipped_ceilings(H100)
    assert shipped is not None
    both = completed(load_ceilings(links(tmp_path, H100)), shipped)
    assert both.dram_bytes_per_s == shipped.dram_bytes_per_s
    assert both.link_bytes_per_s == 3.7e11
    assert completed(load_ceilings(links(tmp_path, "NVIDIA H200")), shipped).dram_bytes_per_s == {}
    assert completed(shipped, None) is shipped


def test_what_was_measured_on_two_h100_ships() -> None:
    shipped = shipped_ceilings(H100)
    assert shipped is not None
    assert shipped.link_bytes_per_s == pytest.approx(3.738e11, rel=1e-3)
