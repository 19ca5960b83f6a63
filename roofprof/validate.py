"""Checks what a file holds against the dataclass that declares it, and makes that dataclass: the one validator.

A field's type says what its value must be; `Annotated[float, Bounds(positive=True)]` says more. Numbers are finite and
at least 0 unless their bounds say otherwise, as in report.schema.json.
"""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    runtime_checkable,
)  # fmt: skip

from roofprof.field_errors import MAX_INTEGER, FieldError, wrong

T = TypeVar("T")
MAX_DEPTH = 40
"""Of values whose form is not declared."""
UNSAVED = {"saved": False}
"""Metadata of a dataclass field that no file holds."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a field's type does not say of its value."""

    minimum: float | None = 0
    """Of a number, and of numbers in a list or a mapping."""
    maximum: float | None = None
    positive: bool = False
    """More than 0."""
    unit: str = ""
    values: tuple[str, ...] = ()
    """Every text that it may be."""
    keys: tuple[str, ...] = ()
    """Of a mapping: every key that it may have."""
    all_keys: bool = False
    """Whether it must have each of them."""


@runtime_checkable
class Bounded(Protocol):
    """What else may stand in `Annotated` to bound a field."""

    @property
    def bounds(self) -> Bounds:
        """What it says of the value."""
        ...


def built(kind: type[T], data: object, refuse_unknown: bool = False) -> T:
    """A dataclass from plain data, each value checked; nested dataclasses by their types.

    Args:
        kind: the dataclass.
        data: what a JSON or TOML file holds.
        refuse_unknown: whether a key that is not declared is a mistake, as in files that users write; in files that
            roofprof wrote it is a newer version's, and left alone.

    Raises:
        FieldError: the first value that is missing, unknown, or not what is declared.
    """
    declared: type = kind
    made = _reader(declared, Bounds(), refuse_unknown)(data)
    assert isinstance(made, kind)
    return made


def checked(hint: object, value: object, bounds: Bounds | None = None) -> Any:
    """A value of a type that is not a dataclass, such as `list[str]`, checked.

    Raises:
        FieldError: it is of another form.
    """
    return _reader(hint, bounds or Bounds(), False)(value)


def known_keys(given: Mapping[str, object], known: Sequence[str]) -> None:
    """Refuse a key that is not known, with the nearest one that is.

    Raises:
        FieldError: naming both.
    """
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key)[:60], known, 1)
            advice = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(known)}"
            raise FieldError(f"unknown key {str(key)[:60]!r}; {advice}")


def without_none(hint: object) -> tuple[object, bool]:
    """A type without `None`, and whether `None` was in it."""
    if get_origin(hint) not in (Union, UnionType):
        return hint, False
    args = get_args(hint)
    rest = [arg for arg in args if arg is not NoneType]
    return (rest[0] if len(rest) == 1 else Union[tuple(rest)]), len(rest) < len(args)  # noqa: UP007


Reader = Callable[[object], object]


@cache
def _reader(hint: object, bounds: Bounds, refuse_unknown: bool) -> Reader:
    """What checks a value of a type and gives it back, dataclasses made."""
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        found = [e if isinstance(e, Bounds) else e.bounds for e in extras if isinstance(e, Bounds | Bounded)]
        bounds = found[0] if found else bounds
    base, nullable = without_none(hint)
    read = _known_reader(base, bounds, refuse_unknown)
    return (lambda value: None if value is None else read(value)) if nullable else read


def _known_reader(base: object, bounds: Bounds, refuse_unknown: bool) -> Reader:
    origin, args = get_origin(base), get_args(base)
    if base in (Any, object):
        return _any
    if origin in (list, Sequence, tuple):
        return _array(_reader(args[0], bounds, refuse_unknown), tuple if origin is tuple else list)
    if origin is Mapping:
        return _mapping(_reader(args[1], bounds, refuse_unknown), bounds)
    if origin is Literal:
        return _text(tuple(args))
    if origin in (Union, UnionType):
        return _scalar(tuple(arg for arg in args if isinstance(arg, type)), bounds)
    if isinstance(base, type) and issubclass(base, StrEnum):
        member, read = base, _text(tuple(str(m) for m in base))
        return lambda value: member(str(read(value)))
    if isinstance(base, type) and is_dataclass(base):
        return _dataclass(base, refuse_unknown)
    if base is str:
        return _text(bounds.values)
    assert isinstance(base, type), base
    return _scalar((base,), bounds)


