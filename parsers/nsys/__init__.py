"""Reads Nsight Systems traces."""
