"""Options declared once, as fields of a frozen dataclass: command lines, checks and records follow from the field."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar, cast

from roofprof.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
Value = bool | int | float | str | tuple[int, ...] | tuple[str, ...] | None
"""What an option may hold."""
_KEY = "option"


def sizes(flag: str, text: str) -> tuple[int, ...]:
    """Comma-separated integers, each once.

    Raises:
        UsageError: the text is something else; named by its flag.
    """
    try:
        return tuple(dict.fromkeys(int(word) for word in text.split(",")))
    except ValueError:
        message = f"{flag} {text!r}: expected comma-separated integers"
        raise UsageError(message, "give sizes such as 1,64,128") from None


def name_filter(text: str | None) -> Callable[[str], bool] | None:
    """Which names --only takes: those in which the regular expression is found; None takes all.

    Raises:
        UsageError: no regular expression.
    """
    if text is None:
        return None
    try:
        compiled = re.compile(text)
    except re.error as error:
        raise UsageError(f"invalid regular expression in --only: {text!r}: {error}") from None
    return lambda name: compiled.search(name) is not None


def percentage(text: str) -> float | None:
    """`3%`, `3 %` or `0.03` as 0.03; None where it is not a number, or not between 0 and 100 %."""
    words = text.strip()
    try:
        value = float(words.removesuffix("%")) / (100 if words.endswith("%") else 1)
    except ValueError:
        return None
    return value if 0 <= value < 1 else None


@dataclass(frozen=True, slots=True)
class Option:
    """What the field of an option says beyond its type and default."""

    help: str
    commands: tuple[str, ...]
    """The command lines that show it."""
    flag: str | None = None
    """Where it is not the field's name with dashes."""
    metavar: str | None = None
    choices: tuple[str | int, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    """Excluded lower bound."""
    unit: str = ""
    """Of the range, in the hint of an error."""
    repeatable: bool = False
    """A list is given by repeating the flag; otherwise by commas."""
    phase: str | None = None
    """The only phase that it concerns."""
    placeholder: str | None = None
    """Recorded in place of what the user wrote freely."""
    pairs: bool = False
    """Whether its values are pairs such as op=name, of which the first part is a name of roofprof's and is recorded."""
    condition: bool = True
    """Whether captures that differ in it cannot be compared."""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """An option as its field declares it."""

    name: str
    kind: object
    """The type of the field."""
    default: Value
    option: Option

    @property
    def flag(self) -> str:
        """The word on the command line."""
        return self.option.flag or "--" + self.name.replace("_", "-")

    @property
    def is_sizes(self) -> bool:
        """Whether it is a list of integers."""
        return self.kind == tuple[int, ...]

    @property
    def is_words(self) -> bool:
        """Whether it is a list of words."""
        return self.kind == tuple[str, ...]

    @property
    def scalar(self) -> type[int] | type[float] | type[str] | type[bool]:
        """The type of one value on the command line; lists between commas are text."""
        for scalar in (bool, int, float):
            if self.kind in (scalar, scalar | None):
                return scalar
        return str

    def read(self, text: object) -> Value:
        """The value of what a command line gave: lists are split, each size once.

        Raises:
            UsageError: not a list of integers.
        """
        if self.is_sizes and isinstance(text, str):
            return sizes(self.flag, text)
        if self.is_words and isinstance(text, str):
            return tuple(word.strip() for word in text.split(",") if word.strip())
        if self.is_words:
            return tuple(cast(Sequence[str], text or ()))
        return cast(Value, text)

    def written(self, value: Value) -> str:
        """A value as one word of a command line."""
        if isinstance(value, tuple):
            return ",".join(map(str, value))
        return str(value).removesuffix(".0") if isinstance(value, float) else str(value)

    def words(self, value: Value) -> Iterator[str]:
        """The words that give this value; none where there is nothing to say: no value, no item, a flag left alone."""
        if value is None or value == () or (self.scalar is bool and value == self.default):
            return
        if self.scalar is bool:
            yield self.flag if value else "--no-" + self.flag.removeprefix("--")
        elif self.option.repeatable and isinstance(value, tuple):
            for item in value:
                yield from self._pair(str(item))
        else:
            yield from self._pair(self.written(value))

    def _pair(self, word: str) -> tuple[str, ...]:
        """A value that starts with a dash would be taken for an option."""
        return (f"{self.flag}={word}",) if word.startswith("-") else (self.flag, word)

    def check(self, value: Value) -> None:
        """Refuse a value that is not among the choices or out of range.

        Raises:
            UsageError: naming the option.
        """
        option = self.option
        if value is None:
            return
        if option.choices and value not in option.choices:
            shown = repr(value) if isinstance(value, str) else str(value)
            raise UsageError(f"invalid {self.flag}: {shown}", f"use one of {', '.join(map(str, option.choices))}")
        if not isinstance(value, int | float):
            return
        fits = (
            (option.minimum is None or value >= option.minimum)
            and (option.above is None or value > option.above)
            and (option.maximum is None or value <= option.maximum)
        )  # NaN fits no range
        if not fits:
            raise UsageError(f"{self.flag} {self.written(value)} is out of range", self._range())

    def _range(self) -> str:
        option, unit = self.option, f" {self.option.unit}" if self.option.unit else ""
        if option.above is not None:
            return f"use more than {option.above:g}{unit}"
        if option.maximum is None:
            return f"use {option.minimum:g} or more{unit}"
        return f"use {option.minimum or 0:.0f} to {option.maximum:.0f}{unit}"


def option(default: T, help: str, *commands: str, **more: Any) -> T:  # noqa: A002 - as argparse and Typer call it
    """A dataclass field that is an option.

    Args:
        default: its value where the command line does not give it.
        help: one line for --help.
        commands: the command lines that show it.
        more: see `Option`.
    """
    made: T = field(default=default, metadata={_KEY: Option(help, commands, **more)})
    return made


def with_default(owner: "type[DataclassInstance]", name: str, default: T) -> T:
    """An option of another dataclass again, where its subclass has another default."""
    (old,) = (f for f in fields(owner) if f.name == name)
    made: T = field(default=default, metadata=old.metadata)
    return made


def declared(owner: "type[DataclassInstance]", command: str | None = None) -> list[Declared]:
    """The options of a dataclass in order: all, or those that a command shows."""
    found = [
        Declared(f.name, f.type, cast(Value, f.default), f.metadata[_KEY])
        for f in fields(owner)
        if _KEY in f.metadata
    ]  # fmt: skip
    return [d for d in found if command is None or command in d.option.commands]


def check_options(values: "DataclassInstance") -> None:
    """Refuse any value that its field does not allow.

    Raises:
        UsageError: naming the option.
    """
    for d in declared(type(values)):
        d.check(getattr(values, d.name))


def to_argv(values: "DataclassInstance", command: str, phase: str | None = None) -> list[str]:
    """The words that give these values to a command.

    Args:
        phase: leave out what concerns another phase alone.
    """
    return [
        word
        for d in declared(type(values), command)
        if phase is None or d.option.phase in (None, phase)
        for word in d.words(getattr(values, d.name))
    ]


def recorded_argv(
    values: "DataclassInstance", command: str, without: "type[DataclassInstance] | None" = None
) -> list[str]:
    """The same words for a record that others may read: free text is left out.

    Args:
        without: leave out the options that this dataclass declares.
    """
    left_out = {d.name for d in declared(without)} if without else set()
    return [
        word
        for d in declared(type(values), command)
        if d.name not in left_out
        for word in d.words(_redacted(d, getattr(values, d.name)))
    ]


def recorded(values: "DataclassInstance") -> dict[str, Value]:
    """Every option by name, as JSON may hold it: free text is left out."""
    return {d.name: _redacted(d, getattr(values, d.name)) for d in declared(type(values))}


def conditions(values: "DataclassInstance") -> dict[str, Value]:
    """The options by name in which captures must agree to be compared, with free text as it is: digest it."""
    return {d.name: getattr(values, d.name) for d in declared(type(values)) if d.option.condition}


def free_text(owner: "type[DataclassInstance]") -> frozenset[str]:
    """Names of the options that hold what the user wrote freely."""
    return frozenset(d.name for d in declared(owner) if d.option.placeholder)


def _redacted(d: Declared, value: Value) -> Value:
    placeholder = d.option.placeholder
    if placeholder is None or value is None or value == ():
        return value
    if isinstance(value, tuple):
        return tuple(
            f"{str(item).partition('=')[0]}={placeholder}" if "=" in str(item) else placeholder for item in value
        )
    return placeholder


def from_argv(
    owner: "type[DataclassInstance]", argv: Sequence[str], command: str, prog: str, description: str
) -> Mapping[str, Value]:
    """The values that a command line gives to a dataclass, by name of field.

    Raises:
        UsageError: a word is unknown or malformed. Values are not checked.
    """
    import argparse

    class Parser(argparse.ArgumentParser):
        """Raises instead of exiting, so that every error has one form."""

        def error(self, message: str) -> None:  # type: ignore[override]
            raise UsageError(message, f"see {self.prog} --help")

    parser = Parser(prog=prog, description=description, allow_abbrev=False)
    for d in declared(owner, command):
        more: dict[str, Any] = {"default": d.default, "dest": d.name}
        more["help"] = argparse.SUPPRESS if d.option.hidden else d.option.help.replace("%", "%%")
        if d.scalar is bool:
            more["action"] = argparse.BooleanOptionalAction if d.default else "store_true"
        else:
            more["metavar"] = d.option.metavar or _metavar(d)
            more |= {"action": "append", "default": []} if d.option.repeatable else {"type": d.scalar}
        parser.add_argument(d.flag, **more)
    given = vars(parser.parse_args(argv))
    return {d.name: d.read(given[d.name]) for d in declared(owner, command)}


def _metavar(d: Declared) -> str:
    if d.option.choices:
        return "{" + ",".join(map(str, d.option.choices)) + "}"
    return "N[,N...]" if d.is_sizes else {int: "N", float: "X"}.get(d.scalar, "TEXT")
