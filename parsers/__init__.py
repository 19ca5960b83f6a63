"""Reads what the profilers wrote into frames with declared columns."""
