"""roofprof's own Triton kernels, in Triton's interpreter."""

import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("triton")
pytest.importorskip("numpy")

CODE = """
import torch
from roofprof.harness.ops._triton_kernels import TensorQuantiser, write_kv
from roofprof.harness.inputs.quantised import fp8_tensor

latent, cache, slots = torch.randn(5, 2112).bfloat16(), torch.zeros(256, 1, 576).bfloat16(), torch.randperm(256)[:5]
write_kv(cache, latent[:, 1536:2048], latent[:, 2048:], slots)
expected = torch.zeros_like(cache)
expected[slots, 0] = latent[:, 1536:]
assert torch.equal(cache, expected)

for m, heads, width, k in ((5, 16, 192, 128), (3, 8, 512, 512)):
    x = torch.randn(m, heads, width).bfloat16()[..., :k].transpose(0, 1)
    # fp32 out: the interpreter truncates to FP8 where the GPU rounds
    values, scale = TensorQuantiser(x, torch.float32).run()
    assert torch.allclose(scale, fp8_tensor(x).scales)
    assert torch.allclose(values * scale, x.float(), rtol=1e-5)
"""


def test_kernels_in_the_interpreter(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
