"""report.schema.json, made from the classes that report.json is written from.

`pytest tests/roofprof/results/test_schema.py --update-golden` writes it anew.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import polars as pl

from roofprof.findings import Finding
from roofprof.hardware.ceilings import SCHEMA_VERSION as CEILINGS_VERSION
from roofprof.hardware.ceilings import Ceilings
from roofprof.hardware.devices import PIPES, DeviceSpec
from roofprof.launches.schema import HOW_STRUCT
from roofprof.results.columns import Column, declared_fields
from roofprof.results.kernels import KERNEL_SCHEMA
from roofprof.results.op import OpResult
from roofprof.results.rank_summary import RankSummary
from roofprof.results.report import SCHEMA_VERSION, Unattributed
from roofprof.validate import without_none

Schema = dict[str, Any]
"""One node of a JSON Schema, which is JSON and so of any shape."""

_NAMES = {
    OpResult: "op", Finding: "finding", DeviceSpec: "gpu", Ceilings: "ceilings", Unattributed: "unattributed",
}  # fmt: skip
_PLAIN: dict[object, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer", "minimum": 0},
    float: {"type": "number", "minimum": 0},
    bool: {"type": "boolean"},
    object: {},
    Any: {},
}
_NULL: Schema = {"type": "null"}
_TRIPLE: Schema = {"type": ["array", "null"], "items": {"type": "integer"}, "minItems": 3, "maxItems": 3}


def schema_text() -> str:
    """The content of report.schema.json."""
    return json.dumps(report_schema(), indent=1, ensure_ascii=False) + "\n"


def report_schema() -> Schema:
    """The schema of report.json."""
    made = _Maker()
    top = {
        "schema_version": {"const": SCHEMA_VERSION},
        "tool": _object({"name": {"const": "roofprof"}, "version": {"type": "string"}}),
        "generated": {"type": "string", "format": "date-time"},
        "gpu": made.of(DeviceSpec),
        "target": made.of(DeviceSpec),
        "notes": made.of(list[str]),
        "reports": {"type": "array", "minItems": 1, "items": _reference("report")},
        "ops": made.of(list[OpResult]),
        "kernels": {"type": "array", "items": _reference("kernel")},
        "unattributed": made.of(Unattributed),
        "findings": made.of(list[Finding]),
        "joins": {"type": "array", "items": _reference("join")},
        "ceilings": made.of(Ceilings | None),
        "ranks": made.of(RankSummary | None),
    }
    made.defs |= {"report": _report(), "kernel": _kernel(), "join": _join()}
    made.defs["gpu"]["properties"] |= {"role": {"enum": ["ran", "projected"]}}
    made.defs["gpu"]["required"].append("role")
    del made.defs["gpu"]["properties"]["match"]
    made.defs["gpu"]["required"].remove("match")
    made.defs["ceilings"]["properties"] |= {"schema_version": {"const": CEILINGS_VERSION}}
    made.defs["ceilings"]["required"].append("schema_version")
    for name in ("gpu", "ceilings"):
        made.defs[name]["properties"]["peak_flop_per_s"]["propertyNames"] = {"enum": list(PIPES)}
    made.defs["unattributed"]["properties"]["kernels"]["items"] = _object(
        {"report": {"type": "string"}, "launch_id": _PLAIN[int], "kernel_name": {"type": "string"}}
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "roofprof report.json",
        "description": "One analysis: ops and kernels with their counters, formulas beside them, placed on a GPU's "
        "roofline. SI base units; unknown is null.",
        **_object(top),
        "$defs": dict(sorted(made.defs.items())),
    }


class _Maker:
    """Schemas of types; those of classes are collected and referred to."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {}

    def of(self, hint: object, column: Column | None = None) -> Schema:
        """The schema of a type, as its column says more of it."""
        base, nullable = without_none(hint)
        schema = self._of_known(base, column)
        if not nullable:
            return schema
        if "enum" in schema:
            return schema | {"enum": [*schema["enum"], None]}
        if "type" not in schema:
            return {"oneOf": [schema, _NULL]}
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return schema | {"type": [*kinds, "null"]}

    def _of_known(self, base: object, column: Column | None) -> Schema:
        if column and column.values:
            return {"enum": list(column.values)}
        if column and column.keys:
            numbers = {"type": ["number", "null"], "minimum": column.minimum}
            return _object(dict.fromkeys(column.keys, numbers)) | {"additionalProperties": False}
        origin, args = get_origin(base), get_args(base)
        if origin in (list, Sequence, tuple):
            return {"type": "array", "items": self.of(args[0])}
        if origin is Mapping:
            return {"type": "object", "additionalProperties": self.of(args[1])}
        if origin is Literal:
            return {"enum": list(args)}
        if origin in (Union, UnionType):
            return {"type": [_PLAIN[arg]["type"] for arg in args if arg is not int]}
        if isinstance(base, type) and issubclass(base, StrEnum):
            return {"enum": [str(member) for member in base]}
        if isinstance(base, type) and is_dataclass(base):
            return self._of_class(base)
        return _PLAIN[base] | ({"minimum": column.minimum} if column and "minimum" in _PLAIN[base] else {})

    def _of_class(self, row: type) -> Schema:
        name = _NAMES.get(row) or "".join("_" + c.lower() if c.isupper() else c for c in row.__name__).lstrip("_")
        name = name.removesuffix("_result")
        if name not in self.defs:
            self.defs[name] = {}  # taken, before its own fields refer to it
            self.defs[name] = {"description": _first_line(row), **_object(self._properties(row))}
        return _reference(name)

    def _properties(self, row: type) -> dict[str, Schema]:
        declared = declared_fields(row)
        if not declared:
            hints = get_type_hints(row)
            return {field.name: self.of(hints[field.name]) for field in fields(row) if is_dataclass(row)}
        properties = {}
        for field in declared:
            column = field.declared if isinstance(field.declared, Column) else None
            hint = field.type if not field.nullable else field.type | None  # type: ignore[operator]
            words = field.declared.description
            unit = f"; {column.unit}" if column and column.unit not in ("text", "count", "ratio") else ""
            properties[field.name] = {"description": words + unit} | self.of(hint, column)
        return properties


