"""What a whole workload spends on launches that compute little: tiny ones, conversions, sums of split K, no range."""

from collections.abc import Callable, Iterator, Sequence, Set
from typing import NamedTuple

import polars as pl

from roofprof.findings import Finding, Severity
from roofprof.formatting import format_percent, format_si, told_apart
from roofprof.hardware.devices import PIPES
from roofprof.launches.kernel_names import is_conversion_kernel, is_full_precision_gemm, is_split_k_reduction
from roofprof.results.thresholds import LAUNCH_BOUND_NS, OP_SHARE, REPORT_SHARE, TINY_SHARE

KERNEL_COLUMNS = ("op", "kernel_name", "kernel_demangled_name", "duration_ns", "nvtx_path")
_NAMED = 3
_WIDE = {"fp32": "FP32 on CUDA cores", "fp64": "FP64 on CUDA cores", "tensor_tf32": "TF32", "tensor_fp64": "FP64"}


class Launch(NamedTuple):
    """Of one kernel."""

    op: str | None
    function: str
    demangled: str
    duration_ns: float
    inside: bool
    """In a range."""


def kernel(op: str | None, function: str, demangled: str | None, duration_ns: float | None, path: object) -> Launch:
    """One launch, of the values of `KERNEL_COLUMNS`."""
    return Launch(op, function, demangled or "", duration_ns or 0.0, path is not None)


Belongs = Callable[[Launch], bool]


class _Rule(NamedTuple):
    kind: str
    belongs: Belongs
    verb: tuple[str, str]
    """Of one launch, and of several."""
    rest: str
    hint: str
    least_share: float = REPORT_SHARE
    by_op: bool = True
    """Whether the places that are named are ops, and not kernels."""

    def said(self, count: int) -> str:
        """What so many launches do."""
        return f"{self.verb[count != 1]} {self.rest if count != 1 else self.rest.removesuffix(' each')}"


def _tiny(launch: Launch) -> bool:
    return launch.duration_ns < LAUNCH_BOUND_NS


def _converts(launch: Launch) -> bool:
    return is_conversion_kernel(launch.function, launch.demangled)


def _reduces(launch: Launch) -> bool:
    return is_split_k_reduction(launch.function)


_RULES = (
    _Rule(
        "tiny-launches", _tiny, ("takes", "take"), f"less than {LAUNCH_BOUND_NS / 1e3:.0f} µs each",
        "start-up is most of it: fuse them, or replay them in a CUDA graph", TINY_SHARE, by_op=False,
    ),
    _Rule(
        "conversions", _converts, ("converts", "convert"), "a tensor to another type, nothing else",
        "let the kernel before write that type, or the one behind read the other",
    ),
    _Rule(
        "split-k-reductions", _reduces, ("adds", "add"), "partial sums of a split K, nothing else",
        "the product before paid for writing them: try fewer splits, a larger batch, or stream-K",
    ),
    _Rule(
        "outside-ranges", lambda launch: not launch.inside, ("lies", "lie"), "in no range",
        "put a range around what launches them, and they get rows of their own", by_op=False,
    ),
)  # fmt: skip


def workload_findings(launches: pl.DataFrame, traced: Set[str] = frozenset()) -> Iterator[Finding]:
    """Findings about whole reports.

    Args:
        launches: with `with_measured_work`'s columns and `op`.
        traced: reports whose launches have nsys' times.
    """
    timed = launches.filter(pl.col("duration_ns").is_not_null())
    for (report,), frame in timed.group_by("report", maintain_order=True):
        kernels = frame.filter(pl.col("workload_type") == "kernel")
        found = [kernel(*cells) for cells in kernels.select(KERNEL_COLUMNS).iter_rows()]
        whole = float(frame["duration_ns"].to_numpy().sum())  # with graphs that were profiled as one
        for rule in _RULES:
            if rule.kind == "outside-ranges" and not any(launch.inside for launch in found):
                continue  # no-ranges says it
            chosen = [launch for launch in found if rule.belongs(launch)]
            spent = sum(launch.duration_ns for launch in chosen)
            if whole and len(chosen) < len(found) and spent >= rule.least_share * whole:
                whose = "nsys" if report in traced else "ncu"
                yield _of_report(rule, str(report), chosen, len(found), spent / whole, whose)


