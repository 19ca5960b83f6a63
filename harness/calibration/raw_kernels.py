"""CUDA kernels whose traffic and instructions are known exactly, compiled by cupy at run time.

The loops take their constants as arguments: a constant that the compiler loads itself may be an HFMA2, which would
be counted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType

from roofprof.harness.inputs.tensors import Array, Kernel

THREADS, BLOCKS = 256, 264
STEPS = 1024
"""Instructions of a loop that each thread executes."""
UNROLLED = 16
"""Instructions per loop iteration."""

SOURCE = r"""
extern "C" {
__global__ void empty_k() {}

__global__ void copy_k(const float4* in, float4* out, long long n) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x)
    out[i] = in[i];
}

__global__ void read_k(const int4* in, int4* out, long long n) {
  int4 all = make_int4(0, 0, 0, 0);
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x) {
    int4 v = in[i];
    all.x ^= v.x; all.y ^= v.y; all.z ^= v.z; all.w ^= v.w;
  }
  if (all.x == 1 && all.y == 2 && all.z == 3 && all.w == 4) out[0] = all;  // never: the input is all zeros
}

__global__ void read_again_k(const int4* in, int4* out, long long n, int rounds) {
  int4 all = make_int4(0, 0, 0, 0);
  long long first = blockIdx.x * (long long)blockDim.x + threadIdx.x, step = (long long)gridDim.x * blockDim.x;
  for (int round = 0; round < rounds; ++round)
    for (long long i = first; i < n; i += step) {
      int4 v;  // .cg: from L2, never from L1
      asm volatile("ld.global.cg.v4.s32 {%0,%1,%2,%3}, [%4];"
                   : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(in + i));
      all.x ^= v.x; all.y ^= v.y; all.z ^= v.z; all.w ^= v.w;
    }
  if (all.x == 1 && all.y == 2 && all.z == 3 && all.w == 4) out[0] = all;
}

__global__ void write_k(float4* out, float value, long long n) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x)
    out[i] = make_float4(value, value, value, value);
}

__global__ void triad_k(const float4* a, const float4* b, float4* out, float s, long long n) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x) {
    float4 x = a[i], y = b[i];
    out[i] = make_float4(fmaf(s, y.x, x.x), fmaf(s, y.y, x.y), fmaf(s, y.z, x.z), fmaf(s, y.w, x.w));
  }
}

#define SIXTEEN(step) step step step step step step step step step step step step step step step step
#define LOOP(name, type, step)                                            \
  __global__ void name(type* data, type a, type b, int rounds) {          \
    type x = data[blockIdx.x * blockDim.x + threadIdx.x];                 \
    _Pragma("unroll 1") for (int i = 0; i < rounds; ++i) { SIXTEEN(step) } \
    data[blockIdx.x * blockDim.x + threadIdx.x] = x;                      \
  }
// One register thrice: three registers meet in the register file's banks, and the loop ran at half the rate.
LOOP(ffma_k, float, asm volatile("fma.rn.f32 %0, %0, %0, %0;" : "+f"(x));)
LOOP(hfma2_k, unsigned, asm volatile("fma.rn.f16x2 %0, %0, %1, %2;" : "+r"(x) : "r"(a), "r"(b));)
LOOP(mufu_k, float, asm volatile("ex2.approx.ftz.f32 %0, %0;" : "+f"(x));)
#ifdef PACKED
LOOP(ffma2_k, unsigned long long, asm volatile("fma.rn.f32x2 %0, %0, %1, %2;" : "+l"(x) : "l"(a), "l"(b));)
#endif
}
"""


@dataclass(frozen=True, slots=True)
class RawKernels:
    """Launches the kernels; make one with `load`."""

    cupy: ModuleType
    module: Array
    stream_blocks: int
    functions: dict[str, Kernel] = field(default_factory=dict)
    """By name, looked up once: the launch floor is timed through here."""

    @classmethod
    def load(cls, packed: bool, sm_count: int) -> "RawKernels":
        """Compile all kernels; `packed` includes FFMA2, which Blackwell has.

        Raises:
            ImportError: cupy is not installed.
        """
        import cupy  # pyright: ignore[reportMissingImports]

        options = ("-DPACKED",) if packed else ()
        module = cupy.RawModule(code=SOURCE, options=options, backend="nvrtc")
        module.get_function("empty_k")
        return cls(cupy, module, sm_count * 8)

    def zeros(self, byte_count: int) -> Array:
        """An array of `byte_count` zero bytes."""
        return self.cupy.zeros(byte_count // 4, dtype=self.cupy.float32)

    def empty(self) -> None:
        """A kernel of one thread that does nothing."""
        self._function("empty_k")((1,), (1,), ())

    @contextmanager
    def on_torch_stream(self) -> Iterator[None]:
        """Launch into torch's current stream, as capturing into its graphs needs."""
        import torch

        with self.cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
            yield

    def copy(self, source: Array, target: Array) -> None:
        """Copy `source` to `target`."""
        self._stream("copy_k", source, target, self._vectors(source))

    def read(self, source: Array, target: Array) -> None:
        """Read `source` alone."""
        self._stream("read_k", source, target, self._vectors(source))

    def read_again(self, source: Array, target: Array, rounds: int) -> None:
        """Read `source` `rounds` times, bypassing L1."""
        self._stream("read_again_k", source, target, self._vectors(source), self.cupy.int32(rounds))

    def write(self, target: Array) -> None:
        """Write `target` alone."""
        self._stream("write_k", target, self.cupy.float32(0.5), self._vectors(target))

    def triad(self, a: Array, b: Array, target: Array) -> None:
        """target = a + s x b: one FFMA per element."""
        self._stream("triad_k", a, b, target, self.cupy.float32(0.5), self._vectors(target))

    def loop(
        self, name: str, data: Array, a: Array, b: Array, rounds: int = STEPS // UNROLLED, blocks: int = BLOCKS
    ) -> None:
        """Every thread executes 16 x `rounds` of one instruction on its element."""
        self._function(name)((blocks,), (THREADS,), (data, a, b, self.cupy.int32(rounds)))

    def _stream(self, name: str, *arguments: Array) -> None:
        self._function(name)((self.stream_blocks,), (THREADS,), arguments)

    def _function(self, name: str) -> Kernel:
        if name not in self.functions:
            self.functions[name] = self.module.get_function(name)
        return self.functions[name]

    def _vectors(self, array: Array) -> Array:
        return self.cupy.int64(array.nbytes // 16)
