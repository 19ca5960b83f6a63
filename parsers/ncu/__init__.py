"""Reads Nsight Compute reports."""
