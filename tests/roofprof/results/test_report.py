"""report.json: its schema, and everything made again from it."""

import json
from pathlib import Path

import jsonschema
import pytest

from roofprof.errors import ReportError
from roofprof.results.kernels import KERNEL_SCHEMA
from roofprof.results.report import RooflineReport, load_report

KINDS = ["default-set", "graph-whole", "no-nvtx", "odd-names", "range-nvtx"]


@pytest.fixture(scope="module")
def validator(root: Path) -> jsonschema.Draft202012Validator:
    schema = json.loads((root / "roofprof/report.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", KINDS)
def test_reports_of_all_kinds_fit_the_schema(validator, analyzed, name: str) -> None:  # type: ignore[no-untyped-def]
    validator.validate(json.loads(analyzed(f"kinds/{name}.ncu-rep").to_json()))


def test_the_decode_report_fits_the_schema_and_loads_back(validator, decode: RooflineReport, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    text = decode.to_json()
    validator.validate(json.loads(text))
    path = tmp_path / "report.json"
    path.write_text(text)
    again = load_report(path)
    assert again.to_json() == text
    assert again.kernels.schema == KERNEL_SCHEMA
    assert again.kernels.equals(decode.kernels)


def test_the_schema_is_strict_about_what_matters(validator, decode: RooflineReport) -> None:  # type: ignore[no-untyped-def]
    document = json.loads(decode.to_json())
    del document["ops"][0]["dram_upper_bytes"]
    assert not validator.is_valid(document)


def test_unknown_is_null_and_whole_numbers_are_integers(analyzed) -> None:  # type: ignore[no-untyped-def]
    document = json.loads(analyzed("kinds/set-roofline.ncu-rep").to_json())
    op = document["ops"][0]
    assert op["dram_read_bytes"] is None
    assert isinstance(op["dram_bytes"], int)
    assert op["flop_by_pipe"]["tensor_fp4"] is None
    assert op["flop_by_pipe"]["tensor_bf16"] == 0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 2}', '{"schema_version": 1}', "nonsense"])
def test_other_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ReportError):
        load_report(path)


def test_frames_go_to_pandas(decode: RooflineReport) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    from roofprof.reports.files import ops_frame
    from roofprof.reports.pandas_frame import pandas_frame

    table = pandas_frame(ops_frame(decode))
    assert len(table) == 52
    assert table["dram_bytes"].sum() == sum(op.dram_bytes for op in decode.ops)  # type: ignore[misc]
