"""Typer parameters of options that are declared as fields of a dataclass."""

import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roofprof.options import Declared, Value, declared

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Values = dict[str, Any]
"""Values of options by the names of their fields, as a dataclass takes them."""


def takes(
    command: str, defaults: "dict[str, Value] | None" = None, **owners: "type[DataclassInstance]"
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command of a function whose `Values` parameters stand for the options of a dataclass.

    Args:
        command: the name under which fields say that they are shown.
        defaults: by field name, where this command has others.
        owners: the dataclass behind each such parameter.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(function)
        shown = {name: declared(owner, command) for name, owner in owners.items()}

        def run(**given: object) -> None:
            values = {name: {d.name: d.read(given.pop(d.name)) for d in options} for name, options in shown.items()}
            function(**values, **given)

        parameters = [
            new
            for old in signature.parameters.values()
            for new in (_parameters(shown[old.name], defaults or {}) if old.name in shown else [old])
        ]
        run.__name__, run.__doc__, run.__module__ = function.__name__, function.__doc__, function.__module__
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


def _parameters(options: list[Declared], defaults: dict[str, Value]) -> Iterator[inspect.Parameter]:
    for d in options:
        option, default = d.option, defaults.get(d.name, d.default)
        # Choices are shown here and checked with everything else: the harness has the same check.
        metavar = "[" + "|".join(map(str, option.choices)) + "]" if option.choices else option.metavar
        base: Any = d.scalar
        if option.repeatable:
            base, default = list[base] | None, None
        elif d.is_sizes or d.is_words:
            metavar = metavar or "N[,N...]"
            default = d.written(default)
        elif d.default is None:
            base = base | None
        if metavar is None and base is not bool:
            metavar = "X" if d.scalar is float else "N" if d.scalar is int else None
        flags = (d.flag,) if d.scalar is not bool or not d.default else (f"{d.flag}/--no-{d.flag.removeprefix('--')}",)
        annotation = Annotated[base, typer.Option(*flags, help=option.help, metavar=metavar, hidden=option.hidden)]
        yield inspect.Parameter(d.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)
