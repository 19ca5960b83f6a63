"""Counters against kernels of exactly known work."""
