"""What kernel names tell, on names from real reports."""

import pytest

from roofprof.launches.kernel_names import (
    Tile,
    ends_together,
    is_conversion_kernel,
    is_full_precision_gemm,
    is_matrix_kernel,
    is_split_k_reduction,
    sends_alike,
    splits_k,
    tile_of,
)

CUTLASS_FP8 = (
    "void cutlass::device_kernel<cutlass::gemm::kernel::GemmUniversal<cute::tuple<int, int, int, int>, "
    "cutlass::gemm::collective::CollectiveMma<cutlass::gemm::MainloopSm90TmaGmmaWarpSpecializedBlockwiseFP8<(int)6, "
    "cute::tuple<cute::C<(int)1>, cute::C<(int)2>, cute::C<(int)1>>, "
    "cutlass::gemm::KernelTmaWarpSpecializedCooperativeFP8Blockwise>, "
    "cute::tuple<cute::C<(int)128>, cute::C<(int)128>, cute::C<(int)128>>, cutlass::float_e4m3_t"
)


@pytest.mark.parametrize(
    ("name", "tile"),
    [
        ("nvjet_sm90_tst_64x32_64x16_1x2_h_bz_splitK_TNT", Tile(32, 64, (1, 2))),
        ("nvjet_sm90_qqtst_128x128_128x6_4x1_v_bz_coopA_algo2_TNN", Tile(128, 128, (4, 1))),
        ("sm90_xmma_gemm_f64f64_f64f64_f64_nn_n_tilesize128x64x16_stage4", Tile(128, 64)),
        (
            "void cutlass::Kernel2<cutlass_75_tensorop_bf16_s1688gemm_bf16_128x128_nn_align1>(T1::Params)",
            Tile(128, 128),
        ),
        (
            "void cutlass::Kernel2<cutlass_80_tensorop_i16832gemm_s8_128x256_128x3_tn_align16>(T1::Params)",
            Tile(128, 256),
        ),
        (CUTLASS_FP8, Tile(128, 128, (1, 2))),
        ("void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<float>>", None),
    ],
)
def test_tiles(name: str, tile: Tile | None) -> None:
    assert tile_of(name) == tile


@pytest.mark.parametrize(
    ("function", "demangled", "expected"),
    [
        ("nvjet_sm90_tst_64x32_64x16_1x2_h_bz_splitK_TNT", "", True),
        ("device_kernel", CUTLASS_FP8, True),
        ("flash_fwd_splitkv_mla_kernel", "", True),
        ("fmhaSm100Kernel", "", True),
        ("Kernel2", "void cutlass::Kernel2<cutlass_80_tensorop_i16832gemm_s8_128x256_128x3_tn_align16>", True),
        ("Kernel2", "void cutlass::Kernel2<cutlass_80_simt_sgemm_256x128_8x4_nn_align1>(T1::Params)", False),
        ("splitKreduce_kernel", "void cublasLt::splitKreduce_kernel<32, 16, int>", False),
        ("flash_fwd_mla_combine_kernel", "", False),
        ("get_group_gemm_starts", "void get_group_gemm_starts<cutlass::float_e4m3_t>", False),
        ("prepare_grouped_gemm_data", "", False),
        ("groupedGemmPreComputeKernel", "", False),
        ("vectorized_elementwise_kernel", "", False),
        ("FusedAddRMSNormKernel", "", False),
    ],
)
def test_kernels_that_must_do_tensor_work(function: str, demangled: str, expected: bool) -> None:
    assert is_matrix_kernel(function, demangled) is expected


def test_split_k_is_not_split_kv() -> None:
    assert splits_k(["nvjet_sm90_tst_64x32_64x16_1x2_h_bz_splitK_TNT", "splitKreduce_kernel"])
    assert not splits_k(["sm90::flash_fwd_splitkv_mla_kernel<Traits>"])


