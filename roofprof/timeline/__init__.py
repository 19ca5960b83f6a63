"""nsys timelines: ops, gaps, the join with ncu."""
