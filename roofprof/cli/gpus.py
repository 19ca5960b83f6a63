"""roofprof gpus."""

from typing import Annotated

import typer


def gpus(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """List the GPUs that --gpu knows: dense peaks, bandwidth, ridge points, and where the figures are from."""
    from roofprof.hardware.devices import bundled_gpus

    specs = list(bundled_gpus().values())
    if as_json:
        import json

        print(json.dumps({"schema_version": 1, "gpus": [spec.as_dict() for spec in specs]}))
        return
    from roofprof.reports.tables.formulas import print_gpus

    print_gpus(specs)
