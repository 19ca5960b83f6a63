"""GEMMs in every precision, with their exact sizes; torch chooses the kernels."""

from collections.abc import Callable
from dataclasses import dataclass

from roofprof.harness.inputs.lookup import find
from roofprof.harness.inputs.tensors import Tensor
from roofprof.selfcheck.expected import Expected

Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Gemm:
    """One GEMM to make."""

    name: str
    pipe: str
    size: tuple[int, int, int]
    """M, N, K."""
    inputs: Callable[[int, int, int], Run]
    """Allocates the operands and gives the multiplication."""
    capability: tuple[int, int] = (8, 0)

    def make(self) -> tuple[Expected, Run]:
        """The expected counts, and the call."""
        return Expected(self.name, self.pipe, gemm=self.size), self.inputs(*self.size)


def _normal(rows: int, columns: int, dtype: str) -> Tensor:
    import torch

    # Drawn in a type that torch can draw in, whatever it is turned into.
    return torch.randn(rows, columns, device="cuda").to(getattr(torch, dtype))


def plain(dtype: str) -> Callable[[int, int, int], Run]:
    """torch.mm of [M, K] and a transposed [N, K], as a linear layer holds its weight."""

    def make(m: int, n: int, k: int) -> Run:
        import torch

        x, w, out = (
            _normal(m, k, dtype),
            _normal(n, k, dtype),
            torch.empty(m, n, device="cuda", dtype=getattr(torch, dtype)),
        )
        return lambda: torch.mm(x, w.t(), out=out)

    return make


def tf32(m: int, n: int, k: int) -> Run:
    """fp32 operands with TF32 allowed for this call alone."""
    import torch

    multiply = plain("float32")(m, n, k)

    def run() -> None:
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = True
        try:
            multiply()
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before

    return run


def fp8(m: int, n: int, k: int) -> Run:
    """One scale per tensor, bf16 out."""
    import torch

    multiply = find("torch:_scaled_mm")
    x, w, one = _normal(m, k, "float8_e4m3fn"), _normal(n, k, "float8_e4m3fn"), torch.ones((), device="cuda")
    return lambda: multiply(x, w.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16)


def int8(m: int, n: int, k: int) -> Run:
    """int32 out."""
    import torch

    multiply = find("torch:_int_mm")
    x, w = (torch.randint(-8, 8, (rows, k), device="cuda", dtype=torch.int8) for rows in (m, n))
    return lambda: multiply(x, w.t())


def sparse(m: int, n: int, k: int) -> Run:
    """A 2:4-sparse weight times a dense activation, by cuSPARSELt."""
    import torch

    multiply = find("torch:_cslt_sparse_mm")
    w = _normal(m, k, "float16") * torch.tensor([0, 1, 0, 1], device="cuda", dtype=torch.float16).tile(m, k // 4)
    x, compressed = _normal(n, k, "float16"), find("torch:_cslt_compress")(w)
    return lambda: multiply(compressed, x.t())


def fp4(m: int, n: int, k: int) -> Run:
    """NVFP4: a scale of e4m3 for 16 elements. Untested: it needs a Blackwell GPU."""
    import torch

    multiply = find("torch:_scaled_mm")

    def packed(rows: int) -> Tensor:
        bits = torch.randint(0, 256, (rows, k // 2), device="cuda", dtype=torch.uint8)
        return bits.view(torch.float4_e2m1fn_x2)

    def scales(rows: int) -> Tensor:
        return torch.ones(rows * k // 16, device="cuda").to(torch.float8_e4m3fn)

    x, w, sx, sw = packed(m), packed(n), scales(m), scales(n)
    return lambda: multiply(x, w.t(), scale_a=sx, scale_b=sw, out_dtype=torch.bfloat16)


_BIG, _MIDDLE = (4096, 4096, 4096), (2048, 2048, 2048)
_HOPPER, _BLACKWELL = (8, 9), (10, 0)

GEMMS = (
    Gemm("gemm_bf16", "tensor_bf16", _BIG, plain("bfloat16")),
    Gemm("gemm_fp16", "tensor_fp16", _BIG, plain("float16")),
    Gemm("gemm_fp8", "tensor_fp8", _BIG, fp8, _HOPPER),
    Gemm("gemm_tf32", "tensor_tf32", _MIDDLE, tf32),
    Gemm("gemm_fp64", "tensor_fp64", _MIDDLE, plain("float64")),
    Gemm("gemm_int8", "tensor_int8", _BIG, int8),
    Gemm("gemm_fp16_sparse24", "tensor_fp16", _BIG, sparse),
    Gemm("gemm_bf16_odd", "tensor_bf16", (1000, 1001, 1003), plain("bfloat16")),
    Gemm("gemm_bf16_m1", "tensor_bf16", (1, 2112, 7168), plain("bfloat16")),
    Gemm("gemm_fp4", "tensor_fp4", _BIG, fp4, _BLACKWELL),
)
