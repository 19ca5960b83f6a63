"""Mistakes in tree-shaped files, JSON or TOML: each is one change at one place, named by both."""

import copy
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

Tree = dict[str, Any]
Path = tuple[str | int, ...]

HUGE = 10**400
LONG = "n" * 256


def mistakes(tree: Tree, nulls: bool = True) -> Iterator[tuple[str, Tree]]:
    """Every mistake: a wrong type, an impossible number, a missing key, at each place once (of lists: the first).

    Args:
        tree: a good file.
        nulls: whether null is a mistake for a number or a text too.
    """
    for path in places(tree):
        value, name = at(tree, path), ".".join(map(str, path))
        for what, wrong in wrong_values(value, nulls):
            yield f"{name} is {what}", changed(tree, path, lambda _, w=wrong: w)  # type: ignore[misc]
        if isinstance(path[-1], str):
            yield f"{name} is not there", without(tree, path)


def unknown_keys(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """A key that nobody knows in every table."""
    for path in [(), *places(tree)]:
        if isinstance(at(tree, path), dict):
            name = ".".join(map(str, path)) or "the top"
            yield f"an unknown key in {name}", changed(tree, path, lambda table: {**table, "unknown_key": 1})


def wrong_values(value: object, nulls: bool) -> Iterator[tuple[str, Any]]:
    """Values of other types than the one given, and numbers that cannot be."""
    null = [("null", None)] if nulls else []
    kinds: dict[type, list[tuple[str, Any]]] = {
        bool: [*null, ("a text", "yes"), ("a number", 2), ("a list", [])],
        str: [*null, ("a number", 5), ("a boolean", True), ("a list", ["a"]), ("a table", {"a": 1})],
        list: [("null", None), ("a text", "abc"), ("a number", 5), ("a table", {"a": 1}), ("a list of null", [None]),
               ("a list of lists", [[[[1]]]])],
        dict: [("null", None), ("a text", "abc"), ("a number", 5), ("a list", [1]), ("a table of null", {"a": None})],
    }  # fmt: skip
    number = [
        *null, ("a text", "abc"), ("a boolean", True), ("a list", [1]), ("a table", {"a": 1}), ("negative", -7),
        ("NaN", math.nan), ("Infinity", math.inf), ("-Infinity", -math.inf), ("of 400 digits", HUGE),
    ]  # fmt: skip
    yield from kinds.get(type(value), number if isinstance(value, int | float) else [])


def places(tree: object, path: Path = ()) -> Iterator[Path]:
    """Every key, and the first item of every list."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield (*path, key)
            yield from places(value, (*path, key))
    elif isinstance(tree, list) and tree:
        yield (*path, 0)
        yield from places(tree[0], (*path, 0))


def at(tree: Any, path: Path) -> Any:
    """What stands at a place."""
    for key in path:
        tree = tree[key]
    return tree


def changed(tree: Tree, path: Path, change: Callable[[Any], Any]) -> Tree:
    """A copy with another value at a place."""
    if not path:
        return dict(change(tree))
    new = copy.deepcopy(tree)
    table = at(new, path[:-1])
    table[path[-1]] = change(table[path[-1]])
    return new


def without(tree: Tree, path: Path) -> Tree:
    """A copy without a key."""
    new = copy.deepcopy(tree)
    del at(new, path[:-1])[path[-1]]
    return new


def json_bytes(tree: object) -> bytes:
    """JSON, with NaN and Infinity as Python writes them."""
    return json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")


def toml_bytes(tree: Tree) -> bytes | None:
    """TOML of tables and arrays of tables; None for what TOML cannot say (null)."""
    try:
        return _toml(tree).encode()
    except ValueError:
        return None


def _toml(tree: Tree) -> str:
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in tree.items())


def _key(key: str) -> str:
    return json.dumps(key)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value).replace("\x7f", "\\u007f")
        case int():
            return str(value)
        case float():
            return "nan" if math.isnan(value) else repr(value)
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    raise ValueError(f"no TOML for {value!r}")


def whole_file(good: bytes) -> Iterator[tuple[str, bytes]]:
    """Damage to a text file as a whole."""
    yield "empty", b""
    yield "only spaces", b" " * 1000
    yield "cut in half", good[: len(good) // 2]
    yield "cut by 5 bytes", good[:-5]
    yield "not UTF-8", good.replace(b'"', b'"\xff\xfe', 1)
    yield "UTF-16", good.decode().encode("utf-16")
    yield "zeros", bytes(4096)
    yield "random bytes", bytes((i * 7919 + i // 13) % 256 for i in range(4096))
    yield "lists 100,000 deep", b"[" * 100_000
    yield "tables 100,000 deep", b'{"a":' * 100_000
    yield "a list", b"[1, 2, 3]"
    yield "null", b"null"
    yield "a text", b'"abc"'
    yield "an array of a deep key", b"a = " + b"[" * 5000 + b"]" * 5000