def _of_report(rule: _Rule, report: str, chosen: Sequence[Launch], count: int, share: float, whose: str) -> Finding:
    places: dict[str, list[float]] = {}
    for launch in chosen:
        place = (launch.op if rule.by_op else None) or launch.function
        places.setdefault(place, []).append(launch.duration_ns)
    most = sorted(places.items(), key=lambda item: -sum(item[1]))
    names = told_apart([place for place, _ in most[:_NAMED]], 40)
    named = ", ".join(
        f"{name} ({len(times)}, {format_si(sum(times) / 1e9, 's')})"
        for name, (_, times) in zip(names, most, strict=False)
    )
    spent = sum(launch.duration_ns for launch in chosen)
    return Finding(
        rule.kind, Severity.INFO,
        f"{len(chosen)} of {count} launches {rule.said(len(chosen))}: {format_si(spent / 1e9, 's')}, "
        f"{format_percent(share)} of all under {whose}; most: {named}",
        rule.hint, report=report,
        values={
            "launch_count": len(chosen), "time_ns": spent, "share": share,
            "most": [{"name": place, "launch_count": len(times), "time_ns": sum(times)} for place, times in most[:10]],
        },
    )  # fmt: skip


def call_findings(op: str, report: str, kernels: Sequence[Launch]) -> Iterator[Finding]:
    """Conversions and sums of a split K among the kernels of one call, where they have a telling share of its time."""
    whole = sum(kernel.duration_ns for kernel in kernels)
    for rule in _RULES:
        if not rule.by_op or len(kernels) < 2:
            continue
        chosen = [kernel.duration_ns for kernel in kernels if rule.belongs(kernel)]
        share = sum(chosen) / whole if whole else 0.0
        if share >= OP_SHARE:
            yield Finding(
                rule.kind, Severity.INFO,
                f"{len(chosen)} of {len(kernels)} kernels {rule.said(len(chosen))}: "
                f"{format_percent(share)} of its time under ncu",
                rule.hint, op=op, report=report,
                values={"launch_count": len(chosen), "time_ns": sum(chosen), "share": share},
            )  # fmt: skip


def wide_products(launches: pl.DataFrame) -> Iterator[Finding]:
    """Findings about matrix products in 32 bits or more, launch by launch, where most of the tensor work is narrower.

    Args:
        launches: with `with_measured_work`'s columns and `op`.
    """
    counts = [f"{pipe}_flop_count" for pipe in PIPES]
    tensor = [name for name in counts if name.startswith("tensor_")]
    sums = launches.group_by("report").agg(pl.col(tensor).sum()).iter_rows(named=True)
    usual = {row["report"]: max(tensor, key=lambda name: row[name]) for row in sums if any(row[n] for n in tensor)}
    columns = ("report", "launch_id", "op", "kernel_name", "kernel_demangled_name", "duration_ns", *counts)
    for row in launches.filter(pl.col("op").is_not_null()).select(columns).iter_rows(named=True):
        main = usual.get(row["report"], "").removesuffix("_flop_count")
        if (
            not main
            or main in _WIDE
            or not is_full_precision_gemm(row["kernel_name"], row["kernel_demangled_name"] or "")
        ):
            continue
        ran = max(counts, key=lambda name: row[name] or 0.0).removesuffix("_flop_count")
        flop_count = row[f"{ran}_flop_count"]
        if not flop_count or ran not in _WIDE:
            continue
        yield Finding(
            "wide-product", Severity.INFO,
            f"{row['kernel_name'][:60]}: a product of {format_si(flop_count, 'FLOP')} in {_WIDE[ran]}, where most "
            f"are in {main.removeprefix('tensor_')}",
            "inputs in the narrower type, or TF32 (torch.backends.cuda.matmul.fp32_precision), where accuracy allows",
            op=row["op"], launch_id=row["launch_id"], report=row["report"],
            values={"pipe": ran, "usual_pipe": main, "flop_count": flop_count, "time_ns": row["duration_ns"]},
        )  # fmt: skip
