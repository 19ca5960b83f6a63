"""Runs the profilers: plans what they collect, starts them, explains their failures."""