def _any(value: object, depth: int = 0) -> object:
    """Any plain value that can be written again: finite, Unicode, not deep."""
    if depth > MAX_DEPTH:
        raise FieldError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, Mapping):
        for key, item in value.items():
            try:
                _any(item, depth + 1)
            except FieldError as error:
                raise error.inside(key) from None
    elif isinstance(value, list):
        for number, item in enumerate(value):
            try:
                _any(item, depth + 1)
            except FieldError as error:
                raise error.inside(f"[{number}]") from None
    elif isinstance(value, str):
        _unicode(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise wrong(value, "a finite number")
    return value


def _unicode(value: str) -> None:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise wrong(value, "Unicode text") from None


def _text(values: tuple[str, ...]) -> Reader:
    expected = f"one of {', '.join(values)}" if values else "a text"

    def read(value: object) -> object:
        if not isinstance(value, str) or (values and value not in values):
            raise wrong(value, expected)
        _unicode(value)
        return value

    return read


def _scalar(kinds: tuple[type, ...], bounds: Bounds) -> Reader:
    """Numbers in bounds, booleans, and texts where they are among the kinds."""
    numbers = tuple(kind for kind in kinds if kind in (int, float))
    taken = (*kinds, int) if float in kinds else kinds  # a whole number is a float too
    whole = bool(numbers) and float not in numbers
    low = 0 if bounds.positive else bounds.minimum
    high = bounds.maximum if bounds.maximum is not None else MAX_INTEGER if whole else 1e300
    expected = " or ".join(_words(kind, bounds, whole) for kind in kinds if not (kind is int and float in kinds))

    def read(value: object) -> object:
        if isinstance(value, bool):
            if bool not in kinds:
                raise wrong(value, expected)
        elif not isinstance(value, taken):
            raise wrong(value, expected)
        elif isinstance(value, int | float):
            # Comparisons with NaN are false; those with integers of any size are exact.
            inside = value <= high and (low is None or value >= low) and (low is not None or value >= -high)
            if not inside or (bounds.positive and not value > 0):
                raise wrong(value, expected)
        elif isinstance(value, str):
            _unicode(value)
        return value

    return read


def _words(kind: type, bounds: Bounds, whole: bool) -> str:
    if kind not in (int, float):
        return {str: "a text", bool: "true or false"}[kind]
    noun = "whole number" if whole else "number"
    unit = f" {bounds.unit}" if bounds.unit else ""
    if bounds.maximum is not None:
        least = 1 if whole and bounds.positive else bounds.minimum or 0
        figures = f"{least:.0f} to {bounds.maximum:.0f}" if whole else f"{least:g} to {bounds.maximum:g}"
        return f"a {noun} from {figures}{unit}"
    if bounds.positive:
        return f"a positive {noun}{unit}"
    if bounds.minimum is None:
        return f"a {noun}{unit}"
    return f"a {noun} of at least {bounds.minimum:g}{unit}"


def _array(read: Reader, make: type) -> Reader:
    def read_all(value: object) -> object:
        if not isinstance(value, list | tuple):
            raise wrong(value, "an array")
        found: list[object] = []
        try:
            for item in value:
                found.append(read(item))
        except FieldError as error:
            raise error.inside(f"[{len(found)}]") from None
        return make(found)

    return read_all


def _mapping(read: Reader, bounds: Bounds) -> Reader:
    def read_all(value: object) -> object:
        if not isinstance(value, Mapping):
            raise wrong(value, "a table")
        if bounds.keys:
            known_keys(value, bounds.keys)
            if bounds.all_keys and (missing := [key for key in bounds.keys if key not in value]):
                raise FieldError(" is missing", missing[0])
        found: dict[str, object] = {}
        for key, item in value.items():
            _unicode(key)
            try:
                found[key] = read(item)
            except FieldError as error:
                raise error.inside(key) from None
        return found

    return read_all


def _dataclass(kind: type, refuse_unknown: bool) -> Reader:
    assert is_dataclass(kind)
    hints = get_type_hints(kind, include_extras=True)
    saved = [f for f in fields(kind) if f.metadata.get("saved", True)]
    needed = [f.name for f in saved if f.default is MISSING and f.default_factory is MISSING]
    readers = {f.name: _reader(hints[f.name], Bounds(), refuse_unknown) for f in saved}

    def read(value: object) -> object:
        if not isinstance(value, Mapping):
            raise wrong(value, "a table")
        if refuse_unknown:
            known_keys(value, tuple(readers))
        for name in needed:
            if name not in value:
                raise FieldError(" is missing", name)
        found: dict[str, object] = {}
        for name, reader in readers.items():
            if name in value:
                try:
                    found[name] = reader(value[name])
                except FieldError as error:
                    raise error.inside(name) from None
        return kind(**found)

    return read
