"""The exact counts of a kernel, written into its range's name by the harness and read back by the check.

copy:truth:r1073741824:w1073741824          DRAM bytes read and written
gemm_bf16:truth:m4096:n4096:k4096:bf16      a GEMM on tensor cores: its executed FLOPs follow from its tiles
ffma:truth:c138412032:fp32                  FLOPs on CUDA cores
mufu:truth:u69206016                        special-function results
empty:truth                                 nothing: what is counted is the floor
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roofprof.formulas.range_names import TRUTH_FORMULA, RangeNameError, Shape, format_range_name, parse_range_name
from roofprof.launches.kernel_names import Tile, splits_k, tile_depth_of, tile_of

TILE_DEPTHS = (16, 32, 64, 128)
"""Tile sizes along K to try where the kernel's name tells only the other two."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What counters must show of one kernel. None where nothing is known."""

    name: str
    pipe: str | None = None
    """Pipe that `flop_count` or `gemm` is about."""
    flop_count: float | None = None
    """Exact."""
    gemm: tuple[int, int, int] | None = None
    """M, N, K; executed FLOPs follow from the tiles, and are at least 2MNK."""
    mufu_count: float | None = None
    read_bytes: float | None = None
    write_bytes: float | None = None


def expected_range(expected: Expected) -> str:
    """The name of the range around a kernel."""
    shape: Shape = {}
    sizes = {"r": expected.read_bytes, "w": expected.write_bytes, "c": expected.flop_count, "u": expected.mufu_count}
    shape |= {key: int(value) for key, value in sizes.items() if value is not None}
    if expected.gemm:
        shape |= dict(zip("mnk", expected.gemm, strict=True))
    if expected.pipe:
        shape["precision"] = expected.pipe.removeprefix("tensor_")
    return format_range_name(expected.name, TRUTH_FORMULA, shape)


def expected_of_range(name: str) -> Expected | None:
    """What a range's name says that counters must show, or None where it says nothing."""
    try:
        parsed = parse_range_name(name)
    except RangeNameError:
        return None
    if parsed.formula != TRUTH_FORMULA:
        return None

    def size(key: str) -> int | None:
        value = parsed.shape.get(key)
        return value if isinstance(value, int) else None

    m, n, k, precision = size("m"), size("n"), size("k"), parsed.shape.get("precision")
    gemm = (m, n, k) if m and n and k else None
    pipe = None if precision is None else f"tensor_{precision}" if gemm else str(precision)
    return Expected(parsed.op, pipe, size("c"), gemm, size("u"), size("r"), size("w"))


def executed_flop_counts(gemm: tuple[int, int, int], kernels: Sequence[tuple[str, int]]) -> set[int]:
    """FLOPs that a GEMM can execute by the tiles that its kernel's name tells; empty where it tells none.

    Which side of a tile lies along M is not always in the name (cuBLAS computes the transposed product), and where
    K is split the number of slices is that of the blocks over that of the tiles: hence several.

    Args:
        gemm: M, N, K.
        kernels: demangled name and number of blocks of each kernel of the call.
    """
    split = splits_k([name for name, _ in kernels])
    found: set[int] = set()
    for name, blocks in kernels:
        if (tile := tile_of(name)) is None:
            continue
        depths = (depth,) if (depth := tile_depth_of(name)) else TILE_DEPTHS
        for rows, columns in _tile_counts(gemm, tile):
            slices = max(1, blocks // (rows.count * columns.count)) if split else 1
            for depth in depths:
                steps = -(-gemm[2] // depth)
                found.add(2 * rows.size * columns.size * depth * slices * -(-steps // slices))
    return found


@dataclass(frozen=True, slots=True)
class _Side:
    """Tiles along one side of the output."""

    count: int
    size: int
    """Rows or columns that they cover."""


def _tile_counts(gemm: tuple[int, int, int], tile: Tile) -> Iterator[tuple[_Side, _Side]]:
    """Both sides' tiles, whole clusters of them, for either way that tile and cluster can lie."""
    for m, n in {(tile.m, tile.n), (tile.n, tile.m)}:
        cluster = tile.cluster or (1, 1)
        for cm, cn in {cluster, cluster[::-1]}:
            yield _side(gemm[0], m, cm), _side(gemm[1], n, cn)


def _side(length: int, tile: int, cluster: int) -> _Side:
    count = -(-length // (tile * cluster)) * cluster
    return _Side(count, count * tile)
