"""What is wrong with a value of a file: where it stands, what is given, what is expected."""

from collections.abc import Mapping

MAX_INTEGER = 2**63 - 1


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
