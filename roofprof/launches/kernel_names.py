"""What a kernel's name tells: its tile, its cluster, whether it is a GEMM or attention, whether it splits K."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_NVJET = re.compile(r"nvjet_\w*?_(\d+)x(\d+)_\d+x\d+_(\d+)x(\d+)_")
_NVJET_DEPTH = re.compile(r"nvjet_\w*?_\d+x\d+_(\d+)x\d+_")
_TILESIZE = re.compile(r"tilesize(\d+)x(\d+)x(\d+)")
_CUTLASS_2 = re.compile(r"cutlass_\w*?_(\d+)x(\d+)_(?:(\d+)x\d+_|[nt]{2}_align)")
_CUTE_TUPLE = re.compile(r"tuple<(?:cute::)?C<(\d+)>,(?:cute::)?C<(\d+)>,(?:cute::)?C<(\d+)>>")

_MATRIX = re.compile(
    r"gemm|nvjet|xmma|wgmma|tcgen05|fmha|attention|attn_fwd|flash_fwd|flash_mla|_mla_|mla_decode", re.I
)
_MATRIX_TEMPLATE = re.compile(r"cutlass::gemm::kernel::|collective::CollectiveMma|tensorop|fmha::kernel", re.I)
_SPARSE = re.compile(
    r"sparse_gemm|spgemm|sp_?gemm_|_spmma|SparseGemm|gemm\w*_sparse|sm90_sparse|MainloopSm\d+\w*Sparse", re.I
)
_SPLIT_K = re.compile(r"splitk(?!v)", re.I)
_HELPER = re.compile(
    r"reduce|prepare|precompute|starts?\b|_starts|offset|problem_size|quant|copy|combine|merge|metadata|scheduler|"
    r"permute|shuffle|softmax|simt|sgemm|dgemm|gemv|sort|fill|norm|concat|cache|rope|rotary|write|cast|convert",
    re.I,
)

_COMMUNICATION = re.compile(
    r"^(void )?nccl(Dev)?Kernel|nvshmem|deep_ep::|cross_device_reduce|(one|two)_?shot_all_?reduce|"
    r"all_?reduce_(fusion|kernel|norm)|multimem_all_|mscclpp|\bmsccl|rccl|custom_?all_?reduce|moe_?a2a|moe_?all_?to_?all|"
    r"all_?gather_kernel|reduce_?scatter_kernel|quick_?reduce|userbuffers_",
    re.I,
)

_CONVERSION = re.compile(
    r"float\d\w*_copy_kernel|direct_copy_kernel.*(Load|Store)WithCast|gpu_kernel_impl<[^<>]*direct_copy_kernel"
)
"""Of demangled names of PyTorch's copies: those of one type are memcpy or `nocast`."""
_CONVERSION_FUNCTION = re.compile(
    r"^(wrapped|loop|input)_convert|^triton_\w+?_fused__to_copy_\d+$|"
    r"(^|_)(convert|cast)(_to|_from)?_(fp|bf|float|half|int|dtype)",
    re.I,
)
_FULL_PRECISION = re.compile(
    r"simt_[sd]gemm|(^|_)[sd]gemm|_tf32|tf32_|s1688gemm(?!_(f16|bf16))|s1688tf32|f32f32_f32f32", re.I
)
_SPLIT_K_REDUCTION = re.compile(r"splitk_?reduce|reduce_?splitk|gemmk1_?reduce", re.I)


@dataclass(frozen=True, slots=True)
class Tile:
    """Rows and columns of the output that one block computes."""

    m: int
    n: int
    cluster: tuple[int, int] | None = None

    def __str__(self) -> str:
        cluster = f", cluster {self.cluster[0]}x{self.cluster[1]}" if self.cluster else ""
        return f"tile M{self.m} x N{self.n}{cluster}"


