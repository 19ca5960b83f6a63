"""What the ranges round an operation are called: the one place where the timeline reads range names."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from roofprof.formulas.models import FORMULAS
from roofprof.formulas.range_names import CASE_FORMULA, TRUTH_FORMULA, RangeNameError, parse_range_name
from roofprof.timeline.rows import RangePath

_KNOWN = {*FORMULAS, CASE_FORMULA, TRUTH_FORMULA}


class OpKey(NamedTuple):
    """What calls of one op have in common."""

    key: RangePath
    """Calls whose paths have one key are calls of one op."""
    op: str


def read_key(path: Sequence[str]) -> OpKey:
    """The key and the op of a path, names from the outermost range in."""
    return OpKey(tuple(path), op_label(path[-1]))


def op_label(name: str) -> str:
    """The part before the first colon of a name that is ours; any other name as it stands."""
    try:
        parsed = parse_range_name(name)
    except RangeNameError:
        return name
    # PyTorch's `nccl:all_reduce` parses, and there is such a formula; but every formula has sizes.
    return parsed.op if parsed.formula in _KNOWN and parsed.shape else name


def distinct_labels(paths: Iterable[RangePath]) -> dict[RangePath, str]:
    """What to call each of some paths: the innermost op, or the whole path where two would be called the same."""
    distinct = dict.fromkeys(paths)
    count = Counter(op_label(path[-1]) for path in distinct)
    return {path: _label(path, count) for path in distinct}


def _label(path: RangePath, count: Mapping[str, int]) -> str:
    names = [op_label(name) for name in path]
    return names[-1] if count[names[-1]] == 1 else " / ".join(names)
