"""A jitted MLP in JAX: a first call, in which XLA compiles and autotunes, and three in a region, each an op.

--dtype float32 runs on TF32 tensor cores; --unmarked leaves region and ops out.
"""

import contextlib
import os
import sys

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import jax.numpy as jnp

import roofprof

BATCH, WIDTH, HIDDEN, CALLS = 256, 4096, 16384, 3


@jax.jit
def mlp(x, up, down):
    return jax.nn.gelu(x @ up) @ down


def main() -> None:
    dtype = sys.argv[sys.argv.index("--dtype") + 1] if "--dtype" in sys.argv else "bfloat16"
    keys = jax.random.split(jax.random.PRNGKey(0), 3)
    shapes = ((BATCH, WIDTH), (WIDTH, HIDDEN), (HIDDEN, WIDTH))
    x, up, down = (jax.random.normal(key, shape, dtype) for key, shape in zip(keys, shapes, strict=True))
    mlp(x, up, down).block_until_ready()
    marked = "--unmarked" not in sys.argv
    with roofprof.region() if marked else contextlib.nullcontext():
        for _ in range(CALLS):
            with roofprof.op("mlp") if marked else contextlib.nullcontext():
                mlp(x, up, down).block_until_ready()
    pipe = "tensor_tf32" if dtype == "float32" else "tensor_bf16"
    size = jnp.dtype(dtype).itemsize
    compulsory = size * (2 * BATCH * WIDTH + 2 * WIDTH * HIDDEN)
    print(f"EXPECT mlp: {pipe} {4 * BATCH * WIDTH * HIDDEN} FLOP, compulsory DRAM {compulsory} B a call, {CALLS} calls")


if __name__ == "__main__":
    main()