def _report() -> Schema:
    whole = {"type": "array", "items": _PLAIN[int]}
    kinds = {"type": "array", "items": {"enum": ["kernel", "range", "graph", "command_list"]}}
    return _object(
        {"name": {"type": "string"}, "launch_count": _PLAIN[int], "workload_types": kinds, "replay_passes": whole,
         "devices": {"type": "object"}}
    )  # fmt: skip


def _join() -> Schema:
    return _object(
        {"report": {"type": "string"}, "trace": {"type": "string"}, "matched_count": _PLAIN[int],
         "flagged_count": _PLAIN[int], "median_offset_ns": {"type": ["number", "null"]},
         "unmatched": {"type": "array"}},
        optional=("flagged_count",),
    )  # fmt: skip


def _kernel() -> Schema:
    """Every column of `KERNEL_SCHEMA`; known of every launch are its report, id and name."""
    known = {"report": {"type": "string"}, "launch_id": _PLAIN[int], "kernel_name": {"type": "string"}}
    types_of: dict[object, Schema] = {
        pl.String(): {"type": ["string", "null"]},
        pl.Int64(): {"type": ["integer", "null"], "minimum": 0},
        pl.Float64(): {"type": ["number", "null"], "minimum": 0},
        pl.List(pl.String()): {"type": ["array", "null"], "items": {"type": "string"}},
        pl.List(pl.Int64()): _TRIPLE,
        HOW_STRUCT: {"type": ["object", "null"], "additionalProperties": {"type": ["string", "null"]}},
    }
    return _object({name: types_of[dtype] for name, dtype in KERNEL_SCHEMA.items()} | known)


def _object(properties: dict[str, Schema], optional: Sequence[str] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": True}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _first_line(row: type) -> str:
    return (row.__doc__ or "").splitlines()[0]
