"""Words of the command line that become values without typer's converters.

From 0.29 on typer converts every value with pydantic, whose import costs as much as that of polars' Python half. Words
that are texts, paths and integers need none of it; whatever else there is, wrong words included, typer converts or
refuses as before.
"""

import os
from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Protocol, get_args, get_origin

_UNKNOWN = object()
_Convert = Callable[[object, object], object]
"""Context and words in, value out."""


class _Info(Protocol):
    """What typer.Option and typer.Argument were told: the parts that decide whether there is anything to check."""

    parser: object
    min: float | None
    max: float | None
    exists: bool
    file_okay: bool
    dir_okay: bool
    writable: bool
    readable: bool
    resolve_path: bool
    allow_dash: bool
    path_type: object


class _Descriptor(Protocol):
    """The type of a parameter, as the function declares it."""

    annotation: object
    parameter_info: _Info


class _Parameter(Protocol):
    """A parameter of a command."""

    type_descriptor: _Descriptor
    process_value: _Convert
    multiple: bool
    nargs: int
    required: bool
    callback: Callable[[object, "_Parameter", object], object] | None

    def value_is_missing(self, value: object) -> bool:
        """Whether a value counts as not given."""
        ...


def without_converter(command: Any) -> None:
    """Let the parameters of a command take plain values as they are.

    Args:
        command: typer's; typer carries its own copy of click in some releases and depends on it in others, hence Any.
    """
    for parameter in command.params:
        take_plain(parameter)
    made = command.get_help_option
    command.get_help_option = lambda context: take_plain(made(context))


def take_plain(parameter: _Parameter) -> _Parameter:
    """The same parameter; older releases have no descriptor, and no pydantic either."""
    if hasattr(parameter, "type_descriptor") and not isinstance(parameter.process_value, partial):
        parameter.process_value = partial(_process, parameter, parameter.process_value)
    return parameter


def _process(parameter: _Parameter, convert: _Convert, context: object, value: object) -> object:
    plain = _plain(parameter.type_descriptor, value, _is_many(parameter))
    if plain is _UNKNOWN or (parameter.required and parameter.value_is_missing(plain)):
        return convert(context, value)
    return parameter.callback(context, parameter, plain) if parameter.callback else plain


def _is_many(parameter: _Parameter) -> bool:
    return bool(parameter.multiple) or parameter.nargs == -1


def _plain(descriptor: _Descriptor, value: object, many: bool) -> object:
    """The value as typer's converter would give it; `_UNKNOWN` where that is its business."""
    if value is None:
        return () if many else None
    kind, info = descriptor.annotation, descriptor.parameter_info
    if not many:
        return _single(kind, info, value)
    if get_origin(kind) is not list or not isinstance(value, list | tuple):
        return _UNKNOWN
    items = [_single(get_args(kind)[0], info, item) for item in value]
    return _UNKNOWN if any(item is _UNKNOWN for item in items) else items


def _single(kind: object, info: _Info, value: object) -> object:
    if info.parser is not None:
        return _UNKNOWN
    if kind is str or kind is bool:
        return value if type(value) is kind else _UNKNOWN
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _member(kind, value)
    if kind is int:
        return _integer(info, value)
    return _path(info, value) if kind is Path else _UNKNOWN


def _member(kind: type[Enum], value: object) -> object:
    """A choice as it is written; typer says which there are."""
    if isinstance(value, kind):
        return value
    return next((member for member in kind if member.value == value), _UNKNOWN)


def _integer(info: _Info, value: object) -> object:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if type(value) is not int or (info.min is not None and value < info.min):
        return _UNKNOWN
    return _UNKNOWN if info.max is not None and value > info.max else value


def _path(info: _Info, value: object) -> object:
    """A path that typer has nothing to check of, or that passes its check: what exists can be read."""
    checked = info.exists or info.resolve_path or info.allow_dash or info.writable or info.path_type
    if checked or not (info.file_okay and info.dir_okay) or not isinstance(value, str | Path):
        return _UNKNOWN
    readable = not info.readable or os.access(value, os.R_OK) or not os.path.exists(value)
    return Path(value) if readable else _UNKNOWN
