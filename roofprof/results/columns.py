"""How a field of a result is declared to be a column, and the flat columns that follow from a row's class.

A field says it in its type: `duration_ns: Annotated[float | None, Column("ns", "...", "ncu")]`. A property says it in
the type that it returns, and so is a column without being stored. From these come report.json and its schema, ops.csv,
ops.parquet, all_kernels.csv and the data of the HTML page; docs/adr/0005-own-row-declaration.md says why.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

from roofprof.validate import Bounds, without_none

Unit = Literal["ns", "B", "B/s", "FLOP", "FLOP/s", "FLOP/B", "Hz", "ratio", "count", "text"]
Source = Literal["range names", "capture", "ncu", "nsys", "ncu, nsys", "formula", "ncu, formula", "roofs", "computed"]
"""Where a value is from: names of ranges, files of a capture, reports of ncu, traces of nsys, the formula; the roofs
of a GPU and what was counted; or other columns, which the description names."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a reader is told of one field."""

    unit: Unit
    description: str
    """One line."""
    source: Source
    in_ops_csv: str | Literal[True] | None = True
    """Its name in ops.csv and ops.parquet: True for that of all_kernels.csv, None where they leave it out."""
    values: tuple[str, ...] = ()
    """Every text that it may be."""
    minimum: int = 0
    """Of a number."""
    keys: tuple[str, ...] = ()
    """Of a mapping: one flat column per key, named by `key_name`."""
    key_name: str = "{}"
    after: str = ""
    """Of a property: the field that it follows in tables."""

    @property
    def bounds(self) -> Bounds:
        """What a saved value is checked against."""
        return Bounds(self.minimum, values=self.values, keys=self.keys, all_keys=True)


@dataclass(frozen=True, slots=True)
class Group:
    """A field that holds a dataclass of columns: an object in report.json, flat columns in tables."""

    description: str
    prefix: str
    """Put before the names of its flat columns."""
    in_ops_csv: bool = True
    unit: Unit | None = None
    """Of its columns, where the class is used for several; their descriptions then follow the group's."""


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One declared field of a row's class."""

    name: str
    type: object
    """Without `None`."""
    nullable: bool
    declared: Column | Group
    derived: bool
    """A property: written, and never read back."""


@dataclass(frozen=True, slots=True)
class FlatColumn:
    """One column of the tables that are made of rows."""

    name: str
    """In all_kernels.csv."""
    ops_name: str | None
    """In ops.csv and ops.parquet; None where they leave it out."""
    path: tuple[str, ...]
    """Where it stands in an op of report.json."""
    type: object
    nullable: bool
    unit: Unit
    description: str
    source: Source
    derived: bool

    def value(self, row: object) -> object:
        """What a row holds, or None where a group on the way is absent."""
        found = row
        for key in self.path:
            if found is None:
                return None
            found = found.get(key) if isinstance(found, Mapping) else getattr(found, key)
        return found


@cache
def declared_fields(row: type) -> tuple[FieldInfo, ...]:
    """The columns and groups of a class, as declared; each property after the field that it names."""
    assert is_dataclass(row)
    hints = get_type_hints(row, include_extras=True)
    found = [info for field in fields(row) if (info := _info(field.name, hints[field.name], derived=False))]
    for name, member in vars(row).items():
        if isinstance(member, property) and member.fget:
            hint = get_type_hints(member.fget, include_extras=True).get("return")
            if (info := _info(name, hint, derived=True)) and isinstance(info.declared, Column):
                names = [other.name for other in found]
                found.insert(names.index(info.declared.after) + 1 if info.declared.after else len(found), info)
    return tuple(found)


def _info(name: str, hint: object, derived: bool) -> FieldInfo | None:
    if get_origin(hint) is not Annotated:
        return None
    base, *extras = get_args(hint)
    declared = next((extra for extra in extras if isinstance(extra, Column | Group)), None)
    return FieldInfo(name, *without_none(base), declared, derived) if declared else None


@cache
def flat_columns(row: type) -> tuple[FlatColumn, ...]:
    """Every column of a row's class, groups and mappings taken apart, in the order of the declaration."""
    return tuple(_flat(row, (), "", None))


def _flat(row: type, path: tuple[str, ...], prefix: str, group: Group | None) -> Iterator[FlatColumn]:
    for field in declared_fields(row):
        said, here = field.declared, (*path, field.name)
        if isinstance(said, Group):
            assert isinstance(field.type, type)
            yield from _flat(field.type, here, prefix + said.prefix, said)
            continue
        kept = said.in_ops_csv if group is None or group.in_ops_csv else None
        words = f"{group.description}, {said.description}" if group and group.unit else said.description
        for key in said.keys or (None,):
            name = prefix + (field.name if key is None else said.key_name.format(key))
            yield FlatColumn(
                name=name,
                ops_name=name if kept is True else kept,
                path=here if key is None else (*here, key),
                type=field.type if key is None else float,
                nullable=field.nullable or key is not None,
                unit=group.unit if group and group.unit else said.unit,
                description=words if key is None else f"{words}: {key}",
                source=said.source,
                derived=field.derived,
            )


def derived_values(row: object) -> dict[str, object]:
    """The properties of a row that are columns."""
    kind: type = type(row)
    return {field.name: getattr(row, field.name) for field in declared_fields(kind) if field.derived}


def nested(row: type, cells: Mapping[str, object]) -> dict[str, object]:
    """Flat cells, by `FlatColumn.name`, as the plain data of one row; a group without any value is None.

    Cells that are absent are left out, so that a field's default holds.
    """
    found: dict[str, object] = {}
    for column in flat_columns(row):
        if not column.derived and column.name in cells:
            _put(found, column.path, cells[column.name])
    for field in declared_fields(row):
        group = found.get(field.name)
        if isinstance(field.declared, Group) and field.nullable and isinstance(group, dict):
            found[field.name] = group if _holds(group) else None
    return found


def _holds(group: Mapping[str, object]) -> bool:
    """Whether a group, or one in it, has any value."""
    return any(_holds(value) if isinstance(value, Mapping) else value is not None for value in group.values())


def _put(found: dict[str, object], path: tuple[str, ...], value: object) -> None:
    if len(path) == 1:
        found[path[0]] = value
        return
    inner = found.setdefault(path[0], {})
    assert isinstance(inner, dict)
    _put(inner, path[1:], value)
