"""GPUs, their chips and roofs."""
