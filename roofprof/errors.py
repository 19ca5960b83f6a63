"""The errors that users see: what went wrong with which file, and what to do about it."""

from collections.abc import Mapping


class RoofprofError(Exception):
    """An error to be shown as `error: message` and `hint: hint`, without a traceback.

    Attributes:
        message: what is wrong, naming the file or the argument.
        hint: what the user can do, or None.
        exit_code: 1, or 2 when the command line itself is wrong.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(RoofprofError):
    """The command line asks for something that does not exist or is out of range."""

    exit_code = 2


class ReportError(RoofprofError):
    """A file is not a report, or a damaged one."""


MAX_INTEGER = 2**63 - 1
"""Whole numbers beyond it fit into no column."""


class FieldError(ValueError):
    """A value that is not what its place in the file asks for.

    Attributes:
        key: where it stands, such as `ops[0].calls`.
        problem: what is given there, and what is expected.
    """

    def __init__(self, problem: str, key: str = "") -> None:
        super().__init__(problem, key)
        self.key, self.problem = key, problem

    def __str__(self) -> str:
        return (
            f"{self.key}{self.problem}" if self.problem.startswith(" ") else f"{self.key}: {self.problem}".lstrip(": ")
        )

    def inside(self, key: str) -> "FieldError":
        """The same, seen from the table or array (`[0]`) that holds it."""
        joint = "." if self.key and not self.key.startswith("[") else ""
        return FieldError(self.problem, f"{key}{joint}{self.key}")


def wrong(value: object, expected: str) -> FieldError:
    """The error for a value at the place where it is raised."""
    return FieldError(f" = {shown(value)}: expected {expected}")


def shown(value: object) -> str:
    """A value as it may have been written, short; what holds other values by its kind."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "an array"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return "a very large number"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
