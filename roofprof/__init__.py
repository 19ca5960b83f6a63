"""roofprof: rooflines of LLM kernels from measured hardware counters."""

__version__ = "0.1.0"
