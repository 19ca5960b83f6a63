"""Two CUDA kernels of known work, compiled by CuPy and replayed as a CUDA graph: 16 FMA an element in FP32 and FP64."""

import cupy as cp

SOURCE = r"""
extern "C" __global__ void fma32(const float* x, float* y, float a, long long n) {
    long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if (i < n) { float v = x[i], w = y[i]; for (int k = 0; k < 16; ++k) w = fmaf(v, a, w); y[i] = w; }
}
extern "C" __global__ void fma64(const double* x, double* y, double a, long long n) {
    long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if (i < n) { double v = x[i], w = y[i]; for (int k = 0; k < 16; ++k) w = fma(v, a, w); y[i] = w; }
}
"""
COUNT, BLOCK, REPLAYS = 1 << 26, 256, 3


def main() -> None:
    module = cp.RawModule(code=SOURCE)
    single, double = (module.get_function(name) for name in ("fma32", "fma64"))
    few = COUNT // 4
    x, y = cp.ones(COUNT, cp.float32), cp.zeros(COUNT, cp.float32)
    x_double, y_double = cp.ones(few, cp.float64), cp.zeros(few, cp.float64)
    stream = cp.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        single((COUNT // BLOCK,), (BLOCK,), (x, y, cp.float32(0.5), cp.int64(COUNT)))
        double((few // BLOCK,), (BLOCK,), (x_double, y_double, cp.float64(0.5), cp.int64(few)))
        graph = stream.end_capture()
        for _ in range(REPLAYS):
            graph.launch(stream)
    stream.synchronize()
    print(f"EXPECT fma32: fp32 {2 * 16 * COUNT} FLOP, {REPLAYS} launches (nodes)", flush=True)
    print(f"EXPECT fma64: fp64 {2 * 16 * few} FLOP, {REPLAYS} launches (nodes)", flush=True)


if __name__ == "__main__":
    main()
