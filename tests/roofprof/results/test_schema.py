"""report.schema.json is what the classes say."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from roofprof.results.columns import declared_fields
from roofprof.results.kernels import KERNEL_SCHEMA
from roofprof.results.op import OpResult
from roofprof.results.op_groups import FormulaResult, MeasuredOn, Useful
from roofprof.results.schema import report_schema, schema_text


def test_the_schema_that_ships_is_the_one_that_the_classes_make(root: Path, request: pytest.FixtureRequest) -> None:
    shipped = root / "roofprof/report.schema.json"
    if request.config.getoption("--update-golden"):
        shipped.write_text(schema_text(), encoding="utf-8")
    assert shipped.read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize(
    ("name", "row"), [("op", OpResult), ("formula", FormulaResult), ("measured_on", MeasuredOn), ("useful", Useful)]
)
def test_every_field_of_a_row_is_in_the_schema_and_required(root: Path, name: str, row: type) -> None:
    definition = json.loads((root / "roofprof/report.schema.json").read_text())["$defs"][name]
    kept = {field.name for field in fields(row)} - {"points"}  # made anew on loading
    written = kept | {info.name for info in declared_fields(row)}
    assert written == set(definition["properties"]) == set(definition["required"])
    assert all(entry.get("description") or "$ref" in entry for entry in definition["properties"].values())


def test_every_column_of_a_kernel_is_in_the_schema() -> None:
    assert set(report_schema()["$defs"]["kernel"]["properties"]) == set(KERNEL_SCHEMA)


def test_headroom_is_never_negative() -> None:
    assert report_schema()["$defs"]["op"]["properties"]["headroom_ns"]["minimum"] == 0
