"""Kernel launches: schema, names, ranges, merging, measured work."""
