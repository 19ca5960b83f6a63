"""The layer over several GPUs against one GPU's result: `torchrun ... -m roofprof.harness.parallel`."""
