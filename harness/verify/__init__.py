"""Checks every op against its float32 reference: `python -m roofprof.harness.verify`."""
