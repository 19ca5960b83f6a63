"""The answers as the page holds them: the terminal's rows and figures, and where the picture draws each op."""

from collections import Counter
from collections.abc import Mapping, Sequence

from roofprof.advice.answer import Answer, AnswerRow, TargetRow, least_time, target_rows
from roofprof.document.cases import sum_of
from roofprof.reports.html.columns import Columns, columns_of
from roofprof.reports.plots.points import Point, measured_points, projected_points
from roofprof.reports.tables.answer import head_parts, summed
from roofprof.reports.tables.ranks import collective_table

Fields = dict[str, object]
"""Plain data by name, for JSON."""

ANSWER_COLUMNS = (
    "case", "rank", "layer_share", "counted", "why", "attempt", "target_intensity", "target_bound",
    "target_attainable_flop_per_s", "target_least_ns", "target_by_launch",
)  # fmt: skip
"""What the answer knows of an op."""
_POINT_FIELDS = ("row", "x", "y", "pipe", "other_x", "other_y")


def answer_rows(answers: Sequence[Answer]) -> dict[int, Fields]:
    """`ANSWER_COLUMNS` of every op, by its `id`; `case` is the answer's number from 0 on."""
    found: dict[int, Fields] = {}
    for number, answer in enumerate(answers):
        rows = [*answer.rows, *answer.folded]
        targets = target_rows(answer.case, [row.op for row in rows])
        for row, target in zip(rows, targets, strict=True):
            found[id(row.op)] = {"case": number, **_of_row(row), **_of_target(target)}
    return found


def _of_row(row: AnswerRow) -> Fields:
    return {
        "rank": row.rank,
        "layer_share": row.share,
        "counted": row.counted,
        "why": row.reason.why,
        "attempt": row.reason.attempt,
    }


def _of_target(target: TargetRow) -> Fields:
    return {
        "target_intensity": target.useful_intensity,
        "target_bound": target.bound,
        "target_attainable_flop_per_s": target.attainable_flop_per_s,
        "target_least_ns": target.least_time_ns,
        "target_by_launch": target.by_launch,
    }


def case_fields(answer: Answer, places: Mapping[int, int]) -> Fields:
    """One case.

    Args:
        answer: of the case.
        places: the number of each op from 0 on, by its `id`.
    """
    rows = [*answer.rows, *answer.folded]
    return {
        "title": answer.case.title,
        "head": [part for parts in head_parts(answer) for part in parts],
        "rows": [places[id(row.op)] for row in rows],
        "shown": len(answer.rows),
        "folded": _folded(answer),
        "target_least_ns": least_time(answer.case).value,
        "summed": summed(answer.case),
        "collectives": collective_table(answer.case.layer, answer.case.source) if answer.case.source.ranks else [],
    }


def _folded(answer: Answer) -> Fields:
    """The sums of the rows that are not shown."""
    own = [row for row in answer.folded if row.counted]
    time_ns = sum_of(row.time_ns for row in own).value
    return {
        "time_ns": time_ns,
        "layer_share": time_ns / answer.time_ns if time_ns is not None and answer.time_ns else None,
        "headroom_ns": sum_of(row.headroom_ns for row in own).known,
    }


def named_apart(cases: list[Fields]) -> list[Fields]:
    """Cases whose titles are equal get a number: a link names a case by its title."""
    count, seen = Counter(case["title"] for case in cases), Counter[object]()
    for case in cases:
        title = case["title"]
        seen[title] += 1
        if count[title] > 1:
            case["title"] = f"{title} ({seen[title]})"
    return cases


def place_columns(answers: Sequence[Answer], labels: dict[int, str], places: Mapping[int, int]) -> dict[str, Columns]:
    """The points of the picture: on the profiled GPU as measured, on the target as its roofs allow."""
    here, there = (
        [_point(point, places) for answer in answers for point in points(answer, labels).drawn]
        for points in (measured_points, projected_points)
    )
    return {"here": columns_of(here, _POINT_FIELDS), "there": columns_of(there, _POINT_FIELDS)}


def _point(point: Point, places: Mapping[int, int]) -> Fields:
    other_x, other_y = point.other or (None, None)
    return {
        "row": places[id(point.op)],
        "x": point.intensity,
        "y": point.rate,
        "pipe": point.pipe,
        "other_x": other_x,
        "other_y": other_y,
    }
