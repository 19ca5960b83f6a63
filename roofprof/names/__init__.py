"""What the names of NVTX ranges say, whoever wrote them."""
