"""nsys' command lines, and where nsys is found."""

from pathlib import Path

import pytest

from roofprof.profiler.nsys.command import export_command, find_nsys, nsys_command


def test_the_command_traces_cuda_and_nvtx_alone_with_graph_nodes():
    command = nsys_command(Path("/n/nsys"), Path("out/eager"), ["python", "x.py"])
    assert command[:2] == ["/n/nsys", "profile"]
    assert command[-4:] == ["--output", "out/eager", "python", "x.py"]
    for option in (
        "--trace=cuda,nvtx",
        "--sample=none",
        "--cpuctxsw=none",
        "--backtrace=none",
        "--cuda-graph-trace=node",
        "--capture-range=cudaProfilerApi",
    ):
        assert option in command


def test_the_whole_process_can_be_traced():
    command = nsys_command(Path("nsys"), Path("out"), ["x"], capture_range=False)
    assert not any("capture-range" in option for option in command)


def test_export():
    assert export_command(Path("nsys"), Path("a.nsys-rep"), Path("a.sqlite"))[-2:] == ["a.sqlite", "a.nsys-rep"]


@pytest.mark.parametrize("host", ["target-linux-x64", "target-linux-sbsa-armv8"])
def test_nsys_is_found_in_the_newest_nsight_compute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_nsys(tmp_path) is None
    for version in ("2025.3.1", "2025.10.0", "2024.1.1"):
        program = tmp_path / "opt/nvidia/nsight-compute" / version / "host" / host / "nsys"
        program.parent.mkdir(parents=True)
        program.touch(0o755)
    found = find_nsys(tmp_path)
    assert found is not None
    assert "2025.10.0" in found.parts
    on_path = tmp_path / "nsys"
    on_path.write_text("#!/bin/sh\n")
    on_path.chmod(0o755)
    assert find_nsys(tmp_path) == on_path
