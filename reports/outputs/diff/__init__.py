"""Formats of a diff of two analyses."""
