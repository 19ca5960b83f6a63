"""Runs Nsight Systems and keeps its trace, scrubbed."""
