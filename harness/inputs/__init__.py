"""What ops are called with: the machine, inputs, routing, quantised weights, NVTX ranges."""
