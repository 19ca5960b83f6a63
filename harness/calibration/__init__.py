"""Kernels of exactly known work for the self-check, and the measured roofs."""
