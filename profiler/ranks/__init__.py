"""Captures over several GPUs: one process and one profiler a rank, started by whatever launcher there is."""
