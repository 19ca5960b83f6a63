"""Ops for foreign reports: a TOML file that maps range names to canonical ops, formulas and shapes."""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from roofprof.errors import FieldError, ReportError, UsageError, shown
from roofprof.files import read_toml
from roofprof.formulas.models import FORMULAS, MAX_SIZE, ShapeError, evaluate
from roofprof.formulas.range_names import PRECISIONS, Shape
from roofprof.validate import known_keys

_HINT = "docs/ops-files.md shows the form"
_WORD_SIZES = ("precision", "output")
"""The keys of a shape that hold a precision; the others hold sizes."""


@dataclass(frozen=True, slots=True)
class CaseConditions:
    """Under which conditions a row was measured; None where not known."""

    phase: str | None = None
    batch: int | None = None
    seq_len: int | None = None
    cache: str | None = None
    implementation: str | None = None


@dataclass(frozen=True, slots=True)
class OpMatch:
    """What a range stands for."""

    op: str
    formula: str | None = None
    shape: Shape = field(default_factory=dict)
    implementation: str | None = None


@dataclass(frozen=True, slots=True)
class OpRule:
    """One `[[op]]` table."""

    where: str
    """File and number of the table, for errors."""
    pattern: re.Pattern[str]
    op: str
    formula: str | None
    shape: Mapping[str, int | float | str]
    implementation: str | None

    def apply(self, name: str) -> OpMatch | None:
        """The op of a range name, sizes filled from named groups, or None where the pattern does not match.

        Raises:
            ReportError: a named group captured what its size cannot be.
        """
        match = self.pattern.search(name)
        if match is None:
            return None
        shape = dict(self.shape)
        for key, text in match.groupdict().items() if self.formula else ():
            if text is not None:
                shape[key] = self._captured(key, text, name)
        return OpMatch(self.op, self.formula, shape, self.implementation)

    def _captured(self, key: str, text: str, name: str) -> int | str:
        what = f"{self.where}: group {key!r} of match captured {text[:40]!r} in range {name[:80]!r}"
        if key in _WORD_SIZES:
            if text not in PRECISIONS:
                raise ReportError(f"{what}: expected a precision", f"let it match one of {', '.join(PRECISIONS)}")
            return text
        try:
            return int(text)
        except ValueError:
            raise ReportError(f"{what}: expected a whole number", f"write (?P<{key}>\\d+)") from None


@dataclass(frozen=True, slots=True)
class OpsConfig:
    """The rules of one ops file, first match first, and the case that holds for the whole report."""

    rules: tuple[OpRule, ...]
    case: CaseConditions

    def match(self, name: str) -> OpMatch | None:
        """The first rule that matches a range name."""
        return next((found for rule in self.rules if (found := rule.apply(name))), None)


def bundled_ops_files() -> list[str]:
    """Names of the ops files that ship."""
    folder = resources.files("roofprof.formulas") / "opsets"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_ops_config(name_or_file: str) -> OpsConfig:
    """An ops file by bundled name or path.

    Raises:
        UsageError: neither.
        ReportError: a file that cannot be read, is not TOML, or has a rule that cannot work.
    """
    if name_or_file in bundled_ops_files():
        bundled = resources.files("roofprof.formulas") / "opsets" / f"{name_or_file}.toml"
        return parse_ops_config(tomllib.loads(bundled.read_text(encoding="utf-8")), name_or_file)
    if not os.path.lexists(name_or_file):
        known = ", ".join(bundled_ops_files())
        raise UsageError(f"no ops file {name_or_file}", f"give a TOML file or one of {known}")
    return parse_ops_config(read_toml(Path(name_or_file), _HINT), name_or_file)


