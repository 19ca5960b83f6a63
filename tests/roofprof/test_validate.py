"""The validator: what is declared is what is read, and what is wrong is named with its place."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest

from roofprof.errors import FieldError
from roofprof.validate import UNSAVED, Bounds, built


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Inner:
    size: Annotated[float, Bounds(positive=True)]
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    count: int
    inner: Inner
    rows: list[Inner] = field(default_factory=list)
    rates: Annotated[Mapping[str, float], Bounds(keys=("read", "write"))] = field(default_factory=dict)
    state: Literal["on", "off"] = "on"
    colour: Colour = Colour.RED
    flag: bool = False
    offset: Annotated[float | None, Bounds(None)] = None
    words: tuple[str, ...] = ()
    anything: Any = None
    shape: Mapping[str, int | float | str] = field(default_factory=dict)
    derived: int = field(default=7, metadata=UNSAVED)


GOOD: dict[str, object] = {"name": "a", "count": 3, "inner": {"size": 2.5}}


def test_what_is_declared_is_made() -> None:
    given = {
        **GOOD, "rows": [{"size": 1, "note": "x"}], "rates": {"read": 0}, "words": ["a"], "colour": "red", "offset": -3,
        "anything": {"x": [1, None]}, "shape": {"m": 1, "p": "fp8"}, "derived": 9,
    }  # fmt: skip
    made = built(Outer, given)
    assert made.rows == [Inner(1, "x")]
    assert (made.words, made.colour, made.offset, made.derived) == (("a",), Colour.RED, -3, 7)


def test_unknown_keys_are_left_alone_or_refused_with_the_nearest_known_one() -> None:
    assert built(Outer, {**GOOD, "added": 1}).count == 3
    with pytest.raises(FieldError, match="unknown key 'cuont'; did you mean 'count'"):
        built(Outer, {**GOOD, "cuont": 1}, refuse_unknown=True)
    with pytest.raises(FieldError, match="inner: unknown key 'zzz'; expected size, note"):
        built(Outer, {**GOOD, "inner": {"size": 1, "zzz": 1}}, refuse_unknown=True)


def nested(depth: int) -> object:
    found: object = 1
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": 5}, "name = 5: expected a text"),
        ({"name": None}, "name = null: expected a text"),
        ({"name": "a\udcff"}, "expected Unicode text"),
        ({"count": True}, "count = true: expected a whole number of at least 0"),
        ({"count": -1}, "count = -1: expected a whole number of at least 0"),
        ({"count": 1.5}, "count = 1.5: expected a whole number"),
        ({"count": 10**400}, "count = a very large number: expected a whole number"),
        ({"inner": {"size": 0}}, "inner.size = 0: expected a positive number"),
        ({"inner": {"size": math.inf}}, "inner.size = inf: expected a positive number"),
        ({"inner": {"size": 10**400}}, "inner.size = a very large number"),
        ({"inner": {"size": math.nan}}, "inner.size = nan"),
        ({"inner": {}}, "inner.size is missing"),
        ({"inner": []}, "inner = an array: expected a table"),
        ({"rows": {"size": 1}}, "rows = a table: expected an array"),
        ({"rows": [{"size": 1}, {"size": "x"}]}, "rows[1].size = 'x': expected a positive number"),
        ({"rows": [None]}, "rows[0] = null: expected a table"),
        ({"rates": {"reed": 1}}, "rates: unknown key 'reed'; did you mean 'read'?"),
        ({"rates": {"read": None}}, "rates.read = null: expected a number of at least 0"),
        ({"state": "maybe"}, "state = 'maybe': expected one of on, off"),
        ({"colour": "blue"}, "colour = 'blue': expected one of red"),
        ({"flag": 1}, "flag = 1: expected true or false"),
        ({"offset": -math.inf}, "offset = -inf: expected a number"),
        ({"words": "abc"}, "words = 'abc': expected an array"),
        ({"words": [["a"]]}, "words[0] = an array: expected a text"),
        ({"anything": nested(500)}, "nested more than 40 deep"),
        ({"anything": {"a": [math.nan]}}, "anything.a[0] = nan: expected a finite number"),
        ({"shape": {"m": [1]}}, "shape.m = an array: expected a number of at least 0 or a text"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(change: dict[str, object], said: str) -> None:
    with pytest.raises(FieldError) as caught:
        built(Outer, {**GOOD, **change})
    assert said in str(caught.value)


def test_a_file_that_is_no_table() -> None:
    with pytest.raises(FieldError, match="expected a table"):
        built(Outer, [1])
