"""Runs the layer, each op in its NVTX range: `python -m roofprof.harness.run`."""
