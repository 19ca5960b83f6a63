"""Runs Nsight Compute and keeps its report, scrubbed."""
