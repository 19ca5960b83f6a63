"""Which kernels are worth a second look: those whose tensor work no precision explains that was counted.

Read from the reports that earlier runs left, with the standard library: a capture needs no more.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from roofprof.errors import ReportError
from roofprof.formats.ncu_rep import blocks, strings
from roofprof.formats.ncu_rep_results import Texts, metric_value, read_head, read_metrics
from roofprof.formats.protobuf import FramingError
from roofprof.hardware.chip import Chip


class Launch(NamedTuple):
    """A kernel launch of a report."""

    function: str
    """By the name without template and arguments."""
    instance: str
    """By the demangled name."""
    counters: Mapping[str, float]


def read_launches(path: Path, wanted: Iterable[str]) -> list[Launch]:
    """Function and some counters of each kernel launch of a report; a counter that it lacks is absent.

    Args:
        path: a whole .ncu-rep.
        wanted: names of metrics with their suffix.

    Raises:
        ReportError: the report is damaged.
    """
    data = path.read_bytes()
    try:
        return list(_launches(data, frozenset(wanted)))
    except FramingError as error:
        raise ReportError(f"{path.name} is damaged: {error}", "capture it again") from error


def _launches(data: bytes, wanted: frozenset[str]) -> Iterator[Launch]:
    found, texts = blocks(data), Texts(data)
    names = [texts[span] for block in found for span in strings(data, block)]
    ids = {place: name for place, name in enumerate(names) if name in wanted}
    for block in found:
        for kind, start, end in block.results:
            if kind != "kernel":
                continue
            head = read_head(data, kind, (start, end), texts)
            values: dict[str, float] = {}
            for name, place in read_metrics(data, kind, head, end):
                value = metric_value(data, place, texts) if name in ids else None
                if isinstance(value, int | float):
                    values[ids[name]] = value
            yield Launch(head.function, head.demangled, values)


def unexplained(path: Path, chip: Chip, precisions: Iterable[str]) -> list[str]:
    """Functions with a launch in which no counted precision shows any tensor work, by name.

    Most of them did no tensor work; only a look at the pipe's instructions tells.

    Args:
        path: a report that holds these precisions.
        chip: whose counters they are.
        precisions: such as bf16.

    Raises:
        ReportError: the report is damaged.
    """
    counters = [m for p in precisions for m in chip.groups[f"tensor_{p}"] if m.endswith(".sum")]
    return sorted({each.function for each in read_launches(path, counters) if not any(each.counters.values())})


def not_sampled(path: Path, sample: Path | None, functions: Iterable[str]) -> list[str]:
    """Those of some functions that have a template instance of which a sample holds no launch, by name.

    Args:
        path: a report of every launch.
        sample: one of some of them; None where none was profiled.
        functions: that the sample was to be of.

    Raises:
        ReportError: a report is damaged.
    """
    wanted = frozenset(functions)
    seen = {launch.instance for launch in read_launches(sample, ())} if sample else set()
    every = read_launches(path, ())
    return sorted({each.function for each in every if each.function in wanted and each.instance not in seen})


def matrix_functions(path: Path, chip: Chip) -> dict[str, set[str]]:
    """Functions that executed matrix instructions -> precisions that those may have been in.

    A launch without these counters may have executed any: nothing is known of it.

    Raises:
        ReportError: the report is damaged.
    """
    found: dict[str, set[str]] = {}
    for name, _, values in read_launches(path, chip.groups["tensor_ops"]):
        for base, precisions in chip.tensor_families.items():
            count, moves = values.get(f"{base}.sum"), values.get(f"{chip.tensor_moves.get(base)}.sum", 0.0)
            # All of them moves, or none of either; more moves than instructions would be counted apart from these.
            if count is None or (count > 0 and count != moves):
                found.setdefault(name, set()).update(precisions)
    return found


def left_to_count(functions: Mapping[str, set[str]], left: Sequence[str]) -> tuple[list[str], list[str]]:
    """Functions and precisions of the second look.

    Args:
        functions: see `matrix_functions`.
        left: precisions that no run has counted yet.
    """
    chosen = sorted(name for name, precisions in functions.items() if precisions & set(left))
    return chosen, [p for p in left if any(p in functions[name] for name in chosen)]
