"""What kernel names tell, on names from real reports."""

import pytest

from roofprof.launches.kernel_names import Tile, ends_together, is_matrix_kernel, splits_k, tile_of

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
