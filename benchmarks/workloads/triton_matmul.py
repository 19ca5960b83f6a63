"""A bf16 matmul and a row softmax in Triton, without ranges or a region: kernels by name alone.

python triton_matmul.py [--autotune]    (--autotune: Triton chooses among three tilings first)
"""

import sys

import torch
import triton
import triton.language as tl

TILINGS = [
    triton.Config({"BLOCK_M": m, "BLOCK_N": n, "BLOCK_K": 64}, num_warps=warps, num_stages=3)
    for m, n, warps in ((128, 128, 8), (128, 64, 4), (64, 64, 4))
]
SIZE, ROWS, COLUMNS, CALLS = 4096, 16384, 4096, 3


def matmul(a, b, c, size, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr):  # noqa: N803
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for start in range(0, size, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        left = tl.load(a + rows[:, None] * size + k[None, :])
        right = tl.load(b + k[:, None] * size + columns[None, :])
        total = tl.dot(left, right, total)
    tl.store(c + rows[:, None] * size + columns[None, :], total.to(tl.bfloat16))


@triton.jit
def softmax(x, y, columns: tl.constexpr):
    place = tl.program_id(0) * columns + tl.arange(0, columns)
    values = tl.load(x + place)
    exponentials = tl.exp(values - tl.max(values, 0))
    tl.store(y + place, exponentials / tl.sum(exponentials, 0))


def main() -> None:
    tune = "--autotune" in sys.argv
    kernel = triton.jit(matmul)
    if tune:
        kernel = triton.autotune(TILINGS, key=["size"])(kernel)
    torch.manual_seed(0)
    a, b = (torch.randn(SIZE, SIZE, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    c = torch.empty_like(a)
    x = torch.randn(ROWS, COLUMNS, device="cuda")
    y = torch.empty_like(x)
    usual = TILINGS[0]
    fixed = {} if tune else {**usual.kwargs, "num_warps": usual.num_warps, "num_stages": usual.num_stages}
    for _ in range(CALLS):
        kernel[lambda m: (SIZE // m["BLOCK_M"], SIZE // m["BLOCK_N"])](a, b, c, SIZE, **fixed)
        softmax[(ROWS,)](x, y, COLUMNS, num_warps=8)
    torch.cuda.synchronize()
    print(f"EXPECT matmul: tensor_bf16 {2 * SIZE**3} FLOP, {CALLS} launches", flush=True)
    print(f"EXPECT softmax: compulsory DRAM {8 * ROWS * COLUMNS} B, {CALLS} launches", flush=True)


if __name__ == "__main__":
    main()
