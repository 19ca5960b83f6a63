"""What the names of NVTX ranges say, whoever wrote them: identity, label, layer, step, formula and shape."""