def parse_ops_config(table: Mapping[str, object], origin: str) -> OpsConfig:
    """Check a parsed ops file and compile its patterns.

    Args:
        table: the whole file.
        origin: its name, for errors.

    Raises:
        ReportError: names the file, the key, what it holds and what is expected there.
    """
    _known_keys(table, ("case", "op"), origin)
    case = _table(table.get("case", {}), f"{origin}: case", "a table, [case]")
    rows = table.get("op", [])
    if not isinstance(rows, list):
        raise _wrong(f"{origin}: op", rows, "tables, each headed [[op]]")
    rules = tuple(_rule(row, f"{origin}: op {number}") for number, row in enumerate(rows, 1))
    return OpsConfig(rules, _conditions(case, f"{origin}: case"))


def _conditions(case: Mapping[str, object], where: str) -> CaseConditions:
    _known_keys(case, tuple(CaseConditions.__dataclass_fields__), where)
    cache = _text(case, "cache", where)
    if cache not in (None, "cold", "warm"):
        raise _wrong(f"{where}: cache", cache, "one of cold, warm")
    return CaseConditions(
        phase=_text(case, "phase", where),
        batch=_whole(case, "batch", where),
        seq_len=_whole(case, "seq_len", where),
        cache=cache,
        implementation=_text(case, "implementation", where),
    )


def _rule(given: object, where: str) -> OpRule:
    row = _table(given, where, "a table, [[op]]")
    _known_keys(row, ("match", "op", "formula", "shape", "implementation"), where)
    match, op = _text(row, "match", where), _text(row, "op", where)
    if match is None or op is None:
        raise ReportError(f"{where}: no {'match' if match is None else 'op'}: every [[op]] needs match and op", _HINT)
    try:
        pattern = re.compile(match)
    except (re.error, OverflowError, RecursionError) as error:
        raise ReportError(f"{where}: match = {match[:60]!r}: invalid regular expression: {error}", _HINT) from None
    formula = _text(row, "formula", where)
    shape = _shape(row.get("shape", {}), f"{where}: shape")
    if formula is not None:
        _check_formula(formula, shape, pattern, where)
    elif shape:
        raise ReportError(f"{where}: shape without a formula", f"add formula, one of {', '.join(FORMULAS)}")
    return OpRule(where, pattern, op, formula, shape, _text(row, "implementation", where))


def _shape(given: object, where: str) -> Shape:
    shape: Shape = {}
    for key, value in _table(given, where, "a table, { m = 64, ... }").items():
        if key in _WORD_SIZES:
            if not isinstance(value, str) or value not in PRECISIONS:
                raise _wrong(f"{where}.{key}", value, f"one of {', '.join(PRECISIONS)}")
            shape[key] = value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            shape[key] = value
        else:
            raise _wrong(f"{where}.{key}", value, "a number")
    return shape


def _check_formula(formula: str, shape: Shape, pattern: re.Pattern[str], where: str) -> None:
    """A formula that takes this shape once the groups are filled, whatever they capture."""
    if formula not in FORMULAS:
        raise _wrong(f"{where}: formula", formula, f"one of {', '.join(FORMULAS)}")
    captured: Shape = {key: "bf16" if key in _WORD_SIZES else 1 for key in pattern.groupindex}
    try:
        evaluate(formula, {**shape, **captured})
    except ShapeError as error:
        raise ReportError(f"{where}: {error}", "docs/formulas.md lists the sizes of each formula") from None


def _known_keys(table: Mapping[str, object], known: Sequence[str], where: str) -> None:
    try:
        known_keys(table, known)
    except FieldError as error:
        raise ReportError(f"{where}: {error}", _HINT) from None


def _table(value: object, where: str, expected: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _wrong(where, value, expected)
    return value


def _text(table: Mapping[str, object], key: str, where: str) -> str | None:
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise _wrong(f"{where}: {key}", value, "a text in quotes")
    return value


def _whole(table: Mapping[str, object], key: str, where: str) -> int | None:
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_SIZE:
        raise _wrong(f"{where}: {key}", value, f"a whole number from 1 to {MAX_SIZE}")
    return value


def _wrong(where: str, value: object, expected: str) -> ReportError:
    return ReportError(f"{where} = {shown(value)}: expected {expected}", _HINT)
