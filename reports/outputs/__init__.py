"""Formats that results are written in: one module each, found automatically."""
