"""A number that remembers the arithmetic it came from, so that a formula tells its own figures in digits."""

import math

_SUM, _PRODUCT, _ATOM = 0, 1, 2


class Traced(float):
    """A float with its expression: digits, `+`, `-`, `×`, `/`, brackets and `⌈a/b⌉`.

    Formulas are plain arithmetic; given these in place of sizes they yield their expression beside their value.
    """

    text: str
    _rank: int

    def __new__(cls, value: float, text: str | None = None, rank: int = _ATOM) -> "Traced":
        """A size, or with `text` what an operator made."""
        made = super().__new__(cls, value)
        made.text = text if text is not None else f"{value:.0f}" if float(value).is_integer() else repr(float(value))
        made._rank = rank
        return made

    def __add__(self, other: float) -> "Traced":
        return _joined(self, "+", other, float(self) + float(other), _SUM)

    def __radd__(self, other: float) -> "Traced":
        return traced(other) + self

    def __sub__(self, other: float) -> "Traced":
        return _joined(self, "-", other, float(self) - float(other), _SUM)

    def __rsub__(self, other: float) -> "Traced":
        return traced(other) - self

    def __mul__(self, other: float) -> "Traced":
        return _joined(self, "×", other, float(self) * float(other), _PRODUCT)

    def __rmul__(self, other: float) -> "Traced":
        return traced(other) * self

    def __truediv__(self, other: float) -> "Traced":
        return _joined(self, "/", other, float(self) / float(other), _PRODUCT)

    def __rtruediv__(self, other: float) -> "Traced":
        return traced(other) / self

    def __reduce__(self) -> tuple[type, tuple[float, str, int]]:
        return Traced, (float(self), self.text, self._rank)


def traced(value: float) -> Traced:
    """The number as it is, or with its digits for an expression."""
    return value if isinstance(value, Traced) else Traced(value)


def ceil_div(a: float, b: float) -> float:
    """a / b rounded up to a whole number."""
    whole = math.ceil(a / b) if isinstance(a, float) or isinstance(b, float) else -(-a // b)
    if isinstance(a, Traced) or isinstance(b, Traced):
        return Traced(whole, f"⌈{_inside(traced(a))}/{_inside(traced(b))}⌉")
    return whole


def expression(value: float) -> str:
    """The expression of a figure; a number that no size went into has its digits."""
    return traced(value).text


def _joined(a: float, sign: str, b: float, value: float, rank: int) -> Traced:
    left, right = traced(a), traced(b)
    # a - (b + c) and a / (b × c) need their brackets, a + (b + c) and a × (b × c) do not.
    firm = sign in "-/"
    before = left.text if left._rank >= rank else f"({left.text})"
    behind = right.text if right._rank > rank or (right._rank == rank and not firm) else f"({right.text})"
    return Traced(value, f"{before} {sign} {behind}", rank)


def _inside(number: Traced) -> str:
    return number.text if number._rank == _ATOM else f"({number.text})"
