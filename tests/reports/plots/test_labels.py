"""Boxes in a grid against all of them."""

from hypothesis import given
from hypothesis import strategies as st

from roofprof.reports.plots.labels import Box, _box, _overlap, _Taken

EDGE = st.floats(-50, 50, allow_nan=False)
SIZE = st.floats(0, 40, allow_nan=False)
BOXES = st.lists(st.builds(_box, EDGE, EDGE, SIZE, SIZE), min_size=1)


@given(BOXES, st.floats(0.5, 20))
def test_a_box_overlaps_in_the_grid_where_it_overlaps_any(boxes: list[Box], cell: float) -> None:
    *others, box = boxes
    taken = _Taken(cell)
    for other in others:
        taken.add(other)
    assert taken.overlaps(box) == any(_overlap(box, other) for other in others)