@lru_cache(maxsize=4096)
def tile_of(name: str) -> Tile | None:
    """The output tile by the kernel's demangled name, or None where the name does not tell."""
    if match := _NVJET.search(name):  # cuBLAS is column-major: its first number is our N
        n, m, cluster_n, cluster_m = map(int, match.groups())
        return Tile(m, n, (cluster_n, cluster_m))
    if match := _TILESIZE.search(name):
        return Tile(int(match[1]), int(match[2]))
    if match := _CUTLASS_2.search(name):
        return Tile(int(match[1]), int(match[2]))
    tuples = _CUTE_TUPLE.findall(re.sub(r"\s|\(int\)", "", name))
    if "CollectiveMma" in name and len(tuples) >= 2:  # cluster shape, then tile shape
        (cm, cn, _), (m, n, _) = tuples[0], tuples[1]
        return Tile(int(m), int(n), (int(cm), int(cn)))
    return None


@lru_cache(maxsize=4096)
def tile_depth_of(name: str) -> int | None:
    """Size of the tile along K by the kernel's demangled name, or None where the name does not tell."""
    if match := _NVJET_DEPTH.search(name):
        return int(match[1])
    if match := _TILESIZE.search(name):
        return int(match[3])
    if (match := _CUTLASS_2.search(name)) and match[3]:
        return int(match[3])
    return None


@lru_cache(maxsize=4096)
def is_matrix_kernel(function: str, demangled: str) -> bool:
    """Whether the name says GEMM or attention on tensor cores: it must do tensor work."""
    if _HELPER.search(function) or "simt" in demangled.lower():
        return False
    return bool(_MATRIX.search(function) or _MATRIX_TEMPLATE.search(demangled))


def splits_k(names: Sequence[str]) -> bool:
    """Whether an op's kernels sum partial products of K slices in a second step."""
    return any(_splits_k(name) for name in names)


@lru_cache(maxsize=4096)
def _splits_k(name: str) -> bool:
    return bool(_SPLIT_K.search(name))


@lru_cache(maxsize=4096)
def is_conversion_kernel(function: str, demangled: str) -> bool:
    """Whether a kernel does nothing but convert a tensor to another type, by its names; a quantisation does more."""
    return bool(_CONVERSION.search(demangled) or _CONVERSION_FUNCTION.search(function))


@lru_cache(maxsize=4096)
def is_full_precision_gemm(function: str, demangled: str) -> bool:
    """Whether a kernel is a matrix product that may be one in FP32, TF32 or FP64: its counters tell."""
    return bool(_FULL_PRECISION.search(demangled or function)) or is_matrix_kernel(function, demangled)


@lru_cache(maxsize=4096)
def is_split_k_reduction(function: str) -> bool:
    """Whether a kernel adds the partial sums of a product whose K is split, by its function's name."""
    return bool(_SPLIT_K_REDUCTION.search(function))


@lru_cache(maxsize=4096)
def is_sparse_kernel(name: str) -> bool:
    """Whether a kernel multiplies a 2:4-sparse matrix on tensor cores, by its demangled name."""
    return bool(_SPARSE.search(name))


@lru_cache(maxsize=4096)
def is_communication_kernel(name: str) -> bool:
    """Whether a kernel moves data between GPUs: NCCL, NVSHMEM, DeepEP and the all-reduces of inference engines.

    Args:
        name: demangled, or the function's name alone.
    """
    return bool(_COMMUNICATION.search(name))


_ONE_WAY = re.compile(r"Broadcast|(?<!All)Reduce_|(?<!All)Gather_|(?<!Reduce)Scatter_|put_?signal|wait_?signal")


@lru_cache(maxsize=4096)
def ends_together(name: str) -> bool:
    """Whether a communication kernel ends on all ranks at once: each needs data of every other one.

    A broadcast's root, and a reduction's other ranks, are done as soon as they have sent.
    """
    return is_communication_kernel(name) and not _ONE_WAY.search(name)


_ALIKE = re.compile(r"All_?Reduce|All_?Gather|Reduce_?Scatter", re.IGNORECASE)


@lru_cache(maxsize=4096)
def sends_alike(name: str) -> bool:
    """Whether a communication kernel sends as many bytes from every rank, as rings of NCCL do."""
    return is_communication_kernel(name) and bool(_ALIKE.search(name)) and "TREE" not in name.upper()
