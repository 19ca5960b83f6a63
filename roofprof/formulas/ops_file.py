"""Ops for foreign reports: a TOML file that maps range names to canonical ops, formulas and shapes."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from roofprof.errors import RoofprofError, UsageError
from roofprof.formulas.models import FORMULAS, ShapeError, check_shape
from roofprof.formulas.range_names import PRECISIONS, Shape

_HINT = "docs/ops-files.md shows the form"


@dataclass(frozen=True, slots=True)
class Case:
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

    pattern: re.Pattern[str]
    op: str
    formula: str | None
    shape: Mapping[str, int | float | str]
    implementation: str | None

    def apply(self, name: str) -> OpMatch | None:
        """The op of a range name, sizes filled from named groups, or None where the pattern does not match."""
        match = self.pattern.search(name)
        if match is None:
            return None
        shape = dict(self.shape)
        shape.update({key: int(text) for key, text in match.groupdict().items() if text is not None})
        return OpMatch(self.op, self.formula, shape, self.implementation)


@dataclass(frozen=True, slots=True)
class OpsConfig:
    """The rules of one ops file, first match first, and the case that holds for the whole report."""

    rules: tuple[OpRule, ...]
    case: Case

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
        RoofprofError: not TOML, or a rule that cannot work.
    """
    if name_or_file in bundled_ops_files():
        text = (resources.files("roofprof.formulas") / "opsets" / f"{name_or_file}.toml").read_text(encoding="utf-8")
    else:
        try:
            text = Path(name_or_file).read_text(encoding="utf-8")
        except FileNotFoundError:
            known = ", ".join(bundled_ops_files())
            raise UsageError(f"no ops file {name_or_file}", f"give a TOML file or one of {known}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise RoofprofError(f"cannot read {name_or_file}: {error}", _HINT) from None
    try:
        return parse_ops_config(tomllib.loads(text), name_or_file)
    except tomllib.TOMLDecodeError as error:
        raise RoofprofError(f"{name_or_file} is not TOML: {error}", _HINT) from None


def parse_ops_config(table: Mapping[str, Any], origin: str) -> OpsConfig:
    """Check a parsed ops file and compile its patterns."""
    if unknown := sorted(set(table) - {"case", "op"}):
        raise RoofprofError(f"{origin}: unknown key {unknown[0]!r}", _HINT)
    fields = set(Case.__dataclass_fields__)
    case = table.get("case", {})
    if unknown := sorted(set(case) - fields):
        raise RoofprofError(f"{origin}: [case] has an unknown key {unknown[0]!r}; there are {sorted(fields)}", _HINT)
    rules = tuple(_rule(row, f"{origin}: op {i + 1}") for i, row in enumerate(table.get("op", ())))
    return OpsConfig(rules, Case(**case))


def _rule(row: Mapping[str, Any], where: str) -> OpRule:
    if unknown := sorted(set(row) - {"match", "op", "formula", "shape", "implementation"}):
        raise RoofprofError(f"{where} has an unknown key {unknown[0]!r}", _HINT)
    if "match" not in row or "op" not in row:
        raise RoofprofError(f"{where} lacks {'match' if 'match' not in row else 'op'}", _HINT)
    try:
        pattern = re.compile(row["match"])
    except re.error as error:
        raise RoofprofError(f"{where}: match is no regular expression: {error}", _HINT) from None
    formula, shape = row.get("formula"), row.get("shape", {})
    if formula is not None:
        if formula not in FORMULAS:
            raise RoofprofError(f"{where}: no formula is named {formula!r}", f"there are {', '.join(FORMULAS)}")
        try:
            check_shape(formula, {**shape, **dict.fromkeys(pattern.groupindex, 1)})
        except ShapeError as error:
            raise RoofprofError(f"{where}: {error}", _HINT) from None
        for key in ("precision", "output"):
            if shape.get(key, "bf16") not in PRECISIONS:
                raise RoofprofError(f"{where}: no precision is named {shape[key]!r}", f"use {', '.join(PRECISIONS)}")
    return OpRule(pattern, row["op"], formula, shape, row.get("implementation"))