@pytest.mark.parametrize(
    ("function", "demangled", "expected"),
    [
        (
            "vectorized_elementwise_kernel",
            "void at::native::vectorized_elementwise_kernel<(int)8, at::native::bfloat16_copy_kernel_cuda("
            "at::TensorIteratorBase &)::[lambda(float) (instance 1)]>(int, T2, T3)",
            True,
        ),
        (
            "unrolled_elementwise_kernel",
            "void at::native::unrolled_elementwise_kernel<at::native::direct_copy_kernel_cuda(at::TensorIteratorBase &)"
            "::[lambda() (instance 3)], at::native::memory::LoadWithCast<(int)1>, StoreWithCast<1>>()",
            True,
        ),
        (
            "elementwise_kernel",
            "void at::native::elementwise_kernel<(int)128, (int)4, void at::native::gpu_kernel_impl_nocast<"
            "at::native::direct_copy_kernel_cuda(at::TensorIteratorBase &)>>()",
            False,
        ),
        (
            "unrolled_elementwise_kernel",
            "void at::native::unrolled_elementwise_kernel<at::native::CUDAFunctor_add<float>, "
            "at::native::memory::LoadWithCast<(int)2>>()",
            False,
        ),
        ("triton_poi_fused__to_copy_3", "triton_poi_fused__to_copy_3", True),
        ("triton_poi_fused__to_copy_add_mul_3", "triton_poi_fused__to_copy_add_mul_3", False),
        ("wrapped_convert", "wrapped_convert", True),
        ("per_token_group_quant_8bit_kernel", "per_token_group_quant_8bit_kernel", False),
        ("broadcast_to_fp32", "broadcast_to_fp32", False),
    ],
)
def test_kernels_that_only_convert(function: str, demangled: str, expected: bool) -> None:
    assert is_conversion_kernel(function, demangled) is expected


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("splitKreduce_kernel", True),
        ("nvjet_sm90_tst_64x8_64x16_4x1_v_bz_splitK_TNT", False),
        ("ReduceSplitK", True),
        ("flash_fwd_splitkv_combine_kernel", False),
        ("reduce_kernel", False),
    ],
)
def test_kernels_that_only_add_partial_sums(function: str, expected: bool) -> None:
    assert is_split_k_reduction(function) is expected


@pytest.mark.parametrize(
    ("function", "demangled", "expected"),
    [
        ("Kernel2", "void cutlass::Kernel2<cutlass_80_simt_sgemm_64x64_8x5_tn_align1>(T1::Params)", True),
        ("sm90_xmma_gemm_f32f32_tf32f32_f32_nn_n", "", True),
        ("volta_sgemm_128x64_nn", "volta_sgemm_128x64_nn", True),
        ("nvjet_sm90_tst_64x8_64x16_4x1_v_bz_TNT", "", True),  # its counters tell
        ("vectorized_elementwise_kernel", "void at::native::vectorized_elementwise_kernel<8>()", False),
        ("splitKreduce_kernel", "void cublasLt::splitKreduce_kernel<(int)32, float>()", False),
    ],
)
def test_kernels_that_may_multiply_in_full_precision(function: str, demangled: str, expected: bool) -> None:
    assert is_full_precision_gemm(function, demangled) is expected


@pytest.mark.parametrize(
    ("name", "together"),
    [
        ("ncclDevKernel_AllReduce_Sum_bf16_RING_LL", True), ("ncclDevKernel_AllGather_RING_LL", True),
        ("ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL", True), ("ncclDevKernel_SendRecv", True),
        ("ncclDevKernel_Broadcast_RING_LL", False), ("ncclDevKernel_Reduce_Sum_bf16_RING_LL", False),
        ("void cross_device_reduce_1stage<bf16, 4>", True), ("nvjet_sm90_tst_96x128", False),
    ],
)  # fmt: skip
def test_which_collectives_end_on_all_ranks_at_once(name: str, together: bool) -> None:
    assert ends_together(name) is together


@pytest.mark.parametrize(
    ("name", "alike"),
    [
        ("ncclDevKernel_AllReduce_Sum_bf16_RING_LL", True), ("ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL", True),
        ("ncclDevKernel_AllReduce_Sum_bf16_TREE_LL", False), ("ncclDevKernel_SendRecv", False),
        ("all_reduce_weights", False),
    ],
)  # fmt: skip
def test_which_collectives_send_as_much_from_every_rank(name: str, alike: bool) -> None:
    assert sends_alike(name) is alike
